import { assert } from '../base/assert.ts'
import type { LogRow, LogTable } from '../io/log-table.ts'
import { GroupCommit } from './group-commit.ts'
import { type Batch, DamagedLog, type Log } from './log.ts'

/** How a record is spread over the columns of a row, and made from them again. */
export type RowCodec = {
  encode(index: number, record: Buffer): LogRow
  decode(row: LogRow): Buffer
}

export type SqlLogOptions = {
  readonly table: LogTable
  readonly codec: RowCodec
  /** Epoch milliseconds. */
  readonly time: () => number
}

/**
 * The log in a database. The records are in memory as well, where they are read: the log behind a snapshot is short. What
 * the database promises is what this log promises: a batch is one transaction.
 */
export class SqlLog implements Log {
  readonly #table: LogTable
  readonly #codec: RowCodec
  readonly #time: () => number
  #first: number
  #records: Buffer[]
  #state: Buffer | null
  /** One transaction at a time. */
  readonly #commits: GroupCommit

  static async open(options: SqlLogOptions): Promise<SqlLog> {
    const { firstIndex, rows, state } = await options.table.load()
    for (const [i, { index }] of rows.entries()) {
      if (index === firstIndex + i) continue
      throw new DamagedLog(
        `raft_log: row ${firstIndex + i} is expected, found is row ${index}. Restore the table from a copy.`,
      )
    }
    return new SqlLog(options, firstIndex, rows.map(options.codec.decode), state)
  }

  private constructor(options: SqlLogOptions, first: number, records: Buffer[], state: Buffer | null) {
    this.#table = options.table
    this.#codec = options.codec
    this.#time = options.time
    this.#first = first
    this.#records = records
    this.#state = state
    this.#commits = new GroupCommit(this.lastIndex, batch => this.#write(batch))
  }

  get firstIndex(): number {
    return this.#first
  }

  get lastIndex(): number {
    return this.#first + this.#records.length - 1
  }

  get state(): Buffer | null {
    return this.#state
  }

  append(batch: Batch): Promise<void> {
    return this.#commits.append(batch, this.#first)
  }

  async #write({ resetTo, truncateFrom, firstIndex, records, state }: Batch): Promise<void> {
    await this.#table.write({
      beginAt: resetTo === null ? null : resetTo + 1,
      deleteFrom: truncateFrom,
      rows: records.map((record, i) => this.#codec.encode(firstIndex + i, record)),
      state,
      time: this.#time(),
    })
    if (resetTo !== null) {
      this.#records = []
      this.#first = resetTo + 1
    }
    if (truncateFrom !== null)
      this.#records.length = Math.min(this.#records.length, truncateFrom - this.#first)
    this.#records.push(...records)
    this.#state = state ?? this.#state
  }

  read(from: number, to: number, bytesMax: number): Buffer[] {
    assert(from >= this.#first && from <= to && to <= this.lastIndex, `records ${from}-${to} are in the log`)
    const records: Buffer[] = []
    let bytes = 0
    for (const record of this.#records.slice(from - this.#first, to + 1 - this.#first)) {
      bytes += record.length
      if (records.length > 0 && bytes > bytesMax) break
      records.push(record)
    }
    return records
  }

  dropBefore(index: number): Promise<void> {
    return this.#commits.between(async () => {
      const first = Math.min(index, this.lastIndex + 1)
      if (first <= this.#first) return
      await this.#table.dropBefore(first)
      this.#records = this.#records.slice(first - this.#first)
      this.#first = first
    })
  }

  async close(): Promise<void> {
    await this.#commits.close()
    await this.#table.close()
  }
}
