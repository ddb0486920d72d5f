import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { HEAP_FLAGS } from '../../src/server/heap-flags.ts'

export const root = dirname(dirname(import.meta.dirname))
const main = join(root, 'bin', 'dmq.mjs')
export const CLUSTER_KEY = 'a-key-for-tests-and-nothing-else'

export type ServiceEntry = { id: number; host: string; port: number; rack?: string }
export type NodeKind = 'metadata' | 'storage'

/** One process of a cluster under test; it can be killed, paused, woken and started again on its data. */
export class NodeProcess {
  readonly kind: NodeKind
  readonly entry: ServiceEntry
  readonly folder: string
  readonly #args: readonly string[]
  #child: ChildProcess | null = null
  output = ''

  constructor(kind: NodeKind, entry: ServiceEntry, home: string, args: readonly string[]) {
    this.kind = kind
    this.entry = entry
    this.folder = join(home, `${kind}-${entry.id}`)
    this.#args = args
  }

  get url(): string {
    return `http://localhost:${this.entry.port}`
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** `release`: the `dmq` to run, if not the one of this tree. */
  start(release = main): void {
    const args = [
      release,
      this.kind,
      '--node-id',
      String(this.entry.id),
      '--data-dir',
      this.folder,
      ...this.#args,
    ]
    // As `dmq up` starts them: without the flags each would begin anew with them.
    this.#child = spawn(process.execPath, [...HEAP_FLAGS, ...args], {
      env: { ...process.env, CLUSTER_KEY, LOG_FORMAT: 'json' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    endWithUs(this.#child)
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-100_000)
    }
    this.#child.stdout!.on('data', keep)
    this.#child.stderr!.on('data', keep)
  }

  /** What it has logged of this event, the newest last. */
  logged(event: string): any[] {
    const lines = this.output.split('\n').filter(line => line.includes(`"event":"${event}"`))
    return lines.map(line => JSON.parse(line))
  }

  /** Sends a signal and, where it ends the process, waits for that. Returns the exit code, null after a signal. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (!this.running) return this.#child?.exitCode ?? null
    const over = once(this.#child!, 'close')
    this.#child!.kill(signal)
    await over
    return this.#child!.exitCode
  }

  /** Waits until the process ends by itself; returns its exit code. */
  async ended(): Promise<number | null> {
    if (this.running) await once(this.#child!, 'close')
    return this.#child!.exitCode
  }

  pause(): void {
    this.#child!.kill('SIGSTOP')
  }

  wake(): void {
    this.#child!.kill('SIGCONT')
  }
}

const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** Nothing is left running, however this process ends short of being killed; not even what stands still. */
function endWithUs(child: ChildProcess): void {
  children.add(child)
  child.once('exit', () => children.delete(child))
}

export type Answer = { status: number; body: any; headers: Headers }

/** A request that never throws: what nobody answers has status 0. */
export async function ask(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? null : JSON.parse(text), headers: response.headers }
  } catch {
    return { status: 0, body: null, headers: new Headers() }
  }
}

const PAUSE_MS = 10
/** Who waits for long asks less often: each question costs those a core that are to become ready. */
const PAUSE_MS_MAX = 150

/** Asks again until `attempt` returns something, as events over HTTP can only be asked for. Fails after `timeoutMs`. */
export async function until<T>(
  what: string,
  attempt: () => Promise<T | null | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const end = performance.now() + timeoutMs
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(1.3 * pauseMs, PAUSE_MS_MAX)) {
    const result = await attempt()
    if (result !== null && result !== undefined && result !== false) return result
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for: ${what}`)
    await pause(pauseMs)
  }
}

/** `racks`: of the storage nodes in turn, as many as are named; the next begins with the first again. `pair`: of all of them. */
export type ClusterOptions = {
  metadata: number
  storage: number
  racks?: readonly string[]
  pair?: number
  args?: readonly string[]
}

/** A cluster of real processes on free ports, its data in a temporary folder. Dispose of it to end all of it. */
export class Cluster {
  readonly home: string
  readonly metadata: NodeProcess[]
  readonly storage: NodeProcess[]
  readonly #args: readonly string[]

  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = await Cluster.prepare(options)
    for (const node of cluster.all) node.start()
    await cluster.ready()
    return cluster
  }

  /** Everything but the processes. */
  static async prepare({ metadata, storage, racks = [], pair, args = [] }: ClusterOptions): Promise<Cluster> {
    const ports = await freePorts(metadata + storage)
    const entry = (firstId: number, offset: number) => (i: number) => ({
      id: firstId + i,
      host: 'localhost',
      port: ports[offset + i]!,
    })
    const metadataServices = Array.from({ length: metadata }, (_, i) => entry(1, 0)(i))
    const storageServices = Array.from({ length: storage }, (_, i) => ({
      ...entry(101, metadata)(i),
      ...(racks.length === 0 ? {} : { rack: racks[i % racks.length]! }),
      ...(pair === undefined ? {} : { pairedMetadataServiceId: pair }),
    }))
    const home = mkdtempSync(join(tmpdir(), 'dmq-'))
    const services = join(home, 'services.json')
    writeFileSync(
      services,
      JSON.stringify({
        services: { 'metadata-services': metadataServices, 'storage-services': storageServices },
      }),
    )
    return new Cluster(home, metadataServices, storageServices, services, args)
  }

  private constructor(
    home: string,
    metadata: ServiceEntry[],
    storage: ServiceEntry[],
    services: string,
    args: readonly string[],
  ) {
    this.home = home
    this.#args = args
    const all = ['--services', services, ...args]
    this.metadata = metadata.map(entry => new NodeProcess('metadata', entry, home, all))
    this.storage = storage.map(entry => new NodeProcess('storage', entry, home, all))
  }

  get all(): NodeProcess[] {
    return [...this.metadata, ...this.storage]
  }

  /** Every running node says that it is ready. */
  async ready(): Promise<void> {
    for (const node of this.all.filter(({ running }) => running)) {
      await until(
        `${node.kind} ${node.entry.id} is ready\n${node.output}`,
        async () => (await ask('GET', `${node.url}/health/ready`)).status === 200,
      )
    }
  }

  /** The node that is controller now, according to a majority of the running ones. */
  async controller(): Promise<NodeProcess> {
    return until('a controller that answers as one', async () => {
      for (const node of this.metadata.filter(({ running }) => running)) {
        const { status, body } = await ask('GET', `${node.url}/api/v1/metadata/controller`)
        if (status !== 200 || body.nodeState !== 'LEADER') continue
        if ((await ask('GET', `${node.url}/health/ready`)).status === 200) return node
      }
      return null
    })
  }

  /** A write at whoever is controller; tried again only while it was certainly not done (503, or nobody there). */
  async write(method: string, path: string, body?: unknown): Promise<Answer> {
    return until(`${method} ${path} is answered`, async () => {
      for (const node of this.metadata) {
        const answer = await ask(method, `${node.url}/api/v1/metadata${path}`, body)
        if (answer.status !== 0 && answer.status !== 503) return answer
      }
      return null
    })
  }

  readAt(node: NodeProcess, path: string): Promise<Answer> {
    return ask('GET', `${node.url}/api/v1/metadata${path}`)
  }

  /** A read at any node that answers it. */
  async read(path: string): Promise<Answer> {
    return until(`GET ${path} is answered`, async () => {
      for (const node of this.metadata.filter(({ running }) => running)) {
        const answer = await this.readAt(node, path)
        if (answer.status === 200) return answer
      }
      return null
    })
  }

  /** Starts one more metadata node, empty, that knows of the others from a file of its own. It is no member yet. */
  async addMetadataNode(id: number, args: readonly string[] = []): Promise<NodeProcess> {
    const [port] = await freePorts(1)
    const entry = { id, host: 'localhost', port: port! }
    const services = join(this.home, `services-${id}.json`)
    const all = [...this.metadata.map(node => node.entry), entry]
    writeFileSync(services, JSON.stringify({ services: { 'metadata-services': all } }))
    const node = new NodeProcess('metadata', entry, this.home, ['--services', services, ...args])
    node.start()
    await until(
      `node ${id} answers\n${node.output}`,
      async () => (await ask('GET', `${node.url}/health/live`)).status === 200,
    )
    this.metadata.push(node)
    return node
  }

  /** Starts one more storage node, empty, from a file of its own, with the options of the others. */
  async addStorageNode(id: number, rack?: string): Promise<NodeProcess> {
    const [port] = await freePorts(1)
    const entry = { id, host: 'localhost', port: port!, ...(rack === undefined ? {} : { rack }) }
    const services = join(this.home, `services-${id}.json`)
    const lists = { 'metadata-services': this.metadata.map(node => node.entry), 'storage-services': [entry] }
    writeFileSync(services, JSON.stringify({ services: lists }))
    const node = new NodeProcess('storage', entry, this.home, ['--services', services, ...this.#args])
    this.storage.push(node)
    node.start()
    await this.ready()
    return node
  }

  /** Runs a command of the CLI against the running metadata nodes; returns what it prints. */
  async dmq(...args: string[]): Promise<string> {
    const urls = this.metadata.filter(({ running }) => running).map(({ url }) => url)
    const env = { ...process.env, CLUSTER_KEY, DMQ_BOOTSTRAP: urls.join(',') }
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env })
    return stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.all) if (node.running) node.wake()
    await Promise.all(this.all.map(node => node.end('SIGKILL')))
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, 'localhost'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as { port: number }).port)
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
