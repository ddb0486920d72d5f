const ROWS_BITS = 12
/** Rows of one page. */
export const PAGE_ROWS = 1 << ROWS_BITS
const ROW_MASK = PAGE_ROWS - 1

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

export function pageOf(row: number): number {
  return row >>> ROWS_BITS
}

export function rowInPage(row: number): number {
  return row & ROW_MASK
}

/**
 * Some thousand rows of the partition table. A page that somebody reads as it was (a snapshot, the mirror) has a pin of each
 * of them: whoever wants to write to it copies it first, so that they cost a copy of what changes meanwhile, and never of the
 * whole table.
 */
export class PartitionPage {
  readonly ints: Readonly<Record<IntColumn, Int32Array>>
  readonly createdAt: Float64Array
  readonly modifiedAt: Float64Array
  readonly topicIds: string[]
  pins = 0

  constructor(from?: PartitionPage) {
    const columns = INT_COLUMNS.map(name => [name, from?.ints[name].slice() ?? new Int32Array(PAGE_ROWS)])
    this.ints = Object.fromEntries(columns) as Record<IntColumn, Int32Array>
    this.createdAt = from?.createdAt.slice() ?? new Float64Array(PAGE_ROWS)
    this.modifiedAt = from?.modifiedAt.slice() ?? new Float64Array(PAGE_ROWS)
    this.topicIds = from?.topicIds.slice() ?? new Array<string>(PAGE_ROWS).fill('')
  }

  /** The first `rows` of each column, one column after the other, little-endian, without the ids of the topics. */
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
