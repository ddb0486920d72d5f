import type { IsrChange } from '../metadata/commands/update-isr.ts'
import type { Image } from '../metadata/image.ts'
import { bitOf, membersOf } from '../metadata/replication.ts'

/** A replica here that has caught up, and is not in the ISR. */
export type CaughtUp = {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly brokerId: number
  readonly updateType: 'LAG_THRESHOLD_RECOVERED'
  readonly currentLag: number
  readonly leaderEpoch: number
}

/** The controller passes on that a replica has caught up; the leader of the partition decides. */
export type ExpandHint = { readonly topic: string; readonly partition: number; readonly brokerId: number }

/**
 * Replicas of this broker that others lead and that are not in the ISR. Storage nodes hold no records yet, so that there is
 * nothing to catch up with but the assignment itself, which this copy of the metadata has.
 */
export function caughtUpReplicas(image: Image, brokerId: number): CaughtUp[] {
  if (!image.isActive(brokerId)) return []
  const caughtUp: CaughtUp[] = []
  for (const row of image.rowsWithReplicaOn(brokerId)) {
    const { topicId, id: partition, leader, leaderEpoch, replicas, isr } = image.partition(row)
    if (leader === null || leader === brokerId || (isr & bitOf(replicas, brokerId)) !== 0) continue
    const topic = image.topicById(topicId)!.name
    const what = { updateType: 'LAG_THRESHOLD_RECOVERED', currentLag: 0 } as const
    caughtUp.push({ topic, topicId, partition, brokerId, leaderEpoch, ...what })
  }
  return caughtUp
}

/** What the leader `brokerId` proposes on such hints; those that are out of date are left out. */
export function isrExpansions(image: Image, brokerId: number, hints: readonly ExpandHint[]): IsrChange[] {
  const added = new Map<number, Set<number>>()
  for (const hint of hints) {
    const row = image.topic(hint.topic)?.rows[hint.partition]
    if (row === undefined || image.partition(row).leader !== brokerId) continue
    if (!image.isActive(hint.brokerId)) continue
    added.set(row, (added.get(row) ?? new Set()).add(hint.brokerId))
  }
  return [...added].flatMap(([row, brokers]) => expansion(image, row, brokers))
}

function expansion(image: Image, row: number, added: ReadonlySet<number>): IsrChange[] {
  const { topicId, id, leaderEpoch, partitionEpoch, replicas, isr } = image.partition(row)
  const newcomers = replicas.filter(
    brokerId => added.has(brokerId) && (isr & bitOf(replicas, brokerId)) === 0,
  )
  if (newcomers.length === 0) return []
  const newIsr = [...membersOf(replicas, isr), ...newcomers].map(brokerId => ({
    brokerId,
    brokerEpoch: image.broker(brokerId)?.brokerEpoch ?? 0,
  }))
  const topic = image.topicById(topicId)!.name
  return [{ topic, topicId, partition: id, leaderEpoch, partitionEpoch, newIsr }]
}
