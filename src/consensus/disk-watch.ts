import { Histogram, LATENCY_BOUNDS_MS } from '../base/histogram.ts'
import type { Clock, Timer } from '../io/clock.ts'

/**
 * Watches how long writes of the log are under way. A disk that takes longer than `slowMs` for one is slow until a write
 * takes less again.
 */
export class DiskWatch {
  readonly #clock: Clock
  readonly #slowMs: number
  readonly #onSlow: () => void
  /** When each write that is under way began, oldest first. */
  readonly #begun: number[] = []
  #timer: Timer | null = null
  #slow = false
  /** From the moment a write is wanted until it is durable, the wait behind earlier ones included. */
  readonly writeMs = new Histogram(LATENCY_BOUNDS_MS)

  constructor(clock: Clock, slowMs: number, onSlow: () => void) {
    this.#clock = clock
    this.#slowMs = slowMs
    this.#onSlow = onSlow
  }

  get isSlow(): boolean {
    return this.#slow
  }

  /** For how long the oldest write has been under way; 0: none is. */
  get oldestMs(): number {
    const oldest = this.#begun[0]
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest
  }

  begin(): void {
    this.#begun.push(this.#clock.monotonic())
    if (this.#timer === null) this.#arm()
  }

  /** Writes end in the order in which they began. */
  end(): void {
    const ms = this.#clock.monotonic() - this.#begun.shift()!
    this.writeMs.observe(ms)
    if (ms < this.#slowMs) this.#slow = false
    else this.#found()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #arm(): void {
    const oldest = this.#begun[0]
    if (oldest === undefined) return
    this.#timer = this.#clock.timer(oldest + this.#slowMs - this.#clock.monotonic(), () => this.#look())
  }

  /** One timer for many writes: it looks at whichever is the oldest by then. */
  #look(): void {
    this.#timer = null
    const oldest = this.#begun[0]
    if (oldest !== undefined && this.#clock.monotonic() - oldest >= this.#slowMs) {
      this.#found()
      // It is told once, until a write ends.
      return
    }
    this.#arm()
  }

  #found(): void {
    if (this.#slow) return
    this.#slow = true
    this.#onSlow()
  }
}
