import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Hosts } from './hosts.ts'

const root = join(import.meta.dirname, '..', '..')
const LOOPBACK = '127.0.0.1'

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, LOOPBACK))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

export async function request(
  method: string,
  url: string,
  body?: unknown,
): Promise<{ status: number; body: any }> {
  try {
    const response = await fetch(url, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: AbortSignal.timeout(5_000),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? null : JSON.parse(text) }
  } catch {
    return { status: 0, body: null }
  }
}

export async function until<T>(what: string, attempt: () => Promise<T | null>): Promise<T> {
  for (const end = performance.now() + 30_000; performance.now() < end; await pause(20)) {
    const result = await attempt()
    if (result !== null) return result
  }
  throw new Error(`waited 30 s for: ${what}`)
}

/** A member of a group: it can be killed and started again on its data. */
export class Member {
  readonly port: number
  readonly url: string
  readonly #start: () => ChildProcess
  #child: ChildProcess

  constructor(port: number, start: () => ChildProcess, host = LOOPBACK) {
    this.port = port
    this.url = `http://${host}:${port}`
    this.#start = start
    this.#child = start()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The process stands still, and its connections stay open: a host that went silent. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  wake(): void {
    this.#child.kill('SIGCONT')
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const over = once(this.#child, 'exit')
    this.#child.kill(signal)
    await over
  }

  restart(): void {
    this.#child = this.#start()
  }
}

/** How a group is asked. */
type Ways = { readonly leads: (url: string) => Promise<boolean>; readonly readyPath: string }

/** A running group of servers under measurement. */
export class Group {
  readonly name: string
  readonly members: readonly Member[]
  readonly #ways: Ways

  constructor(name: string, members: readonly Member[], ways: Ways) {
    this.name = name
    this.members = members
    this.#ways = ways
  }

  leader(): Promise<Member> {
    return until(`a leader of ${this.name}`, async () => {
      for (const member of this.members) if (await this.#ways.leads(member.url)) return member
      return null
    })
  }

  /** It serves, as a leader or with one. */
  async isReady({ url }: Member): Promise<boolean> {
    return (await request('GET', `${url}${this.#ways.readyPath}`)).status === 200
  }

  /** A profile is written only by a process that ends by itself. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map(member => member.end(PROFILE === undefined ? 'SIGKILL' : 'SIGTERM')))
  }
}

const PROFILE = process.env.DMQ_BENCH_PROFILE

const ENV = { ...process.env, CLUSTER_KEY: 'a-key-for-benchmarks', LOG_LEVEL: 'warn' }

/** Three metadata nodes of this tree. `brokers`: storage nodes to be started with {@link startStorage}. */
export async function startDmq(
  folder: string,
  brokers: readonly number[] = [],
  hosts: Hosts | null = null,
): Promise<Group> {
  const all = await freePorts(3 + brokers.length)
  const ports = all.slice(0, 3)
  mkdirSync(folder, { recursive: true })
  const services = join(folder, 'services.json')
  const hostOf = (i: number): string => hosts?.addresses[i] ?? LOOPBACK
  const metadataServices = ports.map((port, i) => ({ id: i + 1, host: hostOf(i), port }))
  const storageServices = brokers.map((id, i) => ({ id, host: LOOPBACK, port: all[3 + i]! }))
  writeFileSync(services, JSON.stringify({ metadataServices, storageServices }))
  const profile = PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${PROFILE}`]
  const members = ports.map((port, i) => {
    const args = [
      'metadata',
      '--node-id',
      String(i + 1),
      '--services',
      services,
      '--data-dir',
      join(folder, `node-${i + 1}`),
    ]
    // Brokers without a process behind them must not be fenced in the middle of a measurement.
    const sessions = brokers.length > 0 ? [] : ['--session-timeout-ms', '3600000']
    const program = [process.execPath, ...profile, join(root, 'bin', 'dmq.mjs'), ...args, ...sessions]
    const [command, ...rest] = hosts?.on(i, program) ?? program
    const start = () => spawn(command!, rest, { env: ENV, stdio: ['ignore', 'ignore', 'inherit'] })
    return new Member(port, start, hostOf(i))
  })
  const leads = async (url: string): Promise<boolean> => {
    const { status, body } = await request('GET', `${url}/api/v1/metadata/controller`)
    return status === 200 && body.nodeState === 'LEADER'
  }
  return new Group('DMQ', members, { leads, readyPath: '/health/ready' })
}

/** Storage nodes of a group that was started for them, in its folder. */
export function startStorage(folder: string, brokers: readonly number[]): Member[] {
  const services = join(folder, 'services.json')
  const { storageServices } = JSON.parse(readFileSync(services, 'utf8')) as {
    storageServices: { id: number; port: number }[]
  }
  return brokers.map(id => {
    const { port } = storageServices.find(service => service.id === id)!
    const where = ['--services', services, '--data-dir', join(folder, `storage-${id}`)]
    const command = [join(root, 'bin', 'dmq.mjs'), 'storage', '--node-id', String(id), ...where]
    return new Member(port, () =>
      spawn(process.execPath, command, { env: ENV, stdio: ['ignore', 'ignore', 'inherit'] }),
    )
  })
}

/** Topics `bench-0` to `bench-<count - 1>`, on a broker that needs no process. */
export async function createTopics(group: Group, count: number): Promise<void> {
  const base = `${(await group.leader()).url}/api/v1/metadata`
  await until('a broker', async () => {
    const { status } = await request('POST', `${base}/brokers`, { brokerId: 1, host: LOOPBACK, port: 1 })
    return status === 201 ? true : null
  })
  for (let i = 0; i < count; i++) {
    const { status } = await request('POST', `${base}/topics`, {
      topicName: `bench-${i}`,
      numPartitions: 1,
      replicationFactor: 1,
    })
    if (status !== 201) throw new Error(`topic bench-${i}: ${status}`)
  }
}

/** Three etcd nodes with their defaults (sync on). Null: etcd is not installed. */
export async function startEtcd(folder: string, hosts: Hosts | null = null): Promise<Group | null> {
  if (spawnSync('etcd', ['--version']).error !== undefined) return null
  const ports = await freePorts(6)
  const hostOf = (i: number): string => hosts?.addresses[i] ?? LOOPBACK
  const peers = [0, 1, 2].map(i => `n${i}=http://${hostOf(i)}:${ports[i + 3]}`).join(',')
  mkdirSync(folder, { recursive: true })
  const members = [0, 1, 2].map(i => {
    const client = `http://${hostOf(i)}:${ports[i]}`
    const peer = `http://${hostOf(i)}:${ports[i + 3]}`
    const args = [
      '--name',
      `n${i}`,
      '--data-dir',
      join(folder, `n${i}`),
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
    ]
    args.push(
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      peers,
      '--log-level',
      'error',
    )
    const [command, ...rest] = hosts?.on(i, ['etcd', ...args]) ?? ['etcd', ...args]
    return new Member(ports[i]!, () => spawn(command!, rest, { stdio: 'ignore' }), hostOf(i))
  })
  const leads = async (url: string): Promise<boolean> => {
    const { status, body } = await request('POST', `${url}/v3/maintenance/status`, {})
    return status === 200 && body.leader !== undefined && body.leader === body.header.member_id
  }
  return new Group('etcd', members, { leads, readyPath: '/health' })
}
