import type { FastifyInstance } from 'fastify'
import type { Image } from '../../metadata/image.ts'
import {
  StorageControllerHeartbeatAnswer,
  StorageControllerHeartbeatBody,
} from '../../protocol/rest/isr-schemas.ts'
import type { Context } from '../context.ts'

export function storageControllerHeartbeat(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A storage node says that it lives, and what it does with each of these partitions.',
    body: StorageControllerHeartbeatBody,
    response: { 200: StorageControllerHeartbeatAnswer },
  }
  app.post<{ Body: StorageControllerHeartbeatBody }>(
    '/storage-controller-heartbeat',
    { schema },
    async ({ body }) => {
      const { brokers, isrs } = context.controller.reign
      const { nodeId, metadataVersion, partitions } = body
      const { broker } = await brokers.heartbeat(nodeId, heartbeatOf(body))
      const { image } = context.replica
      const disagreements = partitions.flatMap(report => disagreement(image, nodeId, report))
      const behind = metadataVersion < image.version
      return {
        success: disagreements.length === 0,
        controllerMetadataVersion: image.version,
        controllerTerm: context.consensus.leadership.term,
        inSync: !behind,
        brokerStatus: broker.status,
        instructions: behind || disagreements.length > 0 ? ['PULL_METADATA'] : [],
        expandIsr: isrs.hintsFor(nodeId),
        disagreements,
      }
    },
  )
}

/** What lags is kept with the broker, to be shown. */
function heartbeatOf({ brokerEpoch, metadataVersion, partitions }: StorageControllerHeartbeatBody) {
  const laggingPartitions = partitions
    .filter(({ lag = 0 }) => lag > 0)
    .map(({ topic, partition, lag }) => ({ topic, partition, lag }))
  return {
    metadataVersion,
    health: { laggingPartitions },
    ...(brokerEpoch === undefined ? {} : { brokerEpoch }),
  }
}

type Report = StorageControllerHeartbeatBody['partitions'][number]

function disagreement(image: Image, nodeId: number, { topic, partition: id, role }: Report) {
  const row = image.topic(topic)?.rows[id]
  const partition = row === undefined ? null : image.partition(row)
  const isReplica = partition?.replicas.includes(nodeId) === true
  const should = !isReplica ? 'NONE' : partition?.leader === nodeId ? 'LEADER' : 'FOLLOWER'
  if (should === role) return []
  return [{ topic, partition: id, role: should, leaderEpoch: partition?.leaderEpoch ?? 0 }]
}
