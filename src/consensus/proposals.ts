import { type Deferred, deferred } from '../base/deferred.ts'
import { DmqError } from '../base/errors.ts'
import { Histogram, LATENCY_BOUNDS_MS } from '../base/histogram.ts'
import type { Clock } from '../io/clock.ts'
import type { ProposalResult } from '../raft/io.ts'

export type Committed = { readonly index: number; readonly result: unknown }

/** Why the core did not take a proposal; `storageFull`: it was not even asked. */
type RefusalReason = Extract<ProposalResult, { refused: string }>['refused'] | 'storageFull'

/** `term`: of the entry that it became. */
type Waiting = { readonly done: Deferred<Committed>; readonly proposedAt: number; term: number }

/** Callers that wait for an entry of theirs: first for its place in the log, then until it is applied here. */
export class Proposals {
  readonly #clock: Clock
  readonly #proposed = new Map<number, Waiting>()
  readonly #pending = new Map<number, Waiting>()
  /** From the proposal until its entry is committed and applied here: what a caller waits. */
  readonly latencyMs = new Histogram(LATENCY_BOUNDS_MS)
  readonly refused: Record<RefusalReason, number> = {
    notLeader: 0,
    transferring: 0,
    overloaded: 0,
    membership: 0,
    storageFull: 0,
  }
  timedOut = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get inFlight(): number {
    return this.#proposed.size + this.#pending.size
  }

  /** Rejects with COMMIT_TIMEOUT when nothing is known after `timeoutMs`. */
  add(token: number, timeoutMs: number): Promise<Committed> {
    const done = deferred<Committed>()
    this.#proposed.set(token, { done, proposedAt: this.#clock.monotonic(), term: 0 })
    const timer = this.#clock.timer(timeoutMs, () => {
      this.timedOut += 1
      done.reject(unknownOutcome(`not committed within ${timeoutMs} ms`))
      for (const [index, pending] of this.#pending) if (pending.done === done) this.#pending.delete(index)
    })
    const cancel = (): void => timer.cancel()
    done.promise.then(cancel, cancel)
    return done.promise
  }

  /** It is not taken, for want of room on the disk. */
  refuse(reason: string): Promise<never> {
    this.refused.storageFull += 1
    return Promise.reject(new DmqError('STORAGE_FULL', reason))
  }

  /** The core took the proposal into the log, or did not. */
  taken(result: ProposalResult): void {
    const waiting = this.#proposed.get(result.token)
    this.#proposed.delete(result.token)
    if (waiting === undefined) return
    if ('refused' in result) {
      this.refused[result.refused] += 1
      waiting.done.reject(refusal(result))
      return
    }
    waiting.term = result.entry.term
    this.#pending.set(result.entry.index, waiting)
  }

  applied(index: number, term: number, result: unknown): void {
    const pending = this.#pending.get(index)
    if (pending === undefined) return
    this.#pending.delete(index)
    if (pending.term !== term)
      return pending.done.reject(notController('another leader wrote over it; it was not committed'))
    this.latencyMs.observe(this.#clock.monotonic() - pending.proposedAt)
    pending.done.resolve({ index, result })
  }

  /** The state jumped to a snapshot: what became of the entries that it covers is not told here any more. */
  skippedTo(index: number): void {
    for (const [at, { done }] of this.#pending) {
      if (at > index) continue
      this.#pending.delete(at)
      done.reject(unknownOutcome('this node lost its leadership and took over a snapshot'))
    }
  }

  /** Resolves when nobody waits any more, or after `timeoutMs`. */
  settled(timeoutMs: number): Promise<void> {
    const waiting = [...this.#proposed.values(), ...this.#pending.values()].map(({ done }) => done)
    const timedOut = deferred<void>()
    const timer = this.#clock.timer(timeoutMs, () => timedOut.resolve())
    const answered = Promise.allSettled(waiting.map(({ promise }) => promise)).then(() => timer.cancel())
    return Promise.race([answered, timedOut.promise])
  }

  /** The node stops. What has no place in the log yet never gets one; what has one may still be committed by others. */
  stop(): void {
    for (const { done } of this.#proposed.values()) done.reject(notController('the node is stopping'))
    for (const { done } of this.#pending.values()) done.reject(unknownOutcome('the node is stopping'))
  }
}

function refusal(result: Extract<ProposalResult, { refused: string }>): DmqError {
  switch (result.refused) {
    case 'notLeader':
      return notController('this node is not the controller')
    case 'transferring':
      return notController('this controller is handing over to another node; try again')
    case 'overloaded':
      return new DmqError('OVERLOADED', 'too many writes wait for their commit; try again a little later')
    case 'membership':
      return new DmqError('MEMBERSHIP_CHANGE_REFUSED', result.why)
  }
}

export function notController(why: string): DmqError {
  return new DmqError('NOT_CONTROLLER', why)
}

function unknownOutcome(why: string): DmqError {
  return new DmqError('COMMIT_TIMEOUT', `${why}; it may still be: look before you repeat it`)
}
