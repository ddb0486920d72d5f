import type { Socket } from 'node:net'
import { join } from 'node:path'
import { listen } from '../api/app.ts'
import { metadataApi } from '../api/metadata-api.ts'
import { RequestMeasures } from '../api/request-measures.ts'
import { SessionDoors } from '../api/session-doors.ts'
import { counted } from '../base/counted.ts'
import { FatalError, messageOf } from '../base/errors.ts'
import { PROTOCOL } from '../consensus/message-codec.ts'
import type { SnapshotOptions } from '../consensus/snapshots.ts'
import { BrokerLinks } from '../controller/broker-links.ts'
import { Controller } from '../controller/controller.ts'
import { MetadataHeartbeats } from '../controller/metadata-heartbeats.ts'
import type { FrameSocket } from '../io/frame-socket.ts'
import { HttpClient } from '../io/http-client.ts'
import { nodeClock } from '../io/node-clock.ts'
import { nodeDisk } from '../io/node-disk.ts'
import { type Accepted, NodeNetwork, STREAM_PATH } from '../io/node-network.ts'
import { nodeRandom } from '../io/node-random.ts'
import { SESSION_PATH } from '../io/session-network.ts'
import { LockFile } from '../log/lock-file.ts'
import type { RaftOptions } from '../raft/options.ts'
import { type Configuration, membersOf } from '../raft/voters.ts'
import { BrokerSessions } from './broker-sessions.ts'
import { requireClusterKey } from './cluster-key.ts'
import { type Identity, openIdentity } from './identity.ts'
import { logStore } from './log-store.ts'
import { createLogger } from './logger.ts'
import { controllerStory, leadershipStory, peerStory, refusalStory, removalStory } from './metadata-events.ts'
import { MetadataNode } from './metadata-node.ts'
import { LeadershipWatch } from './metrics/leadership-watch.ts'
import { metadataMetrics } from './metrics/metadata-metrics.ts'
import { mirrorMetrics } from './metrics/mirror.ts'
import { sessionLinkMetrics } from './metrics/session-links.ts'
import { prepareMirror } from './mirror.ts'
import type { Options } from './options.ts'
import type { Server } from './process.ts'
import { readiness } from './readiness.ts'
import { readServices, type Service, type Services } from './services.ts'
import { VERSION } from './version.ts'

const WRITE_TIMEOUT_MS = 10_000
const HAND_OVER_TIMEOUT_MS = 1_000
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
  const buildMirror = await prepareMirror(options, log)
  const folder = options.dataDir ?? join('.dmq', `metadata-${self.id}`)
  const lock = LockFile.acquire(nodeDisk, folder)
  const identity = openIdentity(nodeDisk, nodeRandom, folder, 'metadata', self.id)
  const http = new HttpClient()
  const tellLeadership = leadershipStory(log)
  const tellRefusal = refusalStory(log)
  const leaderships = new LeadershipWatch(nodeClock)
  const network = new NodeNetwork(self.id, key, PROTOCOL)
  const targets = services.metadata
    .filter(({ id }) => id !== self.id)
    .map(({ id, host, port }) => ({ nodeId: id, host, port }))
  const openLog = logStore(options.logStore!, folder, identity.directoryUuid)
  const raft = raftOptions(options, services, self.id, identity)
  const node: MetadataNode = await MetadataNode.open(
    {
      raft,
      folder,
      targets,
      freeBytesMin: options.freeBytesMin!,
      changeRingBytes: options.changeRingBytes!,
      ...(openLog === null ? {} : { openLog }),
    },
    { disk: nodeDisk, clock: nodeClock, network },
    {
      ...peerStory(log),
      members: removalStory(log, { id: self.id, uuid: identity.directoryUuid }),
      changed(leadership) {
        tellLeadership(leadership)
        leaderships.changed(leadership)
        sessions.leadershipChanged(leadership)
        controller.leadershipChanged(leadership)
        mirror?.leadershipChanged(leadership)
      },
      refused(refusal) {
        tellRefusal(refusal)
        if (refusal.reason === 'wipedReceiver') fatal(wiped(folder, refusal.text))
        if (refusal.reason === 'fenced') fatal(new FatalError(`${folder}: ${refusal.text}`))
      },
      fatal,
    },
  )
  const { consensus, replica } = node
  const url = self.url
  const links = new BrokerLinks()
  const doors = new SessionDoors()
  const sessions = new BrokerSessions({ key, links, doors, consensus, replica, log })
  const controller = new Controller(
    {
      nodeId: self.id,
      url,
      sessionTimeoutMs: options.sessionTimeoutMs!,
      leaderBalanceDelayMs: options.leaderBalanceDelayMs!,
      firstLevels: { 'metadata.version': options.firstMetadataVersion! },
      moves: { recoveryDelayMs: options.recoveryDelayMs! },
      movesMax: options.movesMax!,
    },
    {
      consensus,
      replica,
      clock: nodeClock,
      random: nodeRandom,
      key,
      http,
      links,
      events: controllerStory(log),
    },
  )
  const mirror = buildMirror?.({ consensus, replica })
  const configured = new Map(services.metadata.map(service => [service.id, service.url]))
  const urlOf = (id: number): string | undefined =>
    configured.get(id) ?? recordedUrl(consensus.configuration, id)
  const context = {
    nodeId: self.id,
    consensus,
    controller,
    replica,
    clock: nodeClock,
    key,
    http,
    doors,
    links,
    urlOf,
    timeoutMs: WRITE_TIMEOUT_MS,
    oldestProtocol: () => node.oldestProtocol,
  }
  const { electionTimeoutMs } = raft
  const watched = {
    id: self.id,
    node,
    controller,
    leaderships,
    requests: new RequestMeasures(),
    readiness: () => readiness({ consensus, room: node.room, electionTimeoutMs }),
  }
  const exposition = metadataMetrics(watched)
  sessionLinkMetrics(exposition, links)
  if (mirror !== undefined) mirrorMetrics(exposition, mirror)
  const app = await metadataApi(context, {
    version: VERSION,
    readiness: watched.readiness,
    requests: watched.requests,
    scrape: exposition,
    onBug: (error, { method, url }) =>
      log('error', 'bug', `${method} ${url}: ${(error as Error).stack ?? messageOf(error)}`),
  })
  const streams = new Set<FrameSocket>()
  const heartbeats = new MetadataHeartbeats({ ...context, leadership: () => consensus.leadership })
  app.server.on('upgrade', (request, socket, head) => {
    if (request.url === SESSION_PATH) return sessions.accept(request, socket as Socket, head)
    if (request.url !== STREAM_PATH)
      return void socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    const events = {
      opened: (s: FrameSocket) => void streams.add(s),
      frame: (from: number, bytes: Buffer) => node.frame(from, bytes),
      proven: (from: number, stream: Accepted) => node.streamOpened(from, stream),
      closed: (s: FrameSocket, proven: { from: number; stream: Accepted } | null) => {
        streams.delete(s)
        if (proven !== null) node.streamClosed(proven.from, proven.stream)
      },
    }
    network.accept(request, socket as Socket, head, events)
  })
  await listen(app, options.host ?? self.host, options.port ?? self.port)
  log('info', 'started', `serves REST and Raft at ${url}; data in ${folder}`, {
    url,
    folder,
    version: VERSION,
  })

  heartbeats.start()

  return {
    async stop() {
      heartbeats.stop()
      // The next controller is at work before this one goes: nobody waits for an election timeout.
      await consensus.handOver(HAND_OVER_TIMEOUT_MS)
      controller.stop()
      await mirror?.stop()
      links.closeAll('the metadata node is stopping')
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

/** Of a node that joined later, which the configuration file need not name. */
function recordedUrl(members: Configuration | null, id: number): string | undefined {
  const member = membersOf(members).find(each => each.id === id)
  return member?.host === undefined || member.port === undefined
    ? undefined
    : `http://${member.host}:${member.port}`
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
    `kraft.cluster-size is ${clusterSize}, but services.json has ${counted(metadata.length, 'metadata node')}`,
  )
}

function raftOptions(
  options: Options,
  services: Services,
  id: number,
  identity: Identity,
): RaftOptions & SnapshotOptions {
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
    snapshotPartBytes: 512 * KIB,
    snapshotBytesMin: options.snapshotBytes!,
    readsMax: 10_000,
    random: nodeRandom.fraction,
  }
}

function wiped(folder: string, text: string): FatalError {
  return new FatalError(
    `${folder}: ${text}. Put the original data directory back. If it is lost, do not start this node: while a majority of the ` +
      'metadata nodes runs on its own disks, the cluster goes on without it; no acknowledged data is lost.',
  )
}
