/** Counts values by size. Plain numbers: an observation allocates nothing, so it may stand in a hot path. */
export class Histogram {
  /** Ascending; a value belongs to the first bound that it does not exceed. */
  readonly bounds: readonly number[]
  /** Of each bound, and behind them of what exceeds them all. */
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at += 1
    this.counts[at]! += 1
    this.sum += value
  }
}

/** Milliseconds, from a fast disk's sync to a request that nobody waits for any more. */
export const LATENCY_BOUNDS_MS = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
]
