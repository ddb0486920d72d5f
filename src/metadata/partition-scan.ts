import { NOBODY, PAGE_ROWS, type PartitionPage, pageOf, rowInPage, rowsOfPage } from './partition-page.ts'
import type { Reassignments } from './reassignments.ts'
import type { ReplicaLists } from './replica-lists.ts'
import { countOf } from './replication.ts'
import type { TopicNumbers } from './topic-numbers.ts'

/** Counts of partitions; one may be in several. */
export type PartitionHealth = {
  /** Without a leader. */
  readonly offline: number
  /** Replicas are missing from the ISR; those that are just being added do not count. */
  readonly underReplicated: number
  /** Writes with acks=all are refused. */
  readonly underMinIsr: number
  /** The preferred replica is in the ISR, may lead and does not; those whose replicas are being moved do not count. */
  readonly ledByOthers: number
}

/** What a scan reads of the partition table. */
export type ScannedTable = {
  readonly pages: readonly PartitionPage[]
  readonly rows: number
  readonly lists: ReplicaLists
  readonly topics: TopicNumbers
  readonly moves: Reassignments
}

/** Questions about all partitions: passes over a few columns of the table, milliseconds for a million rows. */
export class PartitionScan {
  readonly #table: ScannedTable

  constructor(table: ScannedTable) {
    this.#table = table
  }

  /** Rows with a replica on the broker: one pass over one column. */
  rowsWithReplicaOn(brokerId: number): number[] {
    const lists = this.#table.lists.listsWith(brokerId)
    const rows: number[] = []
    for (const [number, { ints }] of this.#table.pages.entries()) {
      const first = number * PAGE_ROWS
      const end = rowsOfPage(this.#table.rows, number)
      for (let at = 0; at < end; at++) {
        const list = ints.replicas[at]!
        if (list >= 0 && lists[list] === 1) rows.push(first + at)
      }
    }
    return rows
  }

  /**
   * Rows that are led by another than their first replica although it is in the ISR and may lead; at most `max`. One pass
   * over three columns.
   */
  rowsLedByOthers(max: number, mayLead: (brokerId: number) => boolean): number[] {
    const first = this.#table.lists.firstMembers(mayLead)
    const rows: number[] = []
    for (const [number, { ints }] of this.#table.pages.entries()) {
      const from = number * PAGE_ROWS
      const end = rowsOfPage(this.#table.rows, number)
      for (let at = 0; at < end; at++) {
        const list = ints.replicas[at]!
        if (list < 0 || (ints.isr[at]! & 1) === 0 || first[list] === NOBODY) continue
        if (ints.leader[at] === first[list] || this.#table.moves.begun.has(from + at)) continue
        rows.push(from + at)
        if (rows.length === max) return rows
      }
    }
    return rows
  }

  /** Leader and replica counts of every broker that has any. */
  counts(): Map<number, { leaders: number; replicas: number }> {
    const counts = new Map<number, { leaders: number; replicas: number }>()
    const of = (brokerId: number) => {
      const found = counts.get(brokerId) ?? { leaders: 0, replicas: 0 }
      counts.set(brokerId, found)
      return found
    }
    for (let row = 0; row < this.#table.rows; row++) {
      const { ints } = this.#table.pages[pageOf(row)]!
      const list = ints.replicas[rowInPage(row)]!
      if (list < 0) continue
      for (const brokerId of this.#table.lists.at(list)) of(brokerId).replicas += 1
      const leader = ints.leader[rowInPage(row)]!
      if (leader !== NOBODY) of(leader).leaders += 1
    }
    return counts
  }

  /** How many partitions are not as they should be: one pass over three columns, and a closer look at those few. */
  health(mayLead: (brokerId: number) => boolean): PartitionHealth {
    const health = { offline: 0, underReplicated: 0, underMinIsr: 0, ledByOthers: 0 }
    const everyone = this.#table.lists.fullMasks()
    const first = this.#table.lists.firstMembers(() => true)
    const { minIsr: minIsrs } = this.#table.topics.columns
    for (const [number, page] of this.#table.pages.entries()) {
      const { leader, replicas, isr } = page.ints
      const end = rowsOfPage(this.#table.rows, number)
      for (let at = 0; at < end; at++) {
        const list = replicas[at]!
        const preferred = leader[at] !== NOBODY && leader[at] === first[list]
        if (list < 0 || (preferred && isr[at] === everyone[list])) continue
        const row = number * PAGE_ROWS + at
        const adding = this.#table.moves.of(row)?.adding ?? 0
        const original = countOf(everyone[list]! & ~adding)
        const minIsr = Math.min(original, minIsrs[page.topics[at]!]!)
        if (leader[at] === NOBODY) health.offline += 1
        if (countOf(isr[at]! & ~adding) < original) health.underReplicated += 1
        if (countOf(isr[at]!) < minIsr) health.underMinIsr += 1
        const couldLead = (isr[at]! & 1) !== 0 && !this.#table.moves.begun.has(row) && mayLead(first[list]!)
        if (couldLead && !preferred) health.ledByOthers += 1
      }
    }
    return health
  }

  /** What one broker has: one pass over two columns. */
  countsOf(brokerId: number): { leaders: number; replicas: number } {
    const held = this.#table.lists.listsWith(brokerId)
    const counts = { leaders: 0, replicas: 0 }
    for (const [number, { ints }] of this.#table.pages.entries()) {
      const end = rowsOfPage(this.#table.rows, number)
      for (let at = 0; at < end; at++) {
        if (held[ints.replicas[at]!] !== 1) continue
        counts.replicas += 1
        if (ints.leader[at] === brokerId) counts.leaders += 1
      }
    }
    return counts
  }
}
