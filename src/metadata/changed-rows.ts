import { lowerBound } from '../base/lower-bound.ts'
import { orNull, type PartitionPage } from './partition-page.ts'
import type { Partition } from './partition-table.ts'

/** What may change of a row when a broker goes or comes, as the columns hold it: -1 is nobody. */
export type RowState = {
  leader: number
  leaderEpoch: number
  partitionEpoch: number
  isr: number
  elr: number
  lastKnownLeader: number
}

/**
 * New states of many rows, none of which is being moved: seven integers each, where an object for each takes forty times the
 * time. Rows ascend. Filled once, and then only read.
 */
export class ChangedRows {
  readonly #rows: Int32Array
  readonly #leader: Int32Array
  readonly #leaderEpoch: Int32Array
  readonly #partitionEpoch: Int32Array
  readonly #isr: Int32Array
  readonly #elr: Int32Array
  readonly #lastKnownLeader: Int32Array
  readonly modifiedAt: number
  #count = 0

  constructor(rowsMax: number, modifiedAt: number) {
    this.#rows = new Int32Array(rowsMax)
    this.#leader = new Int32Array(rowsMax)
    this.#leaderEpoch = new Int32Array(rowsMax)
    this.#partitionEpoch = new Int32Array(rowsMax)
    this.#isr = new Int32Array(rowsMax)
    this.#elr = new Int32Array(rowsMax)
    this.#lastKnownLeader = new Int32Array(rowsMax)
    this.modifiedAt = modifiedAt
  }

  get count(): number {
    return this.#count
  }

  get rows(): Int32Array {
    return this.#rows.subarray(0, this.#count)
  }

  add(row: number, state: RowState): void {
    const i = this.#count++
    this.#rows[i] = row
    this.#leader[i] = state.leader
    this.#leaderEpoch[i] = state.leaderEpoch
    this.#partitionEpoch[i] = state.partitionEpoch
    this.#isr[i] = state.isr
    this.#elr[i] = state.elr
    this.#lastKnownLeader[i] = state.lastKnownLeader
  }

  /** Writes the i-th state where its row lies. */
  write(i: number, { ints, modifiedAt }: PartitionPage, at: number): void {
    ints.leader[at] = this.#leader[i]!
    ints.leaderEpoch[at] = this.#leaderEpoch[i]!
    ints.partitionEpoch[at] = this.#partitionEpoch[i]!
    ints.isr[at] = this.#isr[i]!
    ints.elr[at] = this.#elr[i]!
    ints.lastKnownLeader[at] = this.#lastKnownLeader[i]!
    modifiedAt[at] = this.modifiedAt
  }

  /** The i-th row as it will be; `before` is the same row in any earlier state. */
  partition(i: number, before: Partition): Partition {
    return {
      ...before,
      leader: orNull(this.#leader[i]!),
      leaderEpoch: this.#leaderEpoch[i]!,
      partitionEpoch: this.#partitionEpoch[i]!,
      isr: this.#isr[i]!,
      elr: this.#elr[i]!,
      lastKnownLeader: orNull(this.#lastKnownLeader[i]!),
      modifiedAt: this.modifiedAt,
    }
  }

  /** Where the row is; -1: it is not among them. */
  positionOf(row: number): number {
    const position = lowerBound(this.#count, i => this.#rows[i]! < row)
    return position < this.#count && this.#rows[position] === row ? position : -1
  }
}
