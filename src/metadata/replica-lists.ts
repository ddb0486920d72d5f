import { assert } from '../base/assert.ts'
import { maskOf } from './replication.ts'
import { LOW_FACTOR, mixed, RowHasher } from './state-hash.ts'

/** List, and how many partitions use it, by id; null where an id is free. */
export type CapturedLists = readonly (readonly [readonly number[], number] | null)[]

/** The hash of each list, by id: what every row that has the list puts into its own. */
export type ListHashes = { readonly low: Int32Array; readonly high: Int32Array }

/** Interned replica lists: a cluster has far fewer different ones than partitions. Counted, so unused ones go. */
export class ReplicaLists {
  readonly #lists: (readonly number[])[] = []
  readonly #uses: number[] = []
  /** By what {@link keyOf} makes of a list: the first of the lists that have it. Then `#next`, to NONE. */
  readonly #first = new Map<number, number>()
  readonly #next: number[] = []
  readonly #free: number[] = []
  #hashes: ListHashes = { low: new Int32Array(16), high: new Int32Array(16) }

  intern(replicas: readonly number[]): number {
    const key = keyOf(replicas)
    let id = this.#first.get(key) ?? NONE
    while (id !== NONE && !isSame(this.#lists[id]!, replicas)) id = this.#next[id]!
    if (id === NONE) {
      id = this.#free.pop() ?? this.#lists.length
      this.#set(id, replicas)
      this.#uses[id] = 0
      this.#link(key, id)
    }
    this.#uses[id]! += 1
    return id
  }

  #link(key: number, id: number): void {
    this.#next[id] = this.#first.get(key) ?? NONE
    this.#first.set(key, id)
  }

  #unlink(key: number, id: number): void {
    const rest = this.#next[id]!
    let before = this.#first.get(key)!
    if (before !== id) {
      while (this.#next[before] !== id) before = this.#next[before]!
      this.#next[before] = rest
    } else if (rest === NONE) this.#first.delete(key)
    else this.#first.set(key, rest)
  }

  #set(id: number, replicas: readonly number[]): void {
    this.#lists[id] = Object.freeze([...replicas])
    if (id >= this.#hashes.low.length) this.#grow()
    const hasher = new RowHasher().number(replicas.length)
    for (const brokerId of replicas) hasher.number(brokerId)
    const { low, high } = hasher.finish()
    this.#hashes.low[id] = low
    this.#hashes.high[id] = high
  }

  #grow(): void {
    const length = 2 * this.#hashes.low.length
    const larger = { low: new Int32Array(length), high: new Int32Array(length) }
    larger.low.set(this.#hashes.low)
    larger.high.set(this.#hashes.high)
    this.#hashes = larger
  }

  get hashes(): ListHashes {
    return this.#hashes
  }

  release(id: number): void {
    assert(this.#uses[id]! > 0, 'only used lists are released')
    this.#uses[id]! -= 1
    if (this.#uses[id] !== 0) return
    this.#unlink(keyOf(this.#lists[id]!), id)
    this.#free.push(id)
  }

  capture(): CapturedLists {
    return this.#lists.map((list, id) => (this.#uses[id]! > 0 ? [list, this.#uses[id]!] : null))
  }

  static from(captured: CapturedLists): ReplicaLists {
    const lists = new ReplicaLists()
    for (const [id, held] of captured.entries()) {
      const [list, uses] = held ?? [[], 0]
      lists.#set(id, list)
      lists.#uses[id] = uses
      if (held === null) lists.#free.push(id)
      else lists.#link(keyOf(list), id)
    }
    return lists
  }

  /** By id, as they are now. */
  all(): readonly (readonly number[])[] {
    return [...this.#lists]
  }

  at(id: number): readonly number[] {
    return this.#lists[id]!
  }

  /** For each list id, the mask of all its members. */
  fullMasks(): Int32Array {
    return Int32Array.from(this.#lists, list => 2 ** list.length - 1)
  }

  /** For each list id, its first broker; -1 where that one may not lead. */
  firstMembers(mayLead: (brokerId: number) => boolean): Int32Array {
    return Int32Array.from(this.#lists, ([first]) => (first !== undefined && mayLead(first) ? first : -1))
  }

  /** For each list id, 1 if the broker is in the list. */
  listsWith(brokerId: number): Uint8Array {
    return Uint8Array.from(this.#lists, list => (list.includes(brokerId) ? 1 : 0))
  }

  /** For each list id that `held` has as 1, the mask of those of its members. */
  masks(held: Uint8Array, member: (brokerId: number) => boolean): Int32Array {
    return Int32Array.from(this.#lists, (list, id) => (held[id] === 1 ? maskOf(list, member) : 0))
  }

  /** How many rows have one of the lists that `held` has as 1. */
  usesOf(held: Uint8Array): number {
    return this.#uses.reduce((sum, uses, id) => (held[id] === 1 ? sum + uses : sum), 0)
  }
}

const NONE = -1

/** The same for the same list, and seldom for another. */
function keyOf(replicas: readonly number[]): number {
  let key = 0
  for (let i = 0; i < replicas.length; i++) key = mixed(key, replicas[i]!, LOW_FACTOR)
  return key
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}
