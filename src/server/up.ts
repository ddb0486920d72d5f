import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { FatalError } from '../base/errors.ts'
import { DEFAULT_BOOTSTRAP, wholeNumber } from '../cli/session.ts'
import { HttpClient } from '../io/http-client.ts'
import { mirrorAddress } from '../mirror/address.ts'
import { LOCAL_KEY_FILE } from './cluster-key.ts'
import { missingHeapFlags } from './heap-flags.ts'
import { EXIT } from './process.ts'
import { parseServices, type Service, type Services } from './services.ts'

type UpOptions = {
  metadata: number
  storage: number
  metadataPort: number
  storagePort: number
  folder: string
  fresh?: boolean
  mirror?: string
}
type Node = {
  readonly kind: 'metadata' | 'storage'
  readonly service: Service
  readonly process: ChildProcess
  /** What a shell must be given to start it again by hand. */
  readonly command: string
}

const READY_TIMEOUT_MS = 30_000
const POLL_MS = 25
const STOP_TIMEOUT_MS = 10_000

/** `dmq up`: a whole cluster on this machine, one process per node, with what it needs made on the way. */
export function up(program: Command): void {
  program
    .command('up')
    .description('run a cluster on this machine: three metadata nodes and three storage nodes')
    .option('--metadata <n>', 'metadata nodes', wholeNumber, 3)
    .option('--storage <n>', 'storage nodes', wholeNumber, 3)
    .option('--metadata-port <port>', 'port of the first metadata node', wholeNumber, 9091)
    .option('--storage-port <port>', 'port of the first storage node', wholeNumber, 8081)
    .option('--folder <folder>', 'where data is kept for the next start', '.dmq')
    .option(
      '--mirror <url>',
      'mirror the metadata for SQL: sqlite:PATH or postgres://user:password@host/database',
    )
    .option('--fresh', 'forget the data of the last run')
    .addHelpText(
      'after',
      '\nExamples:\n  dmq up\n  dmq up --fresh\n  dmq up --metadata 1 --storage 1\n  dmq up --mirror sqlite:.dmq/mirror.db',
    )
    .action(runCluster)
}

async function runCluster(options: UpOptions): Promise<void> {
  const begun = performance.now()
  const folder = resolve(options.folder)
  const services = layout(options)
  // Here, once, and not by every node.
  if (options.mirror !== undefined) mirrorAddress(options.mirror)
  await checkPorts(services)
  if (options.fresh === true) rmSync(folder, { recursive: true, force: true })
  prepare(folder, services)
  const nodes = [
    ...services.metadata.map(service => startNode('metadata', service, options.folder, mirrored(options))),
    ...services.storage.map(service => startNode('storage', service, options.folder, {})),
  ]
  stopTogether(nodes)
  const controller = await ready(nodes)
  process.stdout.write(`\n${welcome(services, controller, options.folder, performance.now() - begun)}\n\n`)
}

function layout({ metadata, storage, metadataPort, storagePort }: UpOptions): Services {
  const metadataServices = Array.from({ length: metadata }, (_, i) => ({
    id: i + 1,
    host: 'localhost',
    port: metadataPort + i,
  }))
  const storageServices = Array.from({ length: storage }, (_, i) => ({
    id: 101 + i,
    host: 'localhost',
    port: storagePort + i,
    ...(metadata > 0 ? { pairedMetadataServiceId: (i % metadata) + 1 } : {}),
  }))
  return parseServices(
    { services: { 'metadata-services': metadataServices, 'storage-services': storageServices } },
    'dmq up',
  )
}

/** All ports at once, so that the answer names every one that is taken. */
async function checkPorts({ metadata, storage }: Services): Promise<void> {
  const taken: number[] = []
  for (const { port } of [...metadata, ...storage]) if (!(await isFree(port))) taken.push(port)
  if (taken.length === 0) return
  const ports = taken.length === 1 ? `port ${taken[0]} is` : `ports ${taken.join(', ')} are`
  throw new FatalError(
    `${ports} in use by another process. Stop it, or choose others with --metadata-port and --storage-port.`,
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: 'localhost' }, () => probe.close(() => resolve(true)))
  })
}

/** The files that nodes are started with; those of an earlier run are kept when they say the same. */
function prepare(folder: string, { metadata, storage }: Services): void {
  mkdirSync(folder, { recursive: true })
  const keyFile = join(folder, 'cluster.key')
  if (!existsSync(keyFile)) writeFileSync(keyFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
  const entry = ({ id, host, port, pairedId }: Service) => ({
    id,
    host,
    port,
    ...(pairedId === null ? {} : { pairedMetadataServiceId: pairedId }),
  })
  const text = JSON.stringify(
    { services: { 'metadata-services': metadata.map(entry), 'storage-services': storage.map(entry) } },
    null,
    2,
  )
  const file = join(folder, 'services.json')
  const founded = existsSync(join(folder, 'metadata-1'))
  if (founded && existsSync(file) && metadataIds(readFileSync(file, 'utf8')) !== metadataIds(text)) {
    throw new FatalError(
      `${folder} holds a cluster with another number of metadata nodes. Start it as it was, or add --fresh to forget it.`,
    )
  }
  writeFileSync(file, `${text}\n`)
}

function metadataIds(services: string): string {
  return parseServices(JSON.parse(services), 'services.json')
    .metadata.map(({ id }) => id)
    .join()
}

/** In the environment, where other users of the machine do not see a password. */
function mirrored({ mirror }: UpOptions): Record<string, string> {
  return mirror === undefined ? {} : { DMQ_MIRROR: mirror }
}

/** Children learn of a stop from this process alone, in order; when it is gone, their channel closes and they stop. */
function startNode(
  kind: Node['kind'],
  service: Service,
  folder: string,
  given: Readonly<Record<string, string>>,
): Node {
  const main = join(import.meta.dirname, '..', '..', 'bin', 'dmq.mjs')
  const heap = missingHeapFlags([], process.env.NODE_OPTIONS)
  const args = [...heap, main, ...nodeArguments(kind, service, resolve(folder))]
  const terminal = process.stdout.isTTY === true
  const env = {
    ...process.env,
    ...given,
    DMQ_SUPERVISED: '1',
    ...(terminal ? { LOG_FORMAT: process.env.LOG_FORMAT ?? 'story', FORCE_COLOR: '1' } : {}),
  }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return { kind, service, process: child, command: commandText(kind, service, folder, given) }
}

function nodeArguments(kind: Node['kind'], { id }: Service, folder: string): string[] {
  return [
    kind,
    '--node-id',
    String(id),
    '--services',
    join(folder, 'services.json'),
    '--cluster-key-file',
    join(folder, 'cluster.key'),
    '--data-dir',
    join(folder, `${kind}-${id}`),
  ]
}

/** For the directory that this process was started in. */
function commandText(
  kind: Node['kind'],
  service: Service,
  folder: string,
  given: Readonly<Record<string, string>>,
): string {
  const variables = Object.entries(given).map(([name, value]) => `${name}=${quoted(shown(value))} `)
  return `${variables.join('')}npx dmq ${nodeArguments(kind, service, folder).map(quoted).join(' ')}`
}

/** The address of a database may hold a password, which no terminal should show. */
function shown(mirror: string): string {
  return mirror.startsWith('sqlite:') ? mirror : 'postgres://...'
}

function quoted(argument: string): string {
  return /^[\w./:=@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`
}

function stopTogether(nodes: readonly Node[]): void {
  let stopping = false
  const stop = async (code: number): Promise<void> => {
    if (stopping) process.exit(EXIT.failed)
    stopping = true
    // Storage nodes first: while the controller lives, they can hand over what they lead.
    for (const kind of ['storage', 'metadata'] as const)
      await stopAll(nodes.filter(node => node.kind === kind))
    process.exit(code)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(EXIT.ok))
  for (const node of nodes) {
    node.process.on('exit', (code, signal) => {
      if (stopping) return
      process.stderr.write(endedText(node, signal ?? `exit code ${code}`))
      if (nodes.every(({ process: { exitCode, signalCode } }) => exitCode !== null || signalCode !== null))
        void stop(EXIT.failed)
    })
  }
}

function endedText({ kind, service, command }: Node, how: string): string {
  return (
    `dmq: ${kind} node ${service.id} ended (${how}). To start it again, on its data, in another terminal (Ctrl-C there stops it, not here):\n` +
    `  ${command}\n`
  )
}

async function stopAll(nodes: readonly Node[]): Promise<void> {
  await Promise.all(nodes.map(({ process: child }) => stopOne(child)))
}

async function stopOne(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const over = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await over
  clearTimeout(timer)
}

/** Waits until every node says that it is ready; returns the controller's id. */
async function ready(nodes: readonly Node[]): Promise<number> {
  const http = new HttpClient()
  const until = performance.now() + READY_TIMEOUT_MS
  for (const { kind, service, process: child } of nodes) {
    while (!(await answersReady(http, service.url))) {
      if (child.exitCode !== null)
        throw new FatalError(`${kind} node ${service.id} did not start; its reason is above`)
      if (performance.now() > until)
        throw new FatalError(`${kind} node ${service.id} is not ready after ${READY_TIMEOUT_MS / 1_000} s`)
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  }
  const { body } = await http.send({
    method: 'GET',
    url: `${nodes[0]!.service.url}/api/v1/metadata/controller`,
    timeoutMs: READY_TIMEOUT_MS,
  })
  await http.close()
  return (body as { controllerId: number }).controllerId
}

async function answersReady(http: HttpClient, url: string): Promise<boolean> {
  try {
    return (await http.send({ method: 'GET', url: `${url}/health/ready`, timeoutMs: 1_000 })).status === 200
  } catch {
    return false
  }
}

function welcome(
  { metadata, storage }: Services,
  controller: number,
  folder: string,
  tookMs: number,
): string {
  const url = metadata.find(({ id }) => id === controller)?.url ?? metadata[0]!.url
  const replicas = Math.min(3, storage.length)
  return [
    `The cluster is ready after ${(tookMs / 1_000).toFixed(1)} s. Metadata node ${controller} is the controller: ${url}`,
    `Data is kept in ${folder} for the next start. Ctrl-C stops everything.`,
    '',
    'Five things to try in another terminal:',
    ...elsewhere(metadata, folder),
    `  1. npx dmq topic create orders --partitions 6 --replication-factor ${replicas}`,
    '  2. npx dmq topic describe orders',
    '  3. npx dmq quorum',
    `  4. kill -9 $(pgrep -f ${processPattern(controller, folder)})    # the controller; another takes over`,
    `  5. curl -s ${metadata[0]!.url}/api/v1/metadata/cluster    # and ${metadata[0]!.url}/docs in a browser`,
  ].join('\n')
}

/** What the commands must be told of a cluster that is not where they look for one by themselves. */
function elsewhere(metadata: readonly Service[], folder: string): string[] {
  const urls = metadata.map(({ url }) => url)
  const key = join(folder, 'cluster.key')
  const variables = [
    ...(urls.join() === DEFAULT_BOOTSTRAP ? [] : [`DMQ_BOOTSTRAP=${quoted(urls.join())}`]),
    ...(resolve(key) === resolve(LOCAL_KEY_FILE) ? [] : [`CLUSTER_KEY_FILE=${quoted(resolve(key))}`]),
  ]
  return variables.length === 0 ? [] : [`     export ${variables.join(' ')}    # first`]
}

/** Finds one node of this cluster, and none of another on the same machine. */
function processPattern(nodeId: number, folder: string): string {
  const services = join(resolve(folder), 'services.json').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return `'${`dmq.mjs metadata --node-id ${nodeId} --services ${services} `.replaceAll("'", `'\\''`)}'`
}
