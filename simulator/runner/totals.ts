import { addCounts, type Counter, type Counts, countersOf, missing } from '../coverage.ts'
import type { RunResult } from '../run.ts'
import type { Task } from './task.ts'

/** Fewer runs than these may well miss something rare. */
const SEEDS_FOR_COVERAGE = 200

/** What a batch comes to. */
export class Totals {
  readonly failures: RunResult[] = []
  readonly counts: Counts = {}
  seeds = 0
  steps = 0
  virtualMs = 0
  readonly #began = performance.now()
  readonly #withBrokers: boolean

  constructor({ brokers }: Pick<Task, 'brokers'>) {
    this.#withBrokers = brokers !== null
  }

  add(result: RunResult): void {
    this.seeds += 1
    this.steps += result.steps
    this.virtualMs += result.virtualMs
    addCounts(this.counts, result.counts)
    if (result.failure !== null) this.failures.push(result)
  }

  get wallMs(): number {
    return performance.now() - this.#began
  }

  /** What never happened, and must in a batch of this size. */
  get missing(): Counter[] {
    return this.seeds < SEEDS_FOR_COVERAGE ? [] : missing(this.counts, this.#withBrokers)
  }

  get ok(): boolean {
    return this.failures.length === 0 && this.missing.length === 0
  }

  summary(): string {
    const wall = this.wallMs / 1000
    const virtual = this.virtualMs / 1000
    return (
      `${this.seeds} seeds, ${this.steps} steps, ${virtual.toFixed(0)} s of virtual time in ${wall.toFixed(1)} s: ` +
      `${Math.round(this.steps / wall)} steps/s, ${Math.round(virtual / wall)} times as fast as real time\n`
    )
  }

  coverageTable(): string {
    const names = Object.keys(countersOf(this.#withBrokers)) as Counter[]
    const cells = names.map(name => `${name.padEnd(26)}${String(this.counts[name] ?? 0).padStart(9)}`)
    const rows = Math.ceil(cells.length / 3)
    const lines = Array.from({ length: rows }, (_, row) =>
      [0, 1, 2].map(column => cells[row + column * rows] ?? '').join('   '),
    )
    return `${lines.join('\n')}\n`
  }

  toJSON() {
    const { seeds, steps, virtualMs, wallMs, counts, failures } = this
    return { ok: this.ok, seeds, steps, virtualMs, wallMs, counts, missing: this.missing, failures }
  }
}

/** What went wrong, and the line that shows it again. */
export function failureText({ seed, failure }: RunResult, { nodes, brokers }: Omit<Task, 'seed'>): string {
  const size = `${brokers === null ? '' : ` --brokers ${brokers}`}${nodes === null ? '' : ` --nodes ${nodes}`}`
  return `seed ${seed}: ${failure!.text}\n  replay: npm run simulate -- --seed ${seed}${size} --trace\n`
}
