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
import { PartitionScan } from './partition-scan.ts'
import { Reassignments } from './reassignments.ts'
import { type CapturedLists, ReplicaLists } from './replica-lists.ts'
import type { Reassignment, Replication } from './replication.ts'
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
  #moves = new Reassignments()
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
    this.#moves.set(row, partition.reassignment)
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
    this.#moves.set(row, null)
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
    this.#moves.set(row, partition.reassignment)
    page.write(at, partition)
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
      reassignment: this.#moves.of(row),
      isr: ints.isr[at]!,
      elr: ints.elr[at]!,
      lastKnownLeader: orNull(ints.lastKnownLeader[at]!),
      createdAt: createdAt[at]!,
      modifiedAt: modifiedAt[at]!,
    }
  }

  /** Moves that were begun or asked for. */
  get moves(): Reassignments {
    return this.#moves
  }

  get scan(): PartitionScan {
    return new PartitionScan({
      pages: this.#pages,
      rows: this.#rows,
      lists: this.#lists,
      topics: this.#topics,
      moves: this.#moves,
    })
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
    const moving = this.#moves.of(row)
    return moving === null ? null : new RowHasher().text(canonical(moving)).finish()
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
    const leaveOut = (each: number): boolean => this.#moves.of(each) !== null || except(each)
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
      reassignments: [...this.#moves],
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
    this.#moves = new Reassignments(reassignments)
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
