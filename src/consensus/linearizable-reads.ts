import { type Deferred, deferred } from '../base/deferred.ts'
import { DmqError } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { ReadIndexResult } from '../raft/io.ts'

type Read = {
  readonly done: Deferred<number>
  /** Of the question asked last. An answer to an earlier one is as good, and is not waited for. */
  token: number
  /** What this node must have applied; null until it is told. */
  index: number | null
  retry: Timer
}

/** How soon a read is asked again when nobody could answer it, and when nobody did. */
const REFUSED_RETRY_MS = 20
const SILENT_RETRY_MS = 200

/** Callers that wait until this node shows every write that was acknowledged before they asked. */
export class LinearizableReads {
  readonly #clock: Clock
  /** Asks the core for an index; a token is never used twice, by no process of this node. */
  readonly #ask: (token: number) => void
  readonly #reads = new Set<Read>()
  readonly #asked = new Map<number, Read>()
  #lastToken: number
  #applied: number
  confirmed = 0
  unconfirmed = 0

  constructor(clock: Clock, firstToken: number, applied: number, ask: (token: number) => void) {
    this.#clock = clock
    this.#lastToken = firstToken
    this.#applied = applied
    this.#ask = ask
  }

  get waiting(): number {
    return this.#reads.size
  }

  /** Resolves when the state here is fresh enough; rejects with NO_CONTROLLER when nobody confirms that in time. */
  add(timeoutMs: number): Promise<number> {
    const read: Read = { done: deferred(), token: 0, index: null, retry: NO_TIMER }
    this.#reads.add(read)
    const deadline = this.#clock.timer(timeoutMs, () => read.done.reject(nobodyConfirmed(timeoutMs)))
    const settle = (): void => {
      deadline.cancel()
      read.retry.cancel()
      this.#asked.delete(read.token)
      this.#reads.delete(read)
    }
    const confirmed = (): void => {
      this.confirmed += 1
      settle()
    }
    const unconfirmed = (): void => {
      this.unconfirmed += 1
      settle()
    }
    read.done.promise.then(confirmed, unconfirmed)
    this.#askFor(read)
    return read.done.promise
  }

  #askFor(read: Read): void {
    this.#asked.delete(read.token)
    this.#lastToken += 1
    read.token = this.#lastToken
    this.#asked.set(read.token, read)
    read.retry = this.#clock.timer(SILENT_RETRY_MS, () => this.#askFor(read))
    this.#ask(read.token)
  }

  answered({ token, index }: ReadIndexResult): void {
    const read = this.#asked.get(token)
    if (read === undefined) return
    read.retry.cancel()
    if (index === null) {
      read.retry = this.#clock.timer(REFUSED_RETRY_MS, () => this.#askFor(read))
      return
    }
    this.#asked.delete(token)
    read.index = index
    if (index <= this.#applied) read.done.resolve(index)
  }

  appliedTo(index: number): void {
    this.#applied = index
    for (const read of this.#reads)
      if (read.index !== null && read.index <= index) read.done.resolve(read.index)
  }

  rejectAll(error: DmqError): void {
    for (const { done } of this.#reads) done.reject(error)
  }
}

const NO_TIMER: Timer = { cancel() {} }

function nobodyConfirmed(timeoutMs: number): DmqError {
  const text = `no controller with a majority confirmed within ${timeoutMs} ms that this node is up to date`
  return new DmqError('NO_CONTROLLER', text)
}
