import { assert } from '../../base/assert.ts'
import { counted } from '../../base/counted.ts'
import { rackNumbers } from './racks.ts'
import { type BrokerLoad, type PlacementView, unavailableText } from './view.ts'

/** Why no broker can take a replica over. */
export type Obstacle = {
  readonly code: 'REASSIGNING' | 'WAITING' | 'NO_BROKER_AVAILABLE' | 'TOO_FEW_BROKERS'
  readonly text: string
}

/** A replica list in which another broker stands where the leaving one stood; or why there is none. */
export type Replacement = { readonly replicas: readonly number[] } | { readonly obstacle: Obstacle }

/**
 * Finds brokers that take replicas over, one after the other: each takes a replica of the broker that is to be left, and
 * counts as holding it from then on, so that the next goes elsewhere.
 */
export class Replacements {
  readonly #brokers: readonly BrokerLoad[]
  readonly #numbers: ReadonlyMap<number, number>
  readonly #racks: Int32Array
  readonly #takers: readonly number[]
  readonly #replicas: Int32Array
  readonly #leaders: Int32Array

  constructor({ brokers }: Pick<PlacementView, 'brokers'>) {
    this.#brokers = brokers
    this.#numbers = new Map(brokers.map((broker, number) => [broker.brokerId, number]))
    this.#racks = rackNumbers(brokers)
    this.#takers = [...brokers.keys()].filter(number => brokers[number]!.unavailable === null)
    this.#replicas = Int32Array.from(brokers, broker => broker.replicas)
    this.#leaders = Int32Array.from(brokers, broker => broker.leaders)
  }

  /** The replacement is the one that leaves the fewest replicas in one rack; of these, the one that holds least. */
  replace(replicas: readonly number[], leaving: number): Replacement {
    const position = replicas.indexOf(leaving)
    assert(position >= 0, 'it holds what it leaves')
    const others = replicas.filter(brokerId => brokerId !== leaving)
    const taker = this.#taker(replicas, others, position)
    if (taker === null) return this.#noCandidate(others, leaving)
    this.#take(taker, leaving, position)
    const { brokerId } = this.#brokers[taker]!
    return { replicas: replicas.map(id => (id === leaving ? brokerId : id)) }
  }

  /** One replica more, of `wanted` in all: where the fewest others are in the same rack; of these, on the broker that holds least. */
  add(
    replicas: readonly number[],
    wanted: number,
  ): { readonly brokerId: number } | { readonly obstacle: Obstacle } {
    const taker = this.#taker(replicas, replicas, replicas.length)
    if (taker === null) return this.#nobodyLeft(replicas, wanted)
    this.#replicas[taker]! += 1
    return { brokerId: this.#brokers[taker]!.brokerId }
  }

  /** The number of who is to stand at the position beside the others, and holds none of the replicas; null: nobody can. */
  #taker(replicas: readonly number[], others: readonly number[], position: number): number | null {
    const candidates = this.#takers.filter(number => !replicas.includes(this.#brokers[number]!.brokerId))
    if (candidates.length === 0) return null
    const inRack = this.#countByRack(others)
    const crowd = (number: number): number => inRack.get(this.#racks[number]!) ?? 0
    return candidates.reduce((a, b) =>
      (crowd(a) - crowd(b) || this.#compareLoads(a, b, position)) <= 0 ? a : b,
    )
  }

  /** `holders`: all that could be found. */
  #nobodyLeft(holders: readonly number[], wanted: number): { readonly obstacle: Obstacle } {
    const able = holders.toSorted((a, b) => a - b)
    const unavailable = unavailableText(this.#brokers.filter(({ brokerId }) => !holders.includes(brokerId)))
    const others = unavailable === '' ? '' : `; others may not (${unavailable})`
    return obstacle(
      'TOO_FEW_BROKERS',
      `replication factor ${wanted} needs ${counted(wanted, 'broker that takes new replicas, or holds', 'brokers that take new replicas, or hold')} one already; there ` +
        `${able.length === 1 ? 'is' : 'are'} ${able.length} (${able.join(', ')})${others}. Start more brokers, or ask for fewer replicas.`,
    )
  }

  #take(number: number, leaving: number, position: number): void {
    const from = this.#numbers.get(leaving)
    this.#replicas[number]! += 1
    if (from !== undefined) this.#replicas[from]! -= 1
    if (position > 0) return
    this.#leaders[number]! += 1
    if (from !== undefined) this.#leaders[from]! -= 1
  }

  #compareLoads(a: number, b: number, position: number): number {
    const level = (of: Int32Array, number: number): number =>
      (of[number]! + 1) / this.#brokers[number]!.weight
    const byReplicas = level(this.#replicas, a) - level(this.#replicas, b)
    if (byReplicas !== 0 || position > 0) return byReplicas
    return level(this.#leaders, a) - level(this.#leaders, b)
  }

  #countByRack(replicas: readonly number[]): Map<number, number> {
    const counts = new Map<number, number>()
    for (const brokerId of replicas) {
      const number = this.#numbers.get(brokerId)
      if (number === undefined) continue
      const rack = this.#racks[number]!
      counts.set(rack, (counts.get(rack) ?? 0) + 1)
    }
    return counts
  }

  #noCandidate(others: readonly number[], leaving: number): Replacement {
    const available = this.#takers.map(number => this.#brokers[number]!.brokerId).filter(id => id !== leaving)
    const unavailable = unavailableText(this.#brokers.filter(({ brokerId }) => brokerId !== leaving))
    const rest = unavailable === '' ? '' : ` (${unavailable})`
    if (available.length === 0) {
      const text = `no broker but ${leaving} takes new replicas${rest}. Start another broker.`
      return obstacle('NO_BROKER_AVAILABLE', text)
    }
    const needed = others.length + 1
    return obstacle(
      'TOO_FEW_BROKERS',
      `its ${counted(needed, 'replica')} ${needed === 1 ? 'needs' : 'need'} ${counted(needed, 'broker')}; without ${leaving}, all that take new replicas ` +
        `(${available.join(', ')}) hold one already${rest}. Start another broker, or give the topic fewer replicas.`,
    )
  }
}

export function reassigning(target: readonly number[]): { readonly obstacle: Obstacle } {
  const text = `it is being reassigned to ${target.join(', ')}, or waits to be. It is planned when that is done or cancelled.`
  return obstacle('REASSIGNING', text)
}

/** Nobody takes over from brokers that stay away, and without them a move would not end. */
export function waiting(target: readonly number[]): { readonly obstacle: Obstacle } {
  const text = `moved to ${target.join(', ')}, it would wait for brokers that stay away. Start them again, or other brokers.`
  return obstacle('WAITING', text)
}

function obstacle(code: Obstacle['code'], text: string): { readonly obstacle: Obstacle } {
  return { obstacle: { code, text } }
}
