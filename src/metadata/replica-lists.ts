import { assert } from '../base/assert.ts'

/** List, and how many partitions use it, by id; null where an id is free. */
export type CapturedLists = readonly (readonly [readonly number[], number] | null)[]

/** Interned replica lists: a cluster has far fewer different ones than partitions. Counted, so unused ones go. */
export class ReplicaLists {
  readonly #lists: (readonly number[])[] = []
  readonly #uses: number[] = []
  readonly #ids = new Map<string, number>()
  readonly #free: number[] = []

  intern(replicas: readonly number[]): number {
    const key = replicas.join()
    let id = this.#ids.get(key)
    if (id === undefined) {
      id = this.#free.pop() ?? this.#lists.length
      this.#lists[id] = Object.freeze([...replicas])
      this.#uses[id] = 0
      this.#ids.set(key, id)
    }
    this.#uses[id]! += 1
    return id
  }

  release(id: number): void {
    assert(this.#uses[id]! > 0, 'only used lists are released')
    this.#uses[id]! -= 1
    if (this.#uses[id] !== 0) return
    this.#ids.delete(this.#lists[id]!.join())
    this.#free.push(id)
  }

  capture(): CapturedLists {
    return this.#lists.map((list, id) => (this.#uses[id]! > 0 ? [list, this.#uses[id]!] : null))
  }

  static from(captured: CapturedLists): ReplicaLists {
    const lists = new ReplicaLists()
    for (const [id, held] of captured.entries()) {
      const [list, uses] = held ?? [[], 0]
      lists.#lists[id] = Object.freeze([...list])
      lists.#uses[id] = uses
      if (held === null) lists.#free.push(id)
      else lists.#ids.set(list.join(), id)
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
}
