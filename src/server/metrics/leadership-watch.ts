import type { Leadership } from '../../consensus/consensus.ts'
import type { Clock } from '../../io/clock.ts'

/** Remembers what changes of leadership this node has seen. */
export class LeadershipWatch {
  readonly #clock: Clock
  #term = 0
  #readySince: number | null = null
  /** Controllers that this node has followed or been, each term's counted once. */
  changes = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  changed({ term, leader, ready }: Leadership): void {
    if (leader !== null && term > this.#term) {
      this.#term = term
      this.changes += 1
    }
    if (!ready) this.#readySince = null
    else this.#readySince ??= this.#clock.monotonic()
  }

  /** For how long this node has been the controller; 0: it is not. */
  get leadingMs(): number {
    return this.#readySince === null ? 0 : this.#clock.monotonic() - this.#readySince
  }
}
