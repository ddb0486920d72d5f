import { assert } from '../base/assert.ts'

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

  at(id: number): readonly number[] {
    return this.#lists[id]!
  }

  /** For each list id, 1 if the broker is in the list. */
  listsWith(brokerId: number): Uint8Array {
    return Uint8Array.from(this.#lists, list => (list.includes(brokerId) ? 1 : 0))
  }
}
