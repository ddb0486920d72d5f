import { Counter, Gauge, Registry } from '@prometheus-io/client'
import type { Histogram } from '../../base/histogram.ts'
import { CopiedHistogram } from './copied-histogram.ts'

export type Labels = Readonly<Record<string, string | number>>

/** Names the metric and says what it is; `docs/metrics.md` has the same words. */
export type Metric = { readonly name: string; readonly help: string; readonly labels?: readonly string[] }

/** Tells one value of a metric. */
export type Tell = (value: number, labels?: Labels) => void

/**
 * What this process tells Prometheus. The rooms keep plain numbers; whoever registers a metric here gives a function that
 * reads them, and it is called when somebody scrapes. All numbers of one scrape are read in one turn of the loop.
 */
export class Exposition {
  readonly #registry = new Registry()
  #scrape = 0

  /** A value that goes up and down; null: there is none now. */
  gauge(metric: Metric, read: () => number | null): void {
    this.gauges(metric, tell => {
      const value = read()
      if (value !== null) tell(value)
    })
  }

  /** The same for several values, one for each set of labels. What is not told again is gone. */
  gauges(metric: Metric, read: (tell: Tell) => void): void {
    const { name, help, labels = [] } = metric
    const gauge: Gauge<string> = new Gauge<string>({
      name,
      help,
      labelNames: labels,
      registers: [this.#registry],
      collect() {
        gauge.reset()
        // Without labels the library takes "none told" for zero.
        gauge.remove({})
        read((value, its = {}) => gauge.set(its, value))
      },
    })
  }

  /** A count that only grows. */
  counter(metric: Metric, read: () => number): void {
    this.counters(metric, tell => tell(read()))
  }

  counters(metric: Metric, read: (tell: Tell) => void): void {
    const { name, help, labels = [] } = metric
    const counter: Counter<string> = new Counter<string>({
      name,
      help,
      labelNames: labels,
      registers: [this.#registry],
      collect() {
        counter.reset()
        read((value, its = {}) => counter.inc(its, value))
      },
    })
  }

  /** The histogram counts milliseconds; Prometheus is told seconds. */
  latency(metric: Metric, histogram: Histogram): void {
    this.latencies(metric, tell => tell(histogram, {}))
  }

  latencies(metric: Metric, read: (tell: (histogram: Histogram, labels: Labels) => void) => void): void {
    new CopiedHistogram(metric, 1 / 1_000, read).registerWith(this.#registry)
  }

  /** Read once in every scrape, however many metrics ask for it. */
  once<T>(read: () => T): () => T {
    let known: { scrape: number; value: T } | null = null
    return () => {
      if (known?.scrape !== this.#scrape) known = { scrape: this.#scrape, value: read() }
      return known.value
    }
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    this.#scrape += 1
    return this.#registry.metrics()
  }
}
