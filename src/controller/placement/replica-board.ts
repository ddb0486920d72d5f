import type { Assignments } from './assignments.ts'
import type { Board } from './board.ts'
import { keepsSpread } from './racks.ts'
import type { Wanted } from './wanted.ts'

const NONE = new Int32Array(0)

/** Replicas on brokers. One may go wherever its partition does not come to lie closer together. */
export class ReplicaBoard implements Board {
  readonly loads: Int32Array
  readonly weights: readonly number[]
  readonly groups: Int32Array
  readonly #assignments: Assignments
  /** 1 for brokers that take part: they get new replicas. */
  readonly #takes: Uint8Array
  readonly #changedOn: number[][]

  constructor(
    assignments: Assignments,
    brokers: {
      readonly replicas: Int32Array
      readonly weights: readonly number[]
      readonly racks: Int32Array
      readonly takes: Uint8Array
    },
  ) {
    this.#assignments = assignments
    this.loads = brokers.replicas
    this.weights = brokers.weights
    this.groups = brokers.racks
    this.#takes = brokers.takes
    this.#changedOn = brokers.weights.map(() => [])
  }

  get items(): number {
    return this.#assignments.count
  }

  get changes(): number {
    return this.#assignments.changes
  }

  holders(partition: number): Int32Array {
    if (this.#assignments.isFixed(partition)) return NONE
    const members = this.#assignments.at(partition)
    for (let i = 0; i < members.length; i++)
      if (this.#takes[members[i]!] !== 1) return members.filter(broker => this.#takes[broker] === 1)
    return members
  }

  find(partition: number, from: number, wanted: Wanted, accept: (broker: number) => boolean): number {
    const members = this.#assignments.at(partition)
    const home = this.groups[from]!
    const atHome = this.countInRack(members, home)
    const { groups, turn } = wanted
    for (let i = 0; i < groups.length; i++) {
      const { group, nodes } = groups[(turn + i) % groups.length]!
      if (group !== home && !keepsSpread(atHome, this.countInRack(members, group))) continue
      for (let j = 0; j < nodes.length; j++) {
        const broker = nodes[(turn + j) % nodes.length]!
        if (!members.includes(broker) && accept(broker)) return broker
      }
    }
    return -1
  }

  countInRack(members: Int32Array, rack: number): number {
    let count = 0
    for (let i = 0; i < members.length; i++) if (this.groups[members[i]!] === rack) count += 1
    return count
  }

  price(partition: number, from: number, to: number): number {
    const original = this.#assignments.original(partition)
    return Number(!original.includes(to)) - Number(!original.includes(from))
  }

  isChanged(partition: number): boolean {
    return this.#assignments.isChanged(partition)
  }

  changed(): number[] {
    return this.#assignments.changed()
  }

  changedOn(broker: number): readonly number[] {
    return this.#changedOn[broker]!
  }

  /** The new replica takes the place of the old one in the list. */
  move(partition: number, from: number, to: number): void {
    const members = this.#assignments.at(partition)
    const known = this.isChanged(partition) ? [to] : [to, ...members]
    for (const broker of known) this.#changedOn[broker]?.push(partition)
    this.#assignments.change(
      partition,
      members.map(broker => (broker === from ? to : broker)),
    )
    this.loads[from]! -= 1
    this.loads[to]! += 1
  }
}
