import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { listen } from '../api/app.ts'
import { RequestMeasures } from '../api/request-measures.ts'
import { SessionDoors } from '../api/session-doors.ts'
import { storageApi } from '../api/storage-api.ts'
import type { StorageContext } from '../api/storage-context.ts'
import { FatalError, messageOf } from '../base/errors.ts'
import { StorageNode } from '../broker/broker.ts'
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
import { readServices, type Service } from './services.ts'
import { brokerStory } from './storage-events.ts'
import { VERSION } from './version.ts'

/** Builds a storage node from its options and starts it. */
export async function startStorageServer(options: Options): Promise<Server> {
  const services = readServices(options.services ?? 'services.json')
  const self = ownService(services.storage, options)
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
  const proof = cleanStop.look()
  const incarnationId = proof?.incarnationId ?? nodeRandom.uuid()
  const http = new HttpClient()
  const doors = new SessionDoors()
  const port = options.port ?? self.port
  const broker = new StorageNode(
    {
      ...brokerOptions(options, self, folder),
      port,
      incarnationId,
      previousBrokerEpoch: proof?.brokerEpoch ?? null,
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
  const app = await serve({ broker, key, clock: nodeClock, doors }, self.id, log)
  await broker.load()
  await listen(app, options.host ?? self.host, port)
  // One that cannot serve leaves the proof to the next.
  cleanStop.take()
  const started = { url: self.url, folder, version: VERSION }
  log('info', 'started', `serves at ${self.url}; data in ${folder}`, started)
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

function ownService(services: readonly Service[], { nodeId }: Options): Service {
  const self = services.find(({ id }) => id === nodeId)
  if (self !== undefined) return self
  const known = services.map(({ id }) => id).join(', ')
  const given =
    nodeId === null
      ? 'which node is this? Give --node-id (or KRAFT_NODE_ID)'
      : `storage node ${nodeId} is not in services.json`
  throw new FatalError(`${given}; services.json has the storage nodes ${known || '(none)'}`)
}

function brokerOptions(options: Options, { id, host, rack, pairedId }: Service, folder: string) {
  return {
    brokerId: id,
    host,
    rack,
    resources: () => diskSpace(folder),
    pairedMetadataServiceId: pairedId,
    pairTimeoutMs: options.pairTimeoutMs!,
    heartbeatIntervalMs: options.heartbeatMs!,
    folder,
  }
}

function serve(context: StorageContext, id: number, log: Log): Promise<FastifyInstance> {
  const requests = new RequestMeasures()
  return storageApi(context, {
    version: VERSION,
    requests,
    scrape: storageMetrics(id, context.broker, requests),
    onBug: (error, { method, url }) =>
      log('error', 'bug', `${method} ${url}: ${(error as Error).stack ?? messageOf(error)}`),
  })
}
