import { isMoving } from './reassignment.ts'
import type { Reassignment } from './replication.ts'

type Entry = readonly [number, Reassignment]

/** The moves of partitions, by row: those that have begun, few at any time, and those that wait, in the order they were asked for. */
export class Reassignments implements Iterable<Entry> {
  readonly #begun = new Map<number, Reassignment>()
  readonly #waiting = new Map<number, Reassignment>()

  constructor(entries: Iterable<Entry> = []) {
    for (const [row, move] of entries) this.set(row, move)
  }

  get count(): number {
    return this.#begun.size + this.#waiting.size
  }

  get begun(): ReadonlyMap<number, Reassignment> {
    return this.#begun
  }

  get waiting(): ReadonlyMap<number, Reassignment> {
    return this.#waiting
  }

  of(row: number): Reassignment | null {
    return this.#begun.get(row) ?? this.#waiting.get(row) ?? null
  }

  set(row: number, move: Reassignment | null): void {
    const [to, from] = isMoving({ reassignment: move })
      ? [this.#begun, this.#waiting]
      : [this.#waiting, this.#begun]
    from.delete(row)
    if (move === null) to.delete(row)
    else to.set(row, move)
  }

  *[Symbol.iterator](): Iterator<Entry> {
    yield* this.#begun
    yield* this.#waiting
  }
}
