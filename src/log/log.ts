/**
 * The door of the room: a durable sequence of numbered records, and beside it one small state of which the newest
 * version counts. The log knows neither terms nor offsets: it keeps bytes, and tells whether they are the same bytes.
 *
 * What it tells and reads is what is durable: a truncation or append under way does not show before its promise resolves.
 */
export interface Log {
  /** 1 + the last index that was dropped from the front; the first record that can be read. */
  readonly firstIndex: number
  /** 0 while the log is empty. */
  readonly lastIndex: number
  readonly state: Buffer | null
  /**
   * Truncates, appends and replaces the state, durable as one when the promise resolves: after a crash before that,
   * all of it is there or nothing. Appends complete in order. The buffers must not change before that.
   * What arrives while a write is under way goes to disk together with the next one (group commit). The first failed
   * write or sync rejects this and every later append: the log accepts nothing more.
   */
  append(batch: Batch): Promise<void>
  /** Records from `from` to `to`: at least one, then while they fit in `bytesMax`. Throws {@link DamagedLog}. */
  read(from: number, to: number, bytesMax: number): Buffer[]
  /**
   * Records before `index` are not wanted any more. What shares a file with later ones stays. Resolves when the rest is
   * gone for good; a crash before that leaves some of it, never a gap.
   */
  dropBefore(index: number): Promise<void>
  /** Waits for what is under way, then releases everything. */
  close(): Promise<void>
}

export type Batch = {
  /** All records are void, and the next one has the index behind this one; null = none are. Goes before the rest. */
  readonly resetTo: number | null
  /** Records from this index on are void; null = none. An index behind the end voids nothing. */
  readonly truncateFrom: number | null
  /** Index of the first record; must follow the last one that is left. */
  readonly firstIndex: number
  readonly records: readonly Buffer[]
  /** Null leaves the state as it was. */
  readonly state: Buffer | null
}

/** The log on disk is not what was written. Starting on it could lose acknowledged data, so nothing starts on it. */
export class DamagedLog extends Error {
  override name = 'DamagedLog'
}
