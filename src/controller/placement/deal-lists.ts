import type { RackShares } from './racks.ts'
import { scatter } from './scatter.ts'

export type Deal = {
  readonly partitions: number
  readonly replicationFactor: number
  readonly seed: number
  readonly racks: Int32Array
  readonly shares: RackShares
  /** How many replicas each broker gets, and how many of them lead. */
  readonly replicas: Int32Array
  readonly leaders: Int32Array
  readonly rackReplicas: Int32Array
}

/** Replica lists, of brokers by number, in which each broker occurs as often as its quota says. */
export function dealLists(deal: Deal): number[][] {
  const dealer = new Dealer(deal)
  return Array.from(leaderOrder(deal), (leader, partition) => dealer.listLedBy(leader, partition))
}

/** Who leads which partition: every broker as often as its quota says, at equal distances. */
function leaderOrder({ leaders, partitions, seed }: Deal): Int32Array {
  const brokers = leaders.length
  const turns: { readonly at: number; readonly broker: number }[] = []
  for (let i = 0; i < brokers; i++) {
    const broker = (seed + i) % brokers
    for (let turn = 0; turn < leaders[broker]!; turn++)
      turns.push({ at: (turn + (i + 1) / (brokers + 1)) / leaders[broker]!, broker })
  }
  turns.sort((a, b) => a.at - b.at)
  return Int32Array.from({ length: partitions }, (_, partition) => turns[partition]!.broker)
}

/**
 * Deals quotas out, partition by partition. Whoever has most left comes first, so that nobody is left at the end with more
 * than there are partitions to put it in. Among equals it is the one that inherited least from this leader, so that
 * what a lost broker led does not all fall to one other.
 */
class Dealer {
  readonly #deal: Deal
  readonly #members: readonly number[][]
  /** What is left to deal: replicas of a broker, those of them that follow, and likewise of a rack above its least. */
  readonly #left: Int32Array
  readonly #following: Int32Array
  readonly #rackLeft: Int32Array
  readonly #rackFollowing: Int32Array
  /** Of each rack, a bound on what any of its brokers has left. */
  readonly #peaks: Int32Array
  readonly #extras: number
  readonly #wanted: Int32Array
  readonly #brokerHeirs: Heirs
  readonly #rackHeirs: Heirs

  constructor(deal: Deal) {
    const { racks, shares, rackReplicas, replicas, leaders, partitions, replicationFactor } = deal
    this.#deal = deal
    this.#members = Array.from(rackReplicas, () => [])
    for (const [broker, rack] of racks.entries()) this.#members[rack]!.push(broker)
    this.#left = Int32Array.from(replicas)
    this.#following = replicas.map((count, broker) => count - leaders[broker]!)
    this.#rackLeft = rackReplicas.map((count, rack) => count - partitions * shares.least[rack]!)
    this.#rackFollowing = Int32Array.from(this.#rackLeft)
    for (const [broker, rack] of racks.entries())
      if (shares.least[rack] === 0) this.#rackFollowing[rack]! -= leaders[broker]!
    this.#peaks = rackReplicas.map(() => partitions)
    this.#extras = replicationFactor - shares.least.reduce((sum, count) => sum + count, 0)
    this.#wanted = new Int32Array(rackReplicas.length)
    this.#brokerHeirs = new Heirs(replicas.length)
    this.#rackHeirs = new Heirs(rackReplicas.length)
  }

  listLedBy(leader: number, partition: number): number[] {
    const turn = scatter(this.#deal.seed, partition)
    const home = this.#deal.racks[leader]!
    this.#wantOfRacks(leader, home, turn)
    const list = [leader]
    this.#left[leader]! -= 1
    for (let rack = 0; rack < this.#wanted.length; rack++) {
      const others = this.#wanted[rack]! - (rack === home ? 1 : 0)
      for (let i = 0; i < others; i++) list.push(this.#follower(rack, list, turn))
    }
    return this.#ordered(list)
  }

  /** Sets how many replicas of this partition go to which racks. */
  #wantOfRacks(leader: number, home: number, turn: number): void {
    const { least } = this.#deal.shares
    this.#wanted.set(least)
    for (let i = 0; i < this.#extras; i++) {
      const mustHost = this.#wanted[home] === 0
      const rack = mustHost ? home : this.#rackWithMostLeft(leader, turn)
      this.#rackLeft[rack]! -= 1
      if (!mustHost) this.#rackFollowing[rack]! -= 1
      this.#wanted[rack]! += 1
    }
  }

  #rackWithMostLeft(leader: number, turn: number): number {
    const { most } = this.#deal.shares
    const heirs = this.#rackHeirs.of(leader)
    const racks = this.#rackLeft.length
    let best = -1
    for (let i = 0, rack = turn % racks; i < racks; i++, rack = rack + 1 === racks ? 0 : rack + 1) {
      if (this.#wanted[rack] === most[rack]) continue
      if (best < 0 || comesBefore(rack, best, this.#rackFollowing, this.#rackLeft, heirs)) best = rack
    }
    return best
  }

  #follower(rack: number, list: readonly number[], turn: number): number {
    const members = this.#members[rack]!
    const heirs = this.#brokerHeirs.of(list[0]!)
    const peak = this.#peaks[rack]!
    let [best, highest] = [-1, 0]
    for (let i = 0, at = turn % members.length; i < members.length; i++) {
      const broker = members[at]!
      at = at + 1 === members.length ? 0 : at + 1
      highest = Math.max(highest, this.#left[broker]!)
      if (list.includes(broker)) continue
      if (best < 0 || comesBefore(broker, best, this.#following, this.#left, heirs)) best = broker
      // Nobody can come before this one.
      if (this.#left[best] === peak && heirs[best] === 0 && this.#following[best]! > 0)
        return this.#take(best)
    }
    this.#peaks[rack] = highest
    return this.#take(best)
  }

  #take(broker: number): number {
    this.#left[broker]! -= 1
    this.#following[broker]! -= 1
    return broker
  }

  /** Puts the follower in front that inherited least: the first one leads when the leader is lost. */
  #ordered(list: number[]): number[] {
    if (list.length === 1) return list
    const heirs = this.#brokerHeirs.of(list[0]!)
    let first = 1
    for (let i = 2; i < list.length; i++) if (heirs[list[i]!]! < heirs[list[first]!]!) first = i
    const heir = list[first]!
    list[first] = list[1]!
    list[1] = heir
    heirs[heir]! += 1
    this.#rackHeirs.of(list[0]!)[this.#deal.racks[heir]!]! += 1
    return list
  }
}

function comesBefore(
  a: number,
  b: number,
  following: Int32Array,
  left: Int32Array,
  heirs: Uint16Array,
): boolean {
  const mayFollow = Number(following[a]! > 0) - Number(following[b]! > 0)
  if (mayFollow !== 0) return mayFollow > 0
  const more = left[a]! - left[b]!
  return more > 0 || (more === 0 && heirs[a]! < heirs[b]!)
}

/** How often each place came first behind a leader. */
class Heirs {
  readonly #places: number
  readonly #counts: (Uint16Array | undefined)[] = []

  constructor(places: number) {
    this.#places = places
  }

  of(leader: number): Uint16Array {
    this.#counts[leader] ??= new Uint16Array(this.#places)
    return this.#counts[leader]
  }
}
