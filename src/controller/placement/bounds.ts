import type { Board } from './board.ts'

/** What each of some nodes is to hold: its share of all that they hold, rounded down or up. */
export class Bounds {
  readonly nodes: readonly number[]
  readonly low: Int32Array
  readonly high: Int32Array
  readonly #loads: Int32Array

  /** Writes into `low` and `high`, which are for all nodes of the board. */
  constructor({ loads, weights }: Board, nodes: readonly number[], low: Int32Array, high: Int32Array) {
    this.nodes = nodes
    this.low = low
    this.high = high
    this.#loads = loads
    const total = nodes.reduce((sum, node) => sum + loads[node]!, 0)
    const weight = nodes.reduce((sum, node) => sum + weights[node]!, 0)
    for (const node of nodes) {
      // Rounded far behind the point: a third of 300 is 100, and not a little less.
      const share = Math.round(((total * weights[node]!) / weight) * 1e6) / 1e6
      low[node] = Math.floor(share)
      high[node] = Math.ceil(share)
    }
  }

  above(node: number): number {
    return this.#loads[node]! - this.high[node]!
  }

  below(node: number): number {
    return this.low[node]! - this.#loads[node]!
  }

  get areMet(): boolean {
    return this.nodes.every(node => this.above(node) <= 0 && this.below(node) <= 0)
  }

  /** How much more is too high than is too low: that must find room below the upper bounds. Below zero: the other way round. */
  get spare(): number {
    let spare = 0
    for (const node of this.nodes) spare += Math.max(0, this.above(node)) - Math.max(0, this.below(node))
    return spare
  }
}
