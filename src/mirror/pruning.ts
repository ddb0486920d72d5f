import type { Clock, Timer } from '../io/clock.ts'
import type { MirrorIdentity, MirrorStore } from './store.ts'

const EVERY_MS = 3_600_000
/** One transaction deletes no more: what is to be mirrored meanwhile does not wait for long. */
const ROWS_MAX = 1_000

/** Deletes rows of the history that are too old: when this node becomes the controller, and every hour. */
export class Pruning {
  readonly #clock: Clock
  /** Null: everything is kept. */
  readonly #keptMs: number | null
  #dueAt: number

  constructor(keptMs: number | null, clock: Clock) {
    this.#keptMs = keptMs
    this.#clock = clock
    this.#dueAt = clock.monotonic()
  }

  get isDue(): boolean {
    return this.#keptMs !== null && this.#clock.monotonic() >= this.#dueAt
  }

  /** Calls back when it is due; null: it never is. */
  whenDue(callback: () => void): Timer | null {
    if (this.#keptMs === null) return null
    return this.#clock.timer(Math.max(0, this.#dueAt - this.#clock.monotonic()), callback)
  }

  /** A part of what is to be deleted, if it is due; it stays due while there is more. */
  async step(store: MirrorStore, identity: MirrorIdentity): Promise<void> {
    if (this.#keptMs === null || !this.isDue) return
    const before = this.#clock.epoch() - this.#keptMs
    const deleted = await store.prune(identity, { before, rowsMax: ROWS_MAX })
    if (deleted < ROWS_MAX) this.#dueAt = this.#clock.monotonic() + EVERY_MS
  }
}
