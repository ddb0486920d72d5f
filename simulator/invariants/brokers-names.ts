import type { Image } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { membersOf } from '../../src/metadata/replication.ts'

/** One for each partition that ever was; names come again. */
export function keyOf({ topicId, id }: { readonly topicId: string; readonly id: number }): string {
  return `${topicId}/${id}`
}

export function nameOf(image: Image, { topicId, id }: Partition): string {
  return `${image.topicById(topicId)?.name ?? topicId}-${id}`
}

export function show(image: Image, partition: Partition): string {
  const { replicas, leader, leaderEpoch, partitionEpoch, isr, elr, reassignment, lastKnownLeader } = partition
  const to =
    reassignment === null
      ? ''
      : ` ${reassignment.waiting ? 'waits for' : 'to'} [${reassignment.target}] ${reassignment.cause}`
  const last = lastKnownLeader === null ? '' : `, last ${lastKnownLeader}`
  return (
    `${nameOf(image, partition)} leader ${leader} in epoch ${leaderEpoch}/${partitionEpoch}, ` +
    `ISR [${membersOf(replicas, isr)}] of [${replicas}]${to}, ELR [${membersOf(replicas, elr)}]${last}`
  )
}
