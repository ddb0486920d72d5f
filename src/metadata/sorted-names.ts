import { assert } from '../base/assert.ts'
import { lowerBound } from '../base/lower-bound.ts'

/**
 * Names, sorted when they are asked for: moving 100,000 of them with every one that comes is what a node that replays
 * its log would mostly do. Lists that were handed out stay as they are.
 */
export class SortedNames {
  #sorted: readonly string[] = []
  /** In no order; a list, as a set of hundreds of thousands takes three times the memory. */
  #added: string[] = []
  /** Of both: names that are not there any more. */
  readonly #removed = new Set<string>()

  /** The name is not among them. */
  add(name: string): void {
    if (!this.#removed.delete(name)) this.#added.push(name)
  }

  /** The name is among them. */
  remove(name: string): void {
    this.#removed.add(name)
  }

  /** Sorted. */
  all(): readonly string[] {
    if (this.#added.length > 0 || this.#removed.size > 0) this.#merge()
    return this.#sorted
  }

  #merge(): void {
    const added = this.#added.filter(name => !this.#removed.has(name)).sort()
    const merged: string[] = []
    let next = 0
    for (const name of this.#sorted) {
      while (next < added.length && added[next]! < name) merged.push(added[next++]!)
      if (!this.#removed.has(name)) merged.push(name)
    }
    while (next < added.length) merged.push(added[next++]!)
    this.#sorted = merged
    this.#added = []
    this.#removed.clear()
  }

  /** Adds names that are sorted, and come after all that are there. */
  load(names: readonly string[]): void {
    const all = this.all().concat(names)
    for (let i = all.length - names.length; i < all.length; i++)
      assert(i === 0 || all[i - 1]! < all[i]!, 'names come sorted, each once')
    this.#sorted = all
  }
}

/** Where a name is, or belongs, in a sorted list. */
export function sortedPosition(names: readonly string[], name: string): number {
  return lowerBound(names.length, i => names[i]! < name)
}
