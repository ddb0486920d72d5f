import type { IsrChange } from '../metadata/commands/update-isr.ts'
import type { Image } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { membersOf } from '../metadata/replication.ts'

const CHANGES_MAX = 1_000

/**
 * Which ISRs the leader `brokerId` can expand now: by every replica that has caught up and whose broker is ONLINE.
 * Storage nodes hold no records yet, so a replica is caught up when its broker has applied its own registration, which
 * is what ONLINE says.
 */
export function isrExpansions(image: Image, brokerId: number): IsrChange[] {
  const changes: IsrChange[] = []
  for (const row of image.rowsWithReplicaOn(brokerId)) {
    const partition = image.partition(row)
    const newIsr = partition.leader === brokerId ? caughtUp(image, partition) : []
    if (newIsr.length <= membersOf(partition.replicas, partition.isr).length) continue
    const { topicId, id, leaderEpoch, partitionEpoch } = partition
    changes.push({
      topic: image.topicById(topicId)!.name,
      partition: id,
      leaderEpoch,
      partitionEpoch,
      newIsr,
    })
    if (changes.length === CHANGES_MAX) break
  }
  return changes
}

function caughtUp(image: Image, { replicas }: Partition): IsrChange['newIsr'] {
  return replicas
    .filter(image.isActive)
    .map(brokerId => ({ brokerId, brokerEpoch: image.broker(brokerId)!.brokerEpoch }))
}
