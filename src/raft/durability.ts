import { assert } from '../base/assert.ts'
import type { Index } from './entry.ts'

/**
 * What is on disk, and what waits for it.
 *
 * Everything to be saved goes out as one ordered sequence of writes with increasing numbers; `persisted(n)` means that
 * all of them up to n are durable. An entry that was overwritten while its write was under way never counts as durable
 * under its index (the ABA race of asynchronous appends): a truncation lowers what every earlier write can vouch for.
 */
export class Durability {
  #issued = 0
  #completed = 0
  #durable: Index
  readonly #writes: { id: number; last: Index }[] = []
  readonly #waiting: { id: number; run: () => void }[] = []

  constructor(durable: Index) {
    this.#durable = durable
  }

  /** The highest index that is durable as the log now has it. */
  get durable(): Index {
    return this.#durable
  }

  /** The number of the next write. */
  get nextWrite(): number {
    return this.#issued + 1
  }

  /** A write goes out that leaves the log on disk ending at `last`. */
  issue(last: Index): number {
    this.#issued += 1
    this.#writes.push({ id: this.#issued, last })
    return this.#issued
  }

  /** Entries from `index` on are replaced: no write so far vouches for them. */
  truncated(index: Index): void {
    this.#durable = Math.min(this.#durable, index - 1)
    for (const write of this.#writes) write.last = Math.min(write.last, index - 1)
  }

  /** A snapshot on disk stands for everything up to `index`. */
  covered(index: Index): void {
    this.#durable = Math.max(this.#durable, index)
  }

  /** Runs `action` once the write numbered `id` is durable; at once if it is. */
  after(id: number, action: () => void): void {
    if (id <= this.#completed) {
      action()
      return
    }
    const before = this.#waiting.findLastIndex(waiting => waiting.id <= id)
    this.#waiting.splice(before + 1, 0, { id, run: action })
  }

  persisted(id: number): void {
    assert(id > this.#completed && id <= this.#issued, `write ${id} completes once, after it was issued`)
    this.#completed = id
    while (this.#writes.length > 0 && this.#writes[0]!.id <= id) {
      this.#durable = Math.max(this.#durable, this.#writes.shift()!.last)
    }
    while (this.#waiting.length > 0 && this.#waiting[0]!.id <= id) this.#waiting.shift()!.run()
  }
}
