import type { Socket } from 'node:net'
import { join } from 'node:path'
import { listen } from '../api/app.ts'
import { metadataApi } from '../api/metadata-api.ts'
import type { Readiness } from '../api/operations/health.ts'
import { FatalError, messageOf } from '../base/errors.ts'
import type { Leadership } from '../consensus/consensus.ts'
import { Controller } from '../controller/controller.ts'
import type { FrameSocket } from '../io/frame-socket.ts'
import { HttpClient } from '../io/http-client.ts'
import { nodeClock } from '../io/node-clock.ts'
import { nodeDisk } from '../io/node-disk.ts'
import { NodeNetwork, STREAM_PATH } from '../io/node-network.ts'
import { nodeRandom } from '../io/node-random.ts'
import { LockFile } from '../log/lock-file.ts'
import type { RaftOptions } from '../raft/core.ts'
import { requireClusterKey } from './cluster-key.ts'
import { type Identity, openIdentity } from './identity.ts'
import { createLogger } from './logger.ts'
import { controllerStory, leadershipStory, peerStory, refusalStory } from './metadata-events.ts'
import { MetadataNode } from './metadata-node.ts'
import type { Options } from './options.ts'
import type { Server } from './process.ts'
import { readServices, type Service, type Services } from './services.ts'
import { VERSION } from './version.ts'

const WRITE_TIMEOUT_MS = 10_000
const KIB = 1024
const MIB = 1024 * KIB

/** Builds a metadata node from its options and starts it. `fatal` is called when it cannot go on. */
export async function startMetadataServer(
  options: Options,
  fatal: (error: unknown) => void,
): Promise<Server> {
  const services = readServices(options.services ?? 'services.json')
  const self = ownService(services.metadata, options)
  checkClusterSize(services, options)
  const key = requireClusterKey(options.clusterKeyFile, options.clusterKey)
  const log = createLogger({
    node: `metadata-${self.id}`,
    level: options.logLevel!,
    format: options.logFormat!,
  })
  const folder = options.dataDir ?? join('.dmq', `metadata-${self.id}`)
  const lock = LockFile.acquire(nodeDisk, folder)
  const identity = openIdentity(nodeDisk, nodeRandom, folder, 'metadata', self.id)
  const http = new HttpClient()
  const tellLeadership = leadershipStory(log)
  const tellRefusal = refusalStory(log)
  const network = new NodeNetwork(self.id, key)
  const targets = services.metadata
    .filter(({ id }) => id !== self.id)
    .map(({ id, host, port }) => ({ nodeId: id, host, port }))
  const node: MetadataNode = await MetadataNode.open(
    { raft: raftOptions(options, services, self.id, identity), folder, targets },
    { disk: nodeDisk, clock: nodeClock, network },
    {
      ...peerStory(log),
      changed(leadership) {
        tellLeadership(leadership)
        controller.leadershipChanged(leadership)
      },
      refused(refusal) {
        tellRefusal(refusal)
        if (refusal.reason === 'wipedReceiver') fatal(wiped(folder, refusal.text))
      },
      fatal,
    },
  )
  const { consensus, replica } = node
  const url = self.url
  const controller = new Controller(
    { nodeId: self.id, url, sessionTimeoutMs: options.sessionTimeoutMs! },
    { consensus, replica, clock: nodeClock, random: nodeRandom, key, http, events: controllerStory(log) },
  )
  const urls = new Map(services.metadata.map(service => [service.id, service.url]))
  const context = {
    nodeId: self.id,
    consensus,
    controller,
    replica,
    clock: nodeClock,
    key,
    http,
    urls,
    timeoutMs: WRITE_TIMEOUT_MS,
  }
  const app = await metadataApi(context, {
    version: VERSION,
    readiness: () => readiness(consensus.leadership, consensus.status().awaited),
    onBug: (error, { method, url }) =>
      log('error', 'bug', `${method} ${url}: ${(error as Error).stack ?? messageOf(error)}`),
  })
  const streams = new Set<FrameSocket>()
  app.server.on('upgrade', (request, socket, head) => {
    if (request.url !== STREAM_PATH)
      return void socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    const events = {
      opened: (s: FrameSocket) => void streams.add(s),
      frame: (from: number, bytes: Buffer) => node.frame(from, bytes),
      closed: (s: FrameSocket) => void streams.delete(s),
    }
    network.accept(request, socket as Socket, head, events)
  })
  await listen(app, options.host ?? self.host, options.port ?? self.port)
  log('info', 'started', `serves REST and Raft at ${url}; data in ${folder}`, {
    url,
    folder,
    version: VERSION,
  })

  return {
    async stop() {
      controller.stop()
      node.stop()
      for (const stream of streams) stream.close()
      await app.close()
      await http.close()
      await node.close()
      lock.release()
      log('info', 'stopped', 'stopped')
    },
  }
}

function ownService(services: readonly Service[], { nodeId }: Options): Service {
  const known = services.map(service => service.id).join(', ')
  if (nodeId === null)
    throw new FatalError(`which node is this? Give --node-id (or KRAFT_NODE_ID); services.json has ${known}`)
  const self = services.find(service => service.id === nodeId)
  if (self === undefined) throw new FatalError(`node ${nodeId} is not in services.json; it has ${known}`)
  return self
}

function checkClusterSize({ metadata }: Services, { clusterSize }: Options): void {
  if (clusterSize === null || clusterSize === metadata.length) return
  throw new FatalError(
    `kraft.cluster-size is ${clusterSize}, but services.json has ${metadata.length} metadata nodes`,
  )
}

function raftOptions(options: Options, services: Services, id: number, identity: Identity): RaftOptions {
  return {
    id,
    uuid: identity.directoryUuid,
    configuredVoters: services.metadata.map(service => service.id),
    newClusterId: nodeRandom.uuid(),
    electionTimeoutMs: services.electionTimeoutMs ?? options.electionTimeoutMs!,
    electionJitterMs: options.electionJitterMs!,
    heartbeatIntervalMs: options.raftHeartbeatMs!,
    commitNoticeDelayMs: 2,
    appendBytesMax: 256 * KIB,
    inflightCountMax: 256,
    inflightBytesMax: 4 * MIB,
    uncommittedBytesMax: 64 * MIB,
    tailBytesMax: 16 * MIB,
    random: nodeRandom.fraction,
  }
}

function readiness({ leader, ready, role, term }: Leadership, awaited: readonly number[]): Readiness {
  if (awaited.length > 0)
    return {
      ready: false,
      reasons: [`the cluster is not founded yet: waiting for metadata nodes ${awaited.join(', ')}`],
    }
  if (ready || (role === 'FOLLOWER' && leader !== null)) return { ready: true, reasons: [] }
  return {
    ready: false,
    reasons: [leader === null ? `no controller in term ${term}` : 'this controller is just beginning'],
  }
}

function wiped(folder: string, text: string): FatalError {
  return new FatalError(
    `${folder}: ${text}. Put the original data directory back. If it is lost, do not start this node: while a majority of the ` +
      'metadata nodes runs on its own disks, the cluster goes on without it; no acknowledged data is lost.',
  )
}
