import { type Deferred, deferred } from '../base/deferred.ts'
import type { Clock } from '../io/clock.ts'
import type { Leadership } from './consensus.ts'

/** What a leader waits for that hands over: that it leads no more, and that somebody else does. */
export class Succession {
  readonly #clock: Clock
  #deposed = deferred<boolean>()
  #succeeded = deferred<boolean>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  changed({ role, leader }: Leadership): void {
    if (role === 'LEADER') return
    this.#deposed.resolve(true)
    this.#deposed = deferred()
    if (leader === null) return
    this.#succeeded.resolve(true)
    this.#succeeded = deferred()
  }

  /** This node does not lead any more; false: it still does after `timeoutMs`. */
  deposed(timeoutMs: number): Promise<boolean> {
    return this.#within(timeoutMs, this.#deposed)
  }

  /** Another one leads; false: nobody that this node knows of, after `timeoutMs`. */
  succeeded(timeoutMs: number): Promise<boolean> {
    return this.#within(timeoutMs, this.#succeeded)
  }

  #within(timeoutMs: number, { promise }: Deferred<boolean>): Promise<boolean> {
    const late = deferred<boolean>()
    const timer = this.#clock.timer(timeoutMs, () => late.resolve(false))
    return Promise.race([promise.finally(() => timer.cancel()), late.promise])
  }
}
