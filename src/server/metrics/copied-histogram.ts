import type { Histogram as LibraryHistogram, Registry } from '@prometheus-io/client'
import type { Histogram } from '../../base/histogram.ts'
import type { Labels, Metric } from './exposition.ts'

type Value = { readonly metricName: string; readonly labels: Labels; readonly value: number }

/**
 * A histogram that was counted elsewhere. The library's own can only be observed into, value by value; this has what its
 * registry asks of a metric.
 */
export class CopiedHistogram {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #factor: number
  readonly #read: (tell: (histogram: Histogram, labels: Labels) => void) => void

  /** `factor`: from the unit of the histogram to the unit that is told. */
  constructor(
    { name, help }: Metric,
    factor: number,
    read: (tell: (histogram: Histogram, labels: Labels) => void) => void,
  ) {
    this.name = name
    this.help = help
    this.#factor = factor
    this.#read = read
  }

  registerWith(registry: Registry): void {
    registry.registerMetric(this as unknown as LibraryHistogram)
  }

  async get() {
    const values: Value[] = []
    this.#read((histogram, labels) => this.#copy(histogram, labels, values))
    const { name, help, type, aggregator } = this
    return { name, help, type, aggregator, values }
  }

  /** Prometheus counts in each bucket what the smaller ones hold as well. */
  #copy({ bounds, counts, sum }: Histogram, labels: Labels, values: Value[]): void {
    let count = 0
    for (const [at, inBucket] of counts.entries()) {
      count += inBucket
      const le = at < bounds.length ? String(rounded(bounds[at]! * this.#factor)) : '+Inf'
      values.push({ metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: count })
    }
    values.push({ metricName: `${this.name}_sum`, labels, value: sum * this.#factor })
    values.push({ metricName: `${this.name}_count`, labels, value: count })
  }
}

/** 0.1 ms is 0.0001 s, and not 0.00010000000000000002. */
function rounded(value: number): number {
  return Number(value.toPrecision(12))
}
