import { type Deferred, deferred } from '../base/deferred.ts'
import { DmqError } from '../base/errors.ts'
import type { Clock } from '../io/clock.ts'
import type { ProposalResult } from '../raft/io.ts'

export type Committed = { readonly index: number; readonly result: unknown }

/** Callers that wait for an entry of theirs: first for its place in the log, then until it is applied here. */
export class Proposals {
  readonly #clock: Clock
  readonly #proposed = new Map<number, Deferred<Committed>>()
  readonly #pending = new Map<number, { term: number; done: Deferred<Committed> }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects with COMMIT_TIMEOUT when nothing is known after `timeoutMs`. */
  add(token: number, timeoutMs: number): Promise<Committed> {
    const done = deferred<Committed>()
    this.#proposed.set(token, done)
    const timer = this.#clock.timer(timeoutMs, () => {
      done.reject(unknownOutcome(`not committed within ${timeoutMs} ms`))
      for (const [index, pending] of this.#pending) if (pending.done === done) this.#pending.delete(index)
    })
    const cancel = (): void => timer.cancel()
    done.promise.then(cancel, cancel)
    return done.promise
  }

  /** The core took the proposal into the log, or did not. */
  taken(result: ProposalResult): void {
    const done = this.#proposed.get(result.token)
    this.#proposed.delete(result.token)
    if (done === undefined) return
    if ('entry' in result) this.#pending.set(result.entry.index, { term: result.entry.term, done })
    else done.reject(refusal(result))
  }

  applied(index: number, term: number, result: unknown): void {
    const pending = this.#pending.get(index)
    if (pending === undefined) return
    this.#pending.delete(index)
    if (pending.term === term) pending.done.resolve({ index, result })
    else pending.done.reject(notController('another leader wrote over it; it was not committed'))
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
    const waiting = [...this.#proposed.values(), ...[...this.#pending.values()].map(({ done }) => done)]
    const timedOut = deferred<void>()
    const timer = this.#clock.timer(timeoutMs, () => timedOut.resolve())
    const answered = Promise.allSettled(waiting.map(({ promise }) => promise)).then(() => timer.cancel())
    return Promise.race([answered, timedOut.promise])
  }

  /** The node stops. What has no place in the log yet never gets one; what has one may still be committed by others. */
  stop(): void {
    for (const done of this.#proposed.values()) done.reject(notController('the node is stopping'))
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
