/**
 * What the decisions of this room look at: brokers with what lies on them, and who holds which partition. A value: it
 * stays as it is while the image goes on changing, so that a plan may be made in several turns of the event loop.
 */
export type PlacementView = {
  /** By ascending id. */
  readonly brokers: readonly BrokerLoad[]
  /** Sorted by name. Every node numbers the rows of its table differently: nothing may depend on them. */
  readonly topics: Iterable<TopicRows> & { at(index: number): TopicRows | undefined }
  /** The replicas of a partition; while it is being reassigned, those that it will have. */
  replicas(row: number): readonly number[]
  /** The replicas that it has now; while it is being reassigned, those that come and those that go. */
  held(row: number): readonly number[]
  /** Whether the broker is one of those, for each row. */
  holds(brokerId: number): (row: number) => boolean
  isReassigning(row: number): boolean
}

/** Partition i lies in row `rows[i]`. */
export type TopicRows = { readonly name: string; readonly rows: readonly number[] }

export type BrokerLoad = {
  readonly brokerId: number
  readonly rack: string | null
  /** How much it is to hold, in proportion to the others. */
  readonly weight: number
  /** Replicas it holds or is about to hold. */
  readonly replicas: number
  /** Of these, those that stand first in their lists: what it leads when everybody is well. */
  readonly leaders: number
  /** Why it gets no new replicas; null: it may. */
  readonly unavailable: Unavailable | null
}

export type Unavailable = 'OFFLINE' | 'SHUTTING_DOWN' | 'DRAINING' | 'DISK_FULL'

const WORDS: Readonly<Record<Unavailable, string>> = {
  OFFLINE: 'OFFLINE',
  SHUTTING_DOWN: 'SHUTTING_DOWN',
  DRAINING: 'DRAINING',
  DISK_FULL: 'out of disk',
}

/** Such as `OFFLINE: 2, 9; DRAINING: 4`; empty where all may get replicas. */
export function unavailableText(brokers: readonly BrokerLoad[]): string {
  const groups = Object.entries(WORDS).map(([unavailable, word]) => {
    const ids = brokers.filter(broker => broker.unavailable === unavailable).map(broker => broker.brokerId)
    return ids.length > 0 ? [`${word}: ${ids.join(', ')}`] : []
  })
  return groups.flat().join('; ')
}
