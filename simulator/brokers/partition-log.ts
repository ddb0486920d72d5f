/** A record is a value that no other record has, and the epoch of the leader that took it. */
export type StoredRecord = { readonly epoch: number; readonly value: number }

/** Where the records of an epoch end, in a log. */
export type EpochEnd = { readonly epoch: number; readonly endOffset: number }

/** The log of one replica, in the memory of its machine; what is flushed survives a power failure. */
export class PartitionLog {
  readonly records: StoredRecord[] = []
  /** Records below it are committed, as far as this replica knows. */
  highWatermark = 0
  #flushed = 0

  get end(): number {
    return this.records.length
  }

  get lastEpoch(): number | null {
    return this.records.at(-1)?.epoch ?? null
  }

  append(records: readonly StoredRecord[]): void {
    this.records.push(...records)
  }

  truncate(end: number): void {
    this.records.length = Math.min(this.records.length, end)
    this.#flushed = Math.min(this.#flushed, this.records.length)
    this.highWatermark = Math.min(this.highWatermark, this.records.length)
  }

  flush(): void {
    this.#flushed = this.records.length
  }

  /** Some of what was not flushed is lost. Returns how many records. */
  losePower(fraction: number): number {
    const before = this.records.length
    this.truncate(this.#flushed + Math.floor((before - this.#flushed + 1) * fraction))
    return before - this.records.length
  }

  /** The last epoch up to `epoch` that there are records of, and where those end. */
  endOf(epoch: number): EpochEnd {
    const after = this.records.findLastIndex(record => record.epoch <= epoch)
    return after < 0
      ? { epoch: -1, endOffset: 0 }
      : { epoch: this.records[after]!.epoch, endOffset: after + 1 }
  }
}
