/**
 * The table `raft_log` of a database, for those who want the log where their other data is. Every method is one
 * transaction, durable when it resolves. A failure may leave it unknown whether the transaction took place; the caller
 * ends the process, and what is true is read at the next start.
 */
export interface LogTable {
  load(): Promise<{
    readonly firstIndex: number
    readonly rows: readonly LogRow[]
    readonly state: Buffer | null
  }>
  write(write: LogWrite): Promise<void>
  /** Deletes the rows before this index. */
  dropBefore(index: number): Promise<void>
  close(): Promise<void>
}

export type LogRow = {
  readonly index: number
  readonly term: number
  readonly type: string
  readonly data: Buffer
}

/** What a batch does: delete rows from an index on (or all of them), append, replace the state. */
export type LogWrite = {
  /** All rows go, and the log begins with this index; null: nothing of the kind. */
  readonly beginAt: number | null
  readonly deleteFrom: number | null
  readonly rows: readonly LogRow[]
  readonly state: Buffer | null
  /** Epoch milliseconds, for people. */
  readonly time: number
}
