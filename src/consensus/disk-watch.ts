import { Histogram, LATENCY_BOUNDS_MS } from '../base/histogram.ts'
import type { Clock, Timer } from '../io/clock.ts'

type Write = { readonly begunAt: number; readonly begunAwakeMs: number }

/** Looks at a write in the time after which it is slow. */
const LOOKS = 8

/**
 * Watches how long writes of the log are under way. A disk that takes longer than `slowMs` for one is slow until a write
 * takes less again.
 *
 * While this process stands still (the cores are busy with others, the machine was stopped) it hears of no write, and the
 * disk is not to blame: time counts as far as the watch has been awake, from look to look. Of a longer gap two looks count.
 */
export class DiskWatch {
  readonly #clock: Clock
  readonly #slowMs: number
  readonly #lookMs: number
  readonly #onSlow: () => void
  /** Those that are under way, oldest first. */
  readonly #writes: Write[] = []
  #awakeMs = 0
  #awakeAt = 0
  #timer: Timer | null = null
  #slow = false
  /** From the moment a write is wanted until it is durable, the wait behind earlier ones included. */
  readonly writeMs = new Histogram(LATENCY_BOUNDS_MS)

  constructor(clock: Clock, slowMs: number, onSlow: () => void) {
    this.#clock = clock
    this.#slowMs = slowMs
    this.#lookMs = slowMs / LOOKS
    this.#onSlow = onSlow
  }

  get isSlow(): boolean {
    return this.#slow
  }

  /** For how long the oldest write has been under way; 0: none is. */
  get oldestMs(): number {
    const oldest = this.#writes[0]
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest.begunAt
  }

  begin(): void {
    this.#awake()
    this.#writes.push({ begunAt: this.#awakeAt, begunAwakeMs: this.#awakeMs })
    if (this.#timer === null) this.#arm()
  }

  /** Writes end in the order in which they began. */
  end(): void {
    this.#awake()
    const { begunAt, begunAwakeMs } = this.#writes.shift()!
    this.writeMs.observe(this.#awakeAt - begunAt)
    if (this.#awakeMs - begunAwakeMs < this.#slowMs) this.#slow = false
    else this.#found()
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #awake(): void {
    const now = this.#clock.monotonic()
    this.#awakeMs += Math.min(now - this.#awakeAt, 2 * this.#lookMs)
    this.#awakeAt = now
  }

  #arm(): void {
    this.#timer = this.#clock.timer(this.#lookMs, () => this.#look())
  }

  /** One timer for many writes: it looks at whichever is the oldest by then. */
  #look(): void {
    this.#timer = null
    this.#awake()
    const oldest = this.#writes[0]
    if (oldest === undefined) return
    if (this.#awakeMs - oldest.begunAwakeMs >= this.#slowMs) this.#found()
    this.#arm()
  }

  #found(): void {
    if (this.#slow) return
    this.#slow = true
    this.#onSlow()
  }
}
