import { Heap } from './heap.ts'
import { rackSizes } from './racks.ts'
import { scatter } from './scatter.ts'

/** Brokers by number: what they have, and how much of what is given out they may get. */
export type Claims = {
  readonly racks: Int32Array
  readonly weights: readonly number[]
  readonly loads: readonly number[]
  /** Where loads are equal, the one with the lower figure comes first. */
  readonly ties: readonly number[]
  /** No broker gets more. */
  readonly most: (broker: number) => number
  /** Nor this, while there is another that has not reached its own. */
  readonly fair: (broker: number) => number
  readonly seed: number
}

/**
 * Gives out units one by one, each to the broker that then stands lowest for its weight. Among equals, to the one whose
 * rack stands lowest. Because every unit goes where it is lowest, the outcome is as even as the bounds allow.
 */
export class Quotas {
  readonly given: Int32Array
  readonly givenToRack: Int32Array
  readonly #claims: Claims
  readonly #chance: number[]
  readonly #rackLoads: number[]
  readonly #rackWeights: number[]
  /** Of each rack, those that may get more. */
  readonly #open: Heap[]

  constructor(claims: Claims) {
    const { racks, loads, weights, seed } = claims
    this.#claims = claims
    this.given = new Int32Array(racks.length)
    this.#chance = loads.map((_, broker) => scatter(seed, broker))
    const members: number[][] = rackSizes(racks).map(() => [])
    for (const [broker, rack] of racks.entries()) members[rack]!.push(broker)
    const sum = (of: readonly number[]) =>
      members.map(rack => rack.reduce((all, broker) => all + of[broker]!, 0))
    this.#rackLoads = sum(loads)
    this.#rackWeights = sum(weights)
    this.givenToRack = new Int32Array(members.length)
    const free = members.map(rack => rack.filter(broker => claims.most(broker) > 0))
    this.#open = free.map(rack => new Heap(rack, (a, b) => this.#compare(a, b) < 0))
  }

  /** To one rack, which must have room. */
  giveToRack(rack: number, units: number): void {
    for (let left = units; left > 0; left--) this.#give(rack)
  }

  /** To all, but to no rack more than `most` in the whole. */
  give(units: number, most: (rack: number) => number): void {
    const hasRoom = (rack: number): boolean =>
      this.#open[rack]!.size > 0 && this.givenToRack[rack]! < most(rack)
    const open = new Heap([...this.givenToRack.keys()].filter(hasRoom), (a, b) => this.#rackBefore(a, b))
    for (let left = units; left > 0; left--) {
      this.#give(open.first)
      if (hasRoom(open.first)) open.firstChanged()
      else open.removeFirst()
    }
  }

  #give(rack: number): void {
    const open = this.#open[rack]!
    const broker = open.first
    this.given[broker]! += 1
    this.givenToRack[rack]! += 1
    if (this.given[broker]! < this.#claims.most(broker)) open.firstChanged()
    else open.removeFirst()
  }

  #rackBefore(a: number, b: number): boolean {
    const [one, other] = [this.#open[a]!.first, this.#open[b]!.first]
    const byBroker = this.#compareLevels(one, other)
    if (byBroker !== 0) return byBroker < 0
    const byRack = this.#rackLevel(a) - this.#rackLevel(b)
    return byRack !== 0 ? byRack < 0 : this.#compare(one, other) < 0
  }

  #rackLevel(rack: number): number {
    return (this.#rackLoads[rack]! + this.givenToRack[rack]!) / this.#rackWeights[rack]!
  }

  #compare(a: number, b: number): number {
    const { ties } = this.#claims
    return this.#compareLevels(a, b) || ties[a]! - ties[b]! || this.#chance[a]! - this.#chance[b]! || a - b
  }

  #compareLevels(a: number, b: number): number {
    return Number(this.#isOverFair(a)) - Number(this.#isOverFair(b)) || this.#level(a) - this.#level(b)
  }

  #isOverFair(broker: number): boolean {
    return this.given[broker]! >= this.#claims.fair(broker)
  }

  /** Where it would stand with half a unit more: so the shares come out rounded to the nearest, large and small alike. */
  #level(broker: number): number {
    const { loads, weights } = this.#claims
    return (loads[broker]! + this.given[broker]! + 0.5) / weights[broker]!
  }
}
