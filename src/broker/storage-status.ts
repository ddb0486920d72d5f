import type { Image } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { membersOf } from '../metadata/replication.ts'

/** The replicas of a broker as its status shows them. Storage nodes hold no records yet: their logs are empty, and say so. */
export function partitionsOf(image: Image, brokerId: number) {
  return image.rowsWithReplicaOn(brokerId).map(row => {
    const partition = image.partition(row)
    return { topic: image.topicById(partition.topicId)!.name, ...roleOf(partition, brokerId) }
  })
}

/** One of them, with its epochs and its log; null if the broker holds no replica of it. */
export function partitionOf(image: Image, brokerId: number, topic: string, id: number) {
  const row = image.topic(topic)?.rows[id]
  const partition = row === undefined ? null : image.partition(row)
  if (partition === null || !partition.replicas.includes(brokerId)) return null
  const { partitionEpoch, replicas, isr } = partition
  const log = { logStartOffset: 0, segments: [] as never[] }
  return {
    topic,
    ...roleOf(partition, brokerId),
    partitionEpoch,
    replicas,
    isr: membersOf(replicas, isr),
    ...log,
  }
}

function roleOf({ id, leader, leaderEpoch }: Partition, brokerId: number) {
  const role = leader === brokerId ? 'LEADER' : 'FOLLOWER'
  return { partition: id, role, leader, leaderEpoch, leo: 0, highWatermark: 0, lag: 0 }
}
