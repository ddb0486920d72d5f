import type { ChangedRows, RowState } from './changed-rows.ts'
import { NOBODY, type PartitionPage } from './partition-page.ts'
import type { ReplicaLists } from './replica-lists.ts'
import { countOf, type Rules } from './replication.ts'
import type { TopicColumns } from './topic-numbers.ts'

export type Brokers = Pick<Rules, 'isActive' | 'isDraining'>

/** A broker in a new state, as far as it matters to the partitions it has replicas of. */
export type Departure = {
  readonly brokerId: number
  /** It leaves ISRs; `lostData`: ELRs as well. `others`: who is there without it. Null: it stays. */
  readonly leaves: { readonly lostData: boolean; readonly others: Brokers } | null
  /** Who is there afterwards, where that may bring leaders; null: nobody more. */
  readonly after: Brokers | null
  readonly time: number
}

/** Of each replica list with the broker: who may lead, and who of them is not draining. */
type Masks = { readonly active: Int32Array; readonly staying: Int32Array }

/**
 * The rules of `replication.ts` for one row after the other, on integers: a broker that has 200,000 replicas must not hold up
 * the process when it goes. Rows are not being moved. What it does is by definition what those rules do; a test compares both
 * over random histories.
 */
export class RowDeparture implements RowState {
  leader = NOBODY
  leaderEpoch = 0
  partitionEpoch = 0
  isr = 0
  elr = 0
  lastKnownLeader = NOBODY
  readonly #departure: Departure
  readonly #lists: ReplicaLists
  readonly #topics: TopicColumns
  readonly #changed: ChangedRows
  /** 1 for each list with the broker. */
  readonly #held: Uint8Array
  /** The bit of the broker in each list. */
  readonly #bits: Int32Array
  readonly #without: Masks | null
  readonly #after: Masks | null
  // Of the row at hand, and the brokers that there are at this step.
  #replicas: readonly number[] = []
  #minIsr = 1
  #unclean = false
  #active = 0
  #staying = 0

  constructor(
    departure: Departure,
    lists: ReplicaLists,
    held: Uint8Array,
    topics: TopicColumns,
    changed: ChangedRows,
  ) {
    const { brokerId, leaves, after } = departure
    this.#departure = departure
    this.#lists = lists
    this.#topics = topics
    this.#changed = changed
    this.#held = held
    this.#bits = lists.masks(held, id => id === brokerId)
    this.#without = leaves === null ? null : masksOf(lists, held, leaves.others)
    this.#after = after === null ? null : masksOf(lists, held, after)
  }

  /** The rows of a page, of which `first` is the first; those that are left out go to `others`. */
  takePage(
    page: PartitionPage,
    first: number,
    rows: number,
    leaveOut: (row: number) => boolean,
    others: number[],
  ): void {
    const { replicas } = page.ints
    const held = this.#held
    for (let at = 0; at < rows; at++) {
      const list = replicas[at]!
      if (list < 0 || held[list] !== 1) continue
      if (leaveOut(first + at)) others.push(first + at)
      else this.#take(first + at, page, at)
    }
  }

  #take(row: number, page: PartitionPage, at: number): void {
    const { ints } = page
    const list = ints.replicas[at]!
    const topic = page.topics[at]!
    this.leader = ints.leader[at]!
    this.leaderEpoch = ints.leaderEpoch[at]!
    this.partitionEpoch = ints.partitionEpoch[at]!
    this.isr = ints.isr[at]!
    this.elr = ints.elr[at]!
    this.lastKnownLeader = ints.lastKnownLeader[at]!
    this.#replicas = this.#lists.at(list)
    this.#minIsr = Math.min(this.#topics.minIsr[topic]!, this.#replicas.length)
    this.#unclean = this.#topics.unclean[topic] === 1
    this.#leave(list)
    this.#arrive(list)
    if (this.partitionEpoch !== ints.partitionEpoch[at]) this.#changed.add(row, this)
  }

  #leave(list: number): void {
    const { leaves } = this.#departure
    if (this.#without === null || leaves === null) return
    const { leader, isr, elr, lastKnownLeader } = this
    this.#enter(this.#without, list)
    this.#withoutReplica(this.#bits[list]!, leaves.lostData)
    this.#settle()
    this.#revise(leader, isr, elr, lastKnownLeader)
  }

  #arrive(list: number): void {
    if (this.#after === null) return
    const { leader, isr, elr, lastKnownLeader } = this
    this.#enter(this.#after, list)
    this.#settle()
    this.#revise(leader, isr, elr, lastKnownLeader)
  }

  #enter({ active, staying }: Masks, list: number): void {
    this.#active = active[list]!
    this.#staying = staying[list]!
  }

  #withoutReplica(bit: number, lostData: boolean): void {
    const joinsElr = (this.isr & bit) !== 0 && !lostData
    this.isr &= ~bit
    if (countOf(this.isr) >= this.#minIsr) this.elr = 0
    else if (joinsElr) this.elr |= bit
    if (lostData) this.elr &= ~bit
  }

  #settle(): void {
    this.#elect()
    const next = this.#firstIn(this.isr)
    if (this.leader === NOBODY || next === NOBODY) return
    const leads = this.#bitOf(this.leader)
    // A draining leader hands over as soon as another member of the ISR can lead.
    if ((leads & this.#active & ~this.#staying) !== 0 && (this.isr & this.#staying) !== 0) this.leader = next
  }

  /** The leader stays while it is valid; else ISR, then ELR, then (both empty) who led last, then unclean if allowed. */
  #elect(): void {
    if ((this.isr & this.#bitOf(this.leader) & this.#active) !== 0) return
    const inIsr = this.#firstIn(this.isr)
    if (inIsr !== NOBODY) return this.#ledBy(inIsr)
    const inElr = this.isr === 0 ? this.#firstIn(this.elr) : NOBODY
    if (inElr !== NOBODY) return this.#ledAlone(inElr, this.#minIsr > 1 ? this.elr & ~this.#bitOf(inElr) : 0)
    const last = this.leader === NOBODY ? this.lastKnownLeader : this.leader
    const nobodyHolds = this.isr === 0 && this.elr === 0
    if (nobodyHolds && (this.#bitOf(last) & this.#active) !== 0) return this.#ledAlone(last, 0)
    const anyone = this.#unclean ? this.#firstIn(~0) : NOBODY
    if (anyone !== NOBODY) return this.#ledAlone(anyone, 0)
    this.leader = NOBODY
    this.lastKnownLeader = last
  }

  #ledBy(leader: number): void {
    this.leader = leader
    this.lastKnownLeader = NOBODY
  }

  #ledAlone(leader: number, elr: number): void {
    this.isr = this.#bitOf(leader)
    this.elr = elr
    this.#ledBy(leader)
  }

  /** The first that may lead, in replica order; one that is draining only where there is no other. */
  #firstIn(mask: number): number {
    const staying = mask & this.#staying
    const those = staying === 0 ? mask & this.#active : staying
    return those === 0 ? NOBODY : this.#replicas[31 - Math.clz32(those & -those)]!
  }

  #bitOf(brokerId: number): number {
    const replicas = this.#replicas
    for (let i = 0; i < replicas.length; i++) if (replicas[i] === brokerId) return 1 << i
    return 0
  }

  /** Epochs, if the row is not as it was. */
  #revise(leader: number, isr: number, elr: number, lastKnownLeader: number): void {
    const sameSets = this.isr === isr && this.elr === elr
    if (sameSets && this.leader === leader && this.lastKnownLeader === lastKnownLeader) return
    if (this.leader !== leader) this.leaderEpoch += 1
    this.partitionEpoch += 1
  }
}

function masksOf(lists: ReplicaLists, held: Uint8Array, { isActive, isDraining }: Brokers): Masks {
  const active = lists.masks(held, isActive)
  const draining = lists.masks(held, isDraining)
  return { active, staying: active.map((mask, list) => mask & ~draining[list]!) }
}
