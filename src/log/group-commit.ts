import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import { mergeBatches } from './batch.ts'
import type { Batch } from './log.ts'

/**
 * What is done to a log, one thing at a time and in the order in which it was asked for: no write begins before the one
 * before it is durable. Batches that arrive while something is under way become one, which goes next (group commit).
 *
 * The first write that fails ends the log: it rejects that batch, the one that waits, and whatever comes later. Never
 * retried: after a failed sync the kernel may have dropped the very pages that failed.
 */
export class GroupCommit {
  readonly #write: (batch: Batch) => Promise<void>
  /** Where the log ends once everything that was accepted is durable. */
  #acceptedLast: number
  #waiting: { batch: Batch; readonly done: Deferred<void> } | null = null
  readonly #queue: (() => Promise<void>)[] = []
  #working = false
  #failure: unknown = null

  /** `write` makes a batch durable, and then visible. */
  constructor(lastIndex: number, write: (batch: Batch) => Promise<void>) {
    this.#acceptedLast = lastIndex
    this.#write = write
  }

  /** See {@link Log.append}; the log begins with `firstIndex` now. */
  append(batch: Batch, firstIndex: number): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    this.#accept(batch, firstIndex)
    if (this.#waiting !== null) {
      this.#waiting.batch = mergeBatches(this.#waiting.batch, batch)
      return this.#waiting.done.promise
    }
    const done = deferred<void>()
    this.#waiting = { batch, done }
    this.#enqueue(() => this.#writeWaiting())
    return done.promise
  }

  #accept({ resetTo, truncateFrom, firstIndex, records }: Batch, first: number): void {
    assert(truncateFrom === null || truncateFrom >= first, 'only what is there is void')
    if (resetTo !== null) this.#acceptedLast = resetTo
    if (truncateFrom !== null) this.#acceptedLast = Math.min(this.#acceptedLast, truncateFrom - 1)
    if (records.length === 0) return
    assert(firstIndex === this.#acceptedLast + 1, `record ${firstIndex} follows ${this.#acceptedLast}`)
    this.#acceptedLast += records.length
  }

  /** Does something else to the log when all that was asked before is done. Rejects when the log has ended. */
  between(work: () => Promise<void>): Promise<void> {
    const done = deferred<void>()
    this.#enqueue(() => {
      const worked = this.#failure === null ? work() : Promise.reject(this.#failure)
      return worked.then(done.resolve, done.reject)
    })
    return done.promise
  }

  /** Waits for what was asked before; after that nothing is accepted. */
  async close(): Promise<void> {
    await this.between(async () => {}).catch(() => {})
    this.#failure ??= new Error('the log is closed')
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue.push(work)
    if (!this.#working) void this.#workAll()
  }

  async #workAll(): Promise<void> {
    this.#working = true
    for (let work = this.#queue.shift(); work !== undefined; work = this.#queue.shift()) await work()
    this.#working = false
  }

  async #writeWaiting(): Promise<void> {
    const { batch, done } = this.#waiting!
    this.#waiting = null
    if (this.#failure !== null) return done.reject(this.#failure)
    try {
      await this.#write(batch)
      done.resolve()
    } catch (error) {
      this.#failure = error
      done.reject(error)
    }
  }
}
