import type { Assignments } from './assignments.ts'
import type { Board } from './board.ts'
import type { Wanted } from './wanted.ts'

/** First places in replica lists. They go to another member of the list: no data moves. */
export class LeaderBoard implements Board {
  readonly loads: Int32Array
  readonly weights: readonly number[]
  readonly groups: Int32Array
  readonly #assignments: Assignments
  readonly #takes: Uint8Array
  readonly #leaders = new Map<number, number>()
  readonly #changedOn: number[][]
  /** Partitions that are moved anyway: their order costs nothing. */
  readonly #moved: ReadonlySet<number>
  #changes: number

  constructor(
    assignments: Assignments,
    brokers: {
      readonly leaders: Int32Array
      readonly weights: readonly number[]
      readonly takes: Uint8Array
    },
  ) {
    this.#assignments = assignments
    this.loads = brokers.leaders
    this.weights = brokers.weights
    this.groups = new Int32Array(brokers.weights.length)
    this.#takes = brokers.takes
    this.#changedOn = brokers.weights.map(() => [])
    this.#moved = new Set(assignments.changed())
    this.#changes = this.#moved.size
    for (const partition of this.#moved) this.#changedOn[assignments.at(partition)[0]!]?.push(partition)
  }

  get items(): number {
    return this.#assignments.count
  }

  get changes(): number {
    return this.#changes
  }

  leader(partition: number): number {
    return this.#leaders.get(partition) ?? this.#assignments.at(partition)[0]!
  }

  holders(partition: number): readonly number[] {
    const leader = this.leader(partition)
    return this.#takes[leader] !== 1 || this.#assignments.isFixed(partition) ? [] : [leader]
  }

  find(partition: number, from: number, wanted: Wanted, accept: (broker: number) => boolean): number {
    for (const broker of this.#assignments.at(partition))
      if (broker !== from && wanted.has(broker) && accept(broker)) return broker
    return -1
  }

  price(partition: number, from: number, to: number): number {
    if (this.#moved.has(partition)) return 0
    const first = this.#assignments.at(partition)[0]
    return Number(to !== first) - Number(from !== first)
  }

  isChanged(partition: number): boolean {
    return this.#leaders.has(partition) || this.#moved.has(partition)
  }

  changed(): number[] {
    return [...this.#moved, ...[...this.#leaders.keys()].filter(partition => !this.#moved.has(partition))]
  }

  changedOn(broker: number): readonly number[] {
    return this.#changedOn[broker]!
  }

  move(partition: number, from: number, to: number): void {
    if (!this.isChanged(partition)) this.#changes += 1
    this.#leaders.set(partition, to)
    this.#changedOn[to]!.push(partition)
    this.loads[from]! -= 1
    this.loads[to]! += 1
  }

  /** Writes the new leaders into the lists: who leads comes first, the others keep their order. Returns what changed. */
  settle(): { readonly partition: number; readonly from: number; readonly to: number }[] {
    const changed = [...this.#leaders].filter(([partition, to]) => this.#assignments.at(partition)[0] !== to)
    return changed.map(([partition, to]) => {
      const members = this.#assignments.at(partition)
      const others = members.filter(broker => broker !== to)
      this.#assignments.change(partition, Int32Array.of(to, ...others))
      return { partition, from: members[0]!, to }
    })
  }
}
