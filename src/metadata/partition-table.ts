import { assert } from '../base/assert.ts'
import { canonical } from './canonical.ts'
import { ChangedRows } from './changed-rows.ts'
import { type Departure, RowDeparture } from './departure.ts'
import {
  CapturedPage,
  NOBODY,
  orNull,
  PAGE_ROWS,
  PartitionPage,
  pageOf,
  rowInPage,
  rowsOfPage,
} from './partition-page.ts'
import { type CapturedLists, ReplicaLists } from './replica-lists.ts'
import { countOf, type Reassignment, type Replication } from './replication.ts'
import { RowHashes } from './row-hash.ts'
import { type RowHash, RowHasher } from './state-hash.ts'
import { TopicNumbers } from './topic-numbers.ts'

export type Partition = Replication & {
  readonly topicId: string
  readonly id: number
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly createdAt: number
  readonly modifiedAt: number
}

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

/**
 * All partitions of the cluster, one row each, in typed-array columns: two million of them take 104 MB and cost the
 * garbage collector nothing. Topics and replica lists are interned, ISR and ELR are bit masks over the lists. Only what
 * works through very many rows for this class knows of that (`row-hash.ts`, `departure.ts`, `changed-rows.ts`); to
 * everybody else rows are handed out as plain {@link Partition} values.
 *
 * A partition is hashed with its topic and id, so that moving it to another row leaves the state hash as it is.
 */
export class PartitionTable {
  readonly #pages: PartitionPage[] = []
  /** Of a table that is another as it was. */
  #captured: readonly CapturedPage[] | null = null
  #lists = new ReplicaLists()
  #topics = new TopicNumbers()
  #free: number[] = []
  /** Few partitions are being moved at any time. */
  #reassignments = new Map<number, Reassignment>()
  #rows = 0
  #count = 0

  /** Partitions in the table. */
  get count(): number {
    return this.#count
  }

  add(partition: Partition): number {
    const row = this.#free.pop() ?? this.#rows++
    if (pageOf(row) === this.#pages.length) this.#pages.push(new PartitionPage())
    const page = this.#writable(row)
    const at = rowInPage(row)
    page.topics[at] = this.#topics.intern(partition.topicId)
    page.ints.partition[at] = partition.id
    page.ints.replicas[at] = this.#lists.intern(partition.replicas)
    page.createdAt[at] = partition.createdAt
    page.write(at, partition)
    this.#setReassignment(row, partition.reassignment)
    this.#count += 1
    return row
  }

  remove(row: number): void {
    this.#assertHeld(row)
    const page = this.#writable(row)
    const at = rowInPage(row)
    this.#lists.release(page.ints.replicas[at]!)
    page.ints.replicas[at] = NOBODY
    this.#topics.release(page.topics[at]!)
    page.topics[at] = NOBODY
    this.#reassignments.delete(row)
    this.#free.push(row)
    this.#count -= 1
  }

  /** Replaces what may change of a partition: everything but its key. */
  update(row: number, partition: Partition): void {
    const page = this.#writable(row)
    const at = rowInPage(row)
    assert(
      this.#topics.id(page.topics[at]!) === partition.topicId && page.ints.partition[at] === partition.id,
      'a row keeps its key',
    )
    const list = page.ints.replicas[at]!
    if (this.#lists.at(list) !== partition.replicas) {
      // Interned first: a list that both have keeps its id.
      page.ints.replicas[at] = this.#lists.intern(partition.replicas)
      this.#lists.release(list)
    }
    this.#setReassignment(row, partition.reassignment)
    page.write(at, partition)
  }

  #setReassignment(row: number, reassignment: Reassignment | null): void {
    if (reassignment === null) this.#reassignments.delete(row)
    else this.#reassignments.set(row, reassignment)
  }

  #writable(row: number): PartitionPage {
    const page = this.#pages[pageOf(row)]!
    page.keep(rowInPage(row))
    return page
  }

  #page(row: number): PartitionPage {
    return this.#captured === null ? this.#pages[pageOf(row)]! : this.#captured[pageOf(row)]!.page
  }

  at(row: number): Partition {
    this.#assertHeld(row)
    const { ints, topics, createdAt, modifiedAt } = this.#page(row)
    const at = rowInPage(row)
    return {
      topicId: this.#topics.id(topics[at]!),
      id: ints.partition[at]!,
      leader: orNull(ints.leader[at]!),
      leaderEpoch: ints.leaderEpoch[at]!,
      partitionEpoch: ints.partitionEpoch[at]!,
      replicas: this.#lists.at(ints.replicas[at]!),
      reassignment: this.#reassignments.get(row) ?? null,
      isr: ints.isr[at]!,
      elr: ints.elr[at]!,
      lastKnownLeader: orNull(ints.lastKnownLeader[at]!),
      createdAt: createdAt[at]!,
      modifiedAt: modifiedAt[at]!,
    }
  }

  /** Rows with a replica on the broker: one pass over one column. */
  rowsWithReplicaOn(brokerId: number): number[] {
    const lists = this.#lists.listsWith(brokerId)
    const rows: number[] = []
    for (const [number, { ints }] of this.#pages.entries()) {
      const first = number * PAGE_ROWS
      const end = rowsOfPage(this.#rows, number)
      for (let at = 0; at < end; at++) {
        const list = ints.replicas[at]!
        if (list >= 0 && lists[list] === 1) rows.push(first + at)
      }
    }
    return rows
  }

  get reassignmentCount(): number {
    return this.#reassignments.size
  }

  /** In no order. */
  reassignedRows(): number[] {
    return [...this.#reassignments.keys()]
  }

  /**
   * Rows that are led by another than their first replica although it is in the ISR and may lead; at most `max`. One pass
   * over three columns.
   */
  rowsLedByOthers(max: number, mayLead: (brokerId: number) => boolean): number[] {
    const first = this.#lists.firstMembers(mayLead)
    const rows: number[] = []
    for (const [number, { ints }] of this.#pages.entries()) {
      const from = number * PAGE_ROWS
      const end = rowsOfPage(this.#rows, number)
      for (let at = 0; at < end; at++) {
        const list = ints.replicas[at]!
        if (list < 0 || (ints.isr[at]! & 1) === 0 || first[list] === NOBODY) continue
        if (ints.leader[at] === first[list] || this.#reassignments.has(from + at)) continue
        rows.push(from + at)
        if (rows.length === max) return rows
      }
    }
    return rows
  }

  /** Every replica list, with how many partitions have it. */
  replicaLists(): CapturedLists {
    return this.#lists.capture()
  }

  /** The replica lists of all rows as they are now: a copy, which stays while the table goes on changing. */
  captureReplicas(): ReplicaColumn {
    const column = new Int32Array(this.#pages.length * PAGE_ROWS)
    for (const [number, { ints }] of this.#pages.entries()) column.set(ints.replicas, number * PAGE_ROWS)
    const lists = this.#lists.all()
    return {
      at: row => lists[column[row]!]!,
      rowsWith: brokerId => {
        const has = Uint8Array.from(lists, list => (list.includes(brokerId) ? 1 : 0))
        return row => has[column[row]!] === 1
      },
    }
  }

  /** Leader and replica counts of every broker that has any. */
  counts(): Map<number, { leaders: number; replicas: number }> {
    const counts = new Map<number, { leaders: number; replicas: number }>()
    const of = (brokerId: number) => {
      const found = counts.get(brokerId) ?? { leaders: 0, replicas: 0 }
      counts.set(brokerId, found)
      return found
    }
    for (let row = 0; row < this.#rows; row++) {
      const { ints } = this.#pages[pageOf(row)]!
      const list = ints.replicas[rowInPage(row)]!
      if (list < 0) continue
      for (const brokerId of this.#lists.at(list)) of(brokerId).replicas += 1
      const leader = ints.leader[rowInPage(row)]!
      if (leader !== NOBODY) of(leader).leaders += 1
    }
    return counts
  }

  /** How many partitions are not as they should be: one pass over three columns, and a closer look at those few. */
  health(mayLead: (brokerId: number) => boolean): PartitionHealth {
    const health = { offline: 0, underReplicated: 0, underMinIsr: 0, ledByOthers: 0 }
    const everyone = this.#lists.fullMasks()
    const first = this.#lists.firstMembers(() => true)
    const { minIsr: minIsrs } = this.#topics.columns
    for (const [number, page] of this.#pages.entries()) {
      const { leader, replicas, isr } = page.ints
      const end = rowsOfPage(this.#rows, number)
      for (let at = 0; at < end; at++) {
        const list = replicas[at]!
        const preferred = leader[at] !== NOBODY && leader[at] === first[list]
        if (list < 0 || (preferred && isr[at] === everyone[list])) continue
        const moving = this.#reassignments.get(number * PAGE_ROWS + at)
        const adding = moving?.adding ?? 0
        const original = countOf(everyone[list]! & ~adding)
        const minIsr = Math.min(original, minIsrs[page.topics[at]!]!)
        if (leader[at] === NOBODY) health.offline += 1
        if (countOf(isr[at]! & ~adding) < original) health.underReplicated += 1
        if (countOf(isr[at]!) < minIsr) health.underMinIsr += 1
        const couldLead = (isr[at]! & 1) !== 0 && moving === undefined && mayLead(first[list]!)
        if (couldLead && !preferred) health.ledByOthers += 1
      }
    }
    return health
  }

  /** What one broker has: one pass over two columns. */
  countsOf(brokerId: number): { leaders: number; replicas: number } {
    const held = this.#lists.listsWith(brokerId)
    const counts = { leaders: 0, replicas: 0 }
    for (const [number, { ints }] of this.#pages.entries()) {
      const end = rowsOfPage(this.#rows, number)
      for (let at = 0; at < end; at++) {
        if (held[ints.replicas[at]!] !== 1) continue
        counts.replicas += 1
        if (ints.leader[at] === brokerId) counts.leaders += 1
      }
    }
    return counts
  }

  hashOf(row: number): RowHash {
    const { low, high } = this.#hashes().add(this.#pages[pageOf(row)]!, rowInPage(row), this.#hashOfMove(row))
    return { low, high }
  }

  /** The sum of the hashes of rows. */
  hashOfAll(rows: readonly number[]): RowHash {
    const hashes = this.#hashes()
    for (const row of rows) hashes.add(this.#pages[pageOf(row)]!, rowInPage(row), this.#hashOfMove(row))
    return { low: hashes.low, high: hashes.high }
  }

  #hashes(): RowHashes {
    return new RowHashes(this.#topics.columns, this.#lists.hashes)
  }

  #hashOfMove(row: number): RowHash | null {
    const moving = this.#reassignments.get(row)
    return moving === undefined ? null : new RowHasher().text(canonical(moving)).finish()
  }

  // Topics.

  /** What the config of the topic with this number says of its rows. */
  setRules(topic: number, config: Readonly<Record<string, string>>): void {
    this.#topics.setRules(topic, config)
  }

  /** The number of the topic of a row: small, but another topic may get it when this one is gone. */
  topicNumber(row: number): number {
    return this.#page(row).topics[rowInPage(row)]!
  }

  /** Undefined: no row is of that topic. */
  numberOfTopic(id: string): number | undefined {
    return this.#topics.numberOf(id)
  }

  /** The topics of rows, each once. */
  topicNumbersOf(rows: Int32Array): Int32Array {
    const seen = new Uint8Array(this.#topics.end)
    const numbers = new Int32Array(rows.length)
    let count = 0
    for (let i = 0; i < rows.length; i++) {
      const number = this.topicNumber(rows[i]!)
      if (seen[number] === 1) continue
      seen[number] = 1
      numbers[count++] = number
    }
    return numbers.slice(0, count)
  }

  // A broker goes, or comes.

  /**
   * What that comes to for every row with a replica on the broker. Rows that are being moved, and those of `except`, are left
   * to who asks, who gets them as `others`.
   */
  depart(departure: Departure, except: (row: number) => boolean): { changed: ChangedRows; others: number[] } {
    const held = this.#lists.listsWith(departure.brokerId)
    const changed = new ChangedRows(this.#lists.usesOf(held), departure.time)
    const others: number[] = []
    const row = new RowDeparture(departure, this.#lists, held, this.#topics.columns, changed)
    const leaveOut = (each: number): boolean => this.#reassignments.has(each) || except(each)
    for (const [number, page] of this.#pages.entries()) {
      row.takePage(page, number * PAGE_ROWS, rowsOfPage(this.#rows, number), leaveOut, others)
    }
    return { changed, others }
  }

  /** Writes what {@link depart} came to. Returns what that adds to the sum of the hashes of all rows. */
  updateAll(changed: ChangedRows): RowHash {
    const hashes = this.#hashes()
    const { rows } = changed
    for (let i = 0; i < rows.length; i++) {
      const page = this.#writable(rows[i]!)
      const at = rowInPage(rows[i]!)
      hashes.takeAway(page, at)
      changed.write(i, page, at)
      hashes.putBack(page, at)
    }
    return { low: hashes.low, high: hashes.high }
  }

  #assertHeld(row: number): void {
    const held = row < this.#rows && this.#page(row).ints.replicas[rowInPage(row)]! >= 0
    assert(held, `row ${row} holds a partition`)
  }

  // Snapshots.

  /** The table as it is now; to be released once, when it has been read. */
  capture(): CapturedTable {
    return {
      rows: this.#rows,
      free: [...this.#free],
      lists: this.#lists.capture(),
      topicIds: this.#topics.capture(),
      reassignments: [...this.#reassignments],
      pages: this.#pages.map(page => new CapturedPage(page)),
    }
  }

  release({ pages }: CapturedTable): void {
    for (const page of pages) page.release()
  }

  /** Begins to fill this table, which is empty, with a captured one. */
  load({ rows, free, lists, reassignments }: LoadedTable): void {
    assert(this.#rows === 0, 'only an empty table is filled')
    this.#rows = rows
    this.#free = [...free]
    this.#count = rows - free.length
    this.#lists = ReplicaLists.from(lists)
    this.#reassignments = new Map(reassignments)
  }

  /** Pages come in order. The topics of their rows are told afterwards, with {@link assignTopic}. */
  loadPage(page: PartitionPage): void {
    this.#pages.push(page)
  }

  assignTopic(rows: readonly number[], topicId: string): void {
    for (const row of rows) this.#assertHeld(row)
    const number = this.#topics.intern(topicId, rows.length)
    for (const row of rows) this.#pages[pageOf(row)]!.topics[rowInPage(row)] = number
  }

  /** A captured table, to be read only, and until it is released. */
  static of(captured: CapturedTable): PartitionTable {
    const table = new PartitionTable()
    table.load(captured)
    table.#captured = captured.pages
    table.#topics = TopicNumbers.of(captured.topicIds)
    return table
  }
}

export type ReplicaColumn = {
  readonly at: (row: number) => readonly number[]
  /** Whether a row has a replica on the broker. */
  readonly rowsWith: (brokerId: number) => (row: number) => boolean
}

export type CapturedTable = LoadedTable & {
  /** By the number of the topic. */
  readonly topicIds: readonly string[]
  readonly pages: readonly CapturedPage[]
}

/** What a table is, but for its pages, and the topics of its rows. */
export type LoadedTable = {
  readonly rows: number
  readonly free: readonly number[]
  readonly lists: CapturedLists
  readonly reassignments: readonly (readonly [row: number, reassignment: Reassignment])[]
}
