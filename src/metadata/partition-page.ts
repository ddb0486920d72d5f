import type { Partition } from './partition-table.ts'

const ROWS_BITS = 12
/** Rows of one page. */
export const PAGE_ROWS = 1 << ROWS_BITS
const ROW_MASK = PAGE_ROWS - 1

/** In the order of a snapshot. */
const INT_COLUMNS = [
  'partition',
  'leader',
  'leaderEpoch',
  'partitionEpoch',
  'replicas',
  'isr',
  'elr',
  'lastKnownLeader',
] as const
export type IntColumn = (typeof INT_COLUMNS)[number]

/** In a column, for who is null in a {@link Partition}. */
export const NOBODY = -1

export function orNull(value: number): number | null {
  return value === NOBODY ? null : value
}

export function pageOf(row: number): number {
  return row >>> ROWS_BITS
}

export function rowInPage(row: number): number {
  return row & ROW_MASK
}

/** How many of the first `rows` rows of a table lie on this page. */
export function rowsOfPage(rows: number, page: number): number {
  return Math.max(0, Math.min(PAGE_ROWS, rows - page * PAGE_ROWS))
}

/** A row as it was: where it lies, its integers, its topic, and its times, two words each. */
const ROW_WORDS = 1 + INT_COLUMNS.length + 1 + 4

/**
 * Some thousand rows of the partition table. A page that somebody reads as it was (a snapshot, the mirror) has a pin of each
 * of them, and keeps rows as they were before they change: they cost what changes meanwhile, and never a copy of the table.
 */
export class PartitionPage {
  readonly ints: Readonly<Record<IntColumn, Int32Array>>
  /** Numbers of this table alone: see {@link TopicNumbers}. */
  readonly topics: Int32Array
  readonly createdAt: Float64Array
  readonly modifiedAt: Float64Array
  /** The bits of the times, two words each: what is hashed. */
  readonly createdWords: Int32Array
  readonly modifiedWords: Int32Array
  #pins = 0
  /** Rows as they were before they changed, oldest first. */
  #before = new Int32Array(0)
  #changes = 0
  /** 1 for each row that was kept since the newest pin. */
  #kept: Uint8Array | null = null

  constructor(from?: PartitionPage) {
    const column = (name: IntColumn) => from?.ints[name].slice() ?? new Int32Array(PAGE_ROWS)
    // One literal, so that every page has the same shape, and reading a column costs no search for it.
    this.ints = {
      partition: column('partition'),
      leader: column('leader'),
      leaderEpoch: column('leaderEpoch'),
      partitionEpoch: column('partitionEpoch'),
      replicas: column('replicas'),
      isr: column('isr'),
      elr: column('elr'),
      lastKnownLeader: column('lastKnownLeader'),
    }
    this.topics = from?.topics.slice() ?? new Int32Array(PAGE_ROWS).fill(-1)
    this.createdAt = from?.createdAt.slice() ?? new Float64Array(PAGE_ROWS)
    this.modifiedAt = from?.modifiedAt.slice() ?? new Float64Array(PAGE_ROWS)
    this.createdWords = new Int32Array(this.createdAt.buffer)
    this.modifiedWords = new Int32Array(this.modifiedAt.buffer)
  }

  /** What may change of a partition by rules: neither its key nor its replicas. */
  write(at: number, partition: Partition): void {
    const { ints } = this
    ints.leader[at] = partition.leader ?? NOBODY
    ints.leaderEpoch[at] = partition.leaderEpoch
    ints.partitionEpoch[at] = partition.partitionEpoch
    ints.isr[at] = partition.isr
    ints.elr[at] = partition.elr
    ints.lastKnownLeader[at] = partition.lastKnownLeader ?? NOBODY
    this.modifiedAt[at] = partition.modifiedAt
  }

  get pins(): number {
    return this.#pins
  }

  /** From now on the page can be had as it is now, until as many pins are taken off. Returns what {@link asOf} takes. */
  pin(): number {
    this.#pins += 1
    this.#kept = new Uint8Array(PAGE_ROWS)
    return this.#changes
  }

  unpin(): void {
    this.#pins -= 1
    if (this.#pins > 0) return
    this.#before = new Int32Array(0)
    this.#changes = 0
    this.#kept = null
  }

  /** To be called before a row changes. */
  keep(at: number): void {
    if (this.#kept === null || this.#kept[at] === 1) return
    this.#kept[at] = 1
    const from = this.#changes * ROW_WORDS
    if (from === this.#before.length) this.#before = grown(this.#before)
    this.#before[from] = at
    for (let i = 0; i < INT_COLUMNS.length; i++) this.#before[from + 1 + i] = this.ints[INT_COLUMNS[i]!][at]!
    const rest = from + 1 + INT_COLUMNS.length
    this.#before[rest] = this.topics[at]!
    for (let word = 0; word < 2; word++) {
      this.#before[rest + 1 + word] = this.createdWords[2 * at + word]!
      this.#before[rest + 3 + word] = this.modifiedWords[2 * at + word]!
    }
    this.#changes += 1
  }

  /** The page as it was when it was pinned: itself, while nothing has changed since, else a copy. */
  asOf(pin: number): PartitionPage {
    if (pin === this.#changes) return this
    const page = new PartitionPage(this)
    for (let change = this.#changes - 1; change >= pin; change--)
      page.#restore(this.#before.subarray(change * ROW_WORDS, (change + 1) * ROW_WORDS))
    return page
  }

  #restore(row: Int32Array): void {
    const at = row[0]!
    for (let i = 0; i < INT_COLUMNS.length; i++) this.ints[INT_COLUMNS[i]!][at] = row[1 + i]!
    const rest = 1 + INT_COLUMNS.length
    this.topics[at] = row[rest]!
    for (let word = 0; word < 2; word++) {
      this.createdWords[2 * at + word] = row[rest + 1 + word]!
      this.modifiedWords[2 * at + word] = row[rest + 3 + word]!
    }
  }

  /** The first `rows` of each column, one column after the other, little-endian, without the topics. */
  encode(rows: number): Uint8Array {
    const columns = this.#columns().map(column => bytesOf(column, rows))
    const bytes = new Uint8Array(columns.reduce((sum, column) => sum + column.length, 0))
    let position = 0
    for (const column of columns) {
      bytes.set(column, position)
      position += column.length
    }
    return bytes
  }

  /** Fills this page, which is new, with `rows` rows that {@link encode} gave. False: those bytes are something else. */
  decode(bytes: Uint8Array, rows: number): boolean {
    let position = 0
    for (const column of this.#columns()) {
      const target = bytesOf(column, rows)
      if (position + target.length > bytes.length) return false
      target.set(bytes.subarray(position, position + target.length))
      position += target.length
    }
    return position === bytes.length
  }

  #columns(): (Int32Array | Float64Array)[] {
    return [...INT_COLUMNS.map(name => this.ints[name]), this.createdAt, this.modifiedAt]
  }
}

function bytesOf(
  { buffer, byteOffset, BYTES_PER_ELEMENT }: Int32Array | Float64Array,
  rows: number,
): Uint8Array {
  return new Uint8Array(buffer, byteOffset, rows * BYTES_PER_ELEMENT)
}

function grown(rows: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(16 * ROW_WORDS, 4 * rows.length))
  larger.set(rows)
  return larger
}

/** A pinned page, to be read as it was then whatever becomes of it; to be released, once. */
export class CapturedPage {
  readonly #page: PartitionPage
  readonly #pin: number
  #copy: PartitionPage | null = null

  constructor(page: PartitionPage) {
    this.#page = page
    this.#pin = page.pin()
  }

  /** To be read before anything changes: later it may be another. */
  get page(): PartitionPage {
    if (this.#copy !== null) return this.#copy
    const page = this.#page.asOf(this.#pin)
    if (page !== this.#page) this.#copy = page
    return page
  }

  release(): void {
    this.#page.unpin()
  }
}
