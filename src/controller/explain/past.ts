import type { Broker } from '../../metadata/broker.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { bitOf, countOf } from '../../metadata/replication.ts'
import type { HistoryEntry, PartitionChange } from '../history/entry.ts'
import type { History } from '../history/history.ts'
import type { Origin } from './finding.ts'

/** The entry that brought something about; `change` is what it did to the partition, where that was kept. */
export type Cause = { readonly entry: HistoryEntry; readonly change: PartitionChange | null }

export function originOf(cause: Cause | HistoryEntry | null): Origin {
  if (cause === null) return {}
  const { time: since, version } = 'entry' in cause ? cause.entry : cause
  return { since, version }
}

/**
 * What the history knows of how one partition came to be as it is: its changes from the newest back, as long as each leads to
 * the one after it. Where an entry changed more partitions than it keeps, the time of the change tells it all the same.
 */
export class PartitionPast {
  readonly #history: History
  readonly #partition: Partition
  readonly #changes: readonly (Cause & { readonly change: PartitionChange })[]

  constructor(history: History, partition: Partition) {
    this.#history = history
    this.#partition = partition
    this.#changes = changesBackFrom(partition, history)
  }

  /** How it came to have the leader, or the lack of one, that it has. `former`: who may have led before. */
  leaderSince(former: number | null): Cause | null {
    const found = this.#changes.find(({ change }) => change.before.leader !== change.after.leader)
    return found ?? this.#unkept(id => id === former)
  }

  /** How a replica that is not in the ISR left it. */
  leftIsr(brokerId: number): Cause | null {
    const found = this.#changes.find(({ change }) => isIn(change.before, brokerId))
    return found ?? this.#unkept(id => id === brokerId)
  }

  /** What brought the ISR, which is smaller, below so many members. */
  isrBelow(members: number): Cause | null {
    const found = this.#changes.find(({ change }) => sizeOf(change.before) >= members)
    return found ?? this.#unkept(id => !isIn(this.#partition, id))
  }

  /** The change before all that are known, if its entry keeps only others, and is about such a broker. */
  #unkept(isAbout: (brokerId: number) => boolean): Cause | null {
    const { replicas } = this.#partition
    const { modifiedAt } = this.#changes.at(-1)?.change.before ?? this.#partition
    const entry = this.#history.newest(
      ({ time, partitions, partitionCount, brokers }) =>
        time === modifiedAt &&
        partitions.length < partitionCount &&
        brokers.some(id => replicas.includes(id) && isAbout(id)),
    )
    return entry === null ? null : { entry, change: null }
  }
}

function changesBackFrom({ topicId, id, partitionEpoch }: Partition, { entries }: History) {
  const changes: (Cause & { readonly change: PartitionChange })[] = []
  let epoch = partitionEpoch
  for (let i = entries.length - 1; i >= 0 && epoch > 0; i--) {
    const entry = entries[i]!
    const change = entry.partitions.find(({ before }) => before.topicId === topicId && before.id === id)
    if (change === undefined) continue
    if (change.after.partitionEpoch !== epoch) break
    changes.push({ entry, change })
    epoch = change.before.partitionEpoch
  }
  return changes
}

function isIn({ replicas, isr }: Partition, brokerId: number): boolean {
  return (isr & bitOf(replicas, brokerId)) !== 0
}

function sizeOf({ isr }: Partition): number {
  return countOf(isr)
}

/** The entry that gave a broker the status that it has. */
export function statusEntry(
  history: History,
  { brokerId, status, brokerEpoch }: Broker,
): HistoryEntry | null {
  const entry = history.newest(({ statuses }) => statuses.some(change => change.brokerId === brokerId))
  const known = entry?.statuses.find(change => change.brokerId === brokerId)?.after === status
  return known && entry!.version >= brokerEpoch ? entry : null
}

/** The entry that removed a broker. */
export function removalEntry(history: History, brokerId: number): HistoryEntry | null {
  return history.newest(({ statuses }) =>
    statuses.some(change => change.brokerId === brokerId && change.after === null),
  )
}
