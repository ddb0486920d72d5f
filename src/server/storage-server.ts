import { join } from 'node:path'
import { listen } from '../api/app.ts'
import { RequestMeasures } from '../api/request-measures.ts'
import { SessionDoors } from '../api/session-doors.ts'
import { storageApi } from '../api/storage-api.ts'
import { FatalError, messageOf } from '../base/errors.ts'
import { StorageNode } from '../broker/broker.ts'
import type { BrokerEvents } from '../broker/events.ts'
import { MetadataClient } from '../broker/metadata-client.ts'
import { diskSpace } from '../io/disk-space.ts'
import { HttpClient } from '../io/http-client.ts'
import { nodeClock } from '../io/node-clock.ts'
import { nodeDisk } from '../io/node-disk.ts'
import { nodeRandom } from '../io/node-random.ts'
import { SessionNetwork } from '../io/session-network.ts'
import { LockFile } from '../log/lock-file.ts'
import { CleanStop } from './clean-stop.ts'
import { keySource, requireClusterKey } from './cluster-key.ts'
import { openIdentity } from './identity.ts'
import { createLogger, type Log } from './logger.ts'
import { storageMetrics } from './metrics/storage-metrics.ts'
import type { Options } from './options.ts'
import type { Server } from './process.ts'
import { readServices } from './services.ts'
import { statusEvent } from './story.ts'
import { VERSION } from './version.ts'

/** Builds a storage node from its options and starts it. */
export async function startStorageServer(options: Options): Promise<Server> {
  const services = readServices(options.services ?? 'services.json')
  const known = services.storage.map(({ id }) => id).join(', ')
  const self = services.storage.find(({ id }) => id === options.nodeId)
  if (self === undefined) {
    const given =
      options.nodeId === null
        ? 'which node is this? Give --node-id (or KRAFT_NODE_ID)'
        : `storage node ${options.nodeId} is not in services.json`
    throw new FatalError(`${given}; services.json has the storage nodes ${known || '(none)'}`)
  }
  const key = requireClusterKey(options.clusterKeyFile, options.clusterKey)
  const log = createLogger({
    node: `storage-${self.id}`,
    level: options.logLevel!,
    format: options.logFormat!,
  })
  const folder = options.dataDir ?? join('.dmq', `storage-${self.id}`)
  const lock = LockFile.acquire(nodeDisk, folder)
  openIdentity(nodeDisk, nodeRandom, folder, 'storage', self.id)
  const cleanStop = new CleanStop(nodeDisk, folder)
  const proof = cleanStop.take()
  const incarnationId = proof?.incarnationId ?? nodeRandom.uuid()

  const http = new HttpClient()
  const doors = new SessionDoors()
  const port = options.port ?? self.port
  const broker = new StorageNode(
    {
      brokerId: self.id,
      host: self.host,
      port,
      rack: self.rack,
      incarnationId,
      previousBrokerEpoch: proof?.brokerEpoch ?? null,
      resources: () => diskSpace(folder),
      pairedMetadataServiceId: self.pairedId,
      pairTimeoutMs: options.pairTimeoutMs!,
      heartbeatIntervalMs: options.heartbeatMs!,
      folder,
    },
    {
      client: new MetadataClient(services.metadata, http),
      dialer: new SessionNetwork(key),
      respond: (name, body) => doors.answer(name, body, null),
      disk: nodeDisk,
      clock: nodeClock,
      events: brokerStory(log, keySource(options.clusterKeyFile, options.clusterKey)),
    },
  )
  const requests = new RequestMeasures()
  const app = await storageApi(
    { broker, key, clock: nodeClock, doors },
    {
      version: VERSION,
      requests,
      scrape: storageMetrics(self.id, broker, requests),
      onBug: (error, { method, url }) =>
        log('error', 'bug', `${method} ${url}: ${(error as Error).stack ?? messageOf(error)}`),
    },
  )
  await broker.load()
  await listen(app, options.host ?? self.host, port)
  log('info', 'started', `serves at ${self.url}; data in ${folder}`, {
    url: self.url,
    folder,
    version: VERSION,
  })
  broker.start()

  return {
    async stop() {
      await broker.stop()
      await app.close()
      await http.close()
      cleanStop.note(broker.brokerEpoch, incarnationId)
      lock.release()
      log('info', 'stopped', 'stopped')
    },
  }
}

function brokerStory(log: Log, keyFrom: string): BrokerEvents {
  return {
    controllerFound: event =>
      log(
        'info',
        'following',
        `follows controller ${event.controllerId} at ${event.url}, term ${event.term}`,
        event,
      ),
    controllerLost: event =>
      log(
        'info',
        'peer.lost',
        `lost the controller at ${event.url}: ${event.reason}; looking for the new one`,
        event,
      ),
    registered: event =>
      log(
        'info',
        'broker.registered',
        `registered as broker ${event.brokerId}, epoch ${event.brokerEpoch}`,
        event,
      ),
    registrationRefused: event =>
      log('warn', 'refused', `registration refused (${event.code}): ${event.message}`, event),
    sessionRefused: event =>
      log(
        'debug',
        'session.refused',
        `no session with the controller at ${event.url}: ${event.reason}`,
        event,
      ),
    keyOther: event =>
      log(
        'error',
        'key.other',
        `the cluster key of this storage node (from ${keyFrom}) is not that of the controller at ${event.url}: ` +
          `${event.takesPart ? 'it goes on without a session' : 'it takes no part in the cluster'}. Expected is the key of the ` +
          'metadata nodes; give this node the same cluster key file (--cluster-key-file), and start it again',
        event,
      ),
    keySame: event =>
      log(
        'info',
        'key.same',
        `the controller at ${event.url} has the cluster key of this storage node`,
        event,
      ),
    status: event => log('info', statusEvent(event.status), `is ${event.status}`, event),
    metadata: event => log('debug', 'sync', `has metadata version ${event.version} by ${event.by}`, event),
    paired: event =>
      log('info', 'sync.paired', `pulls metadata from metadata node ${event.metadataServiceId} first`, event),
    diverged: event =>
      log(
        'error',
        'sync.diverged',
        `the metadata here is not what the cluster has at version ${event.version}: it is fetched anew as a whole`,
        event,
      ),
    copyDamaged: event =>
      log('warn', 'sync.damaged', `the copy of the metadata is thrown away: ${event.reason}`, event),
    copyNotSaved: event =>
      log('warn', 'sync.unsaved', `the copy of the metadata is not written: ${event.reason}`, event),
    metadataRefused: event => log('warn', 'sync.failed', `cannot pull metadata from ${event.reason}`, event),
  }
}
