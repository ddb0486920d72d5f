import type { Image, TopicPartition } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { bitOf } from '../../metadata/replication.ts'
import type { History } from '../history/history.ts'
import { PartitionPast } from './past.ts'

/** A partition to be explained, with all that the explanation rests on. */
export type Case = TopicPartition & {
  readonly image: Image
  readonly history: History
  readonly past: PartitionPast
  /** As people call it: `orders-3`. */
  readonly name: string
}

export function caseOf(image: Image, history: History, { topic, partition }: TopicPartition): Case {
  const past = new PartitionPast(history, partition)
  return { image, history, topic, partition, past, name: `${topic.name}-${partition.id}` }
}

export function isInSync({ replicas, isr }: Partition, brokerId: number): boolean {
  return (isr & bitOf(replicas, brokerId)) !== 0
}

export function isEligible({ replicas, elr }: Partition, brokerId: number): boolean {
  return (elr & bitOf(replicas, brokerId)) !== 0
}

/** A move brings it here, and it has never been in sync yet. */
export function isAdded({ replicas, reassignment }: Partition, brokerId: number): boolean {
  return reassignment !== null && (reassignment.adding & bitOf(replicas, brokerId)) !== 0
}
