import { isMoving } from './reassignment.ts'
import type { Reassignment } from './replication.ts'

/** The moves of partitions, by row, in the order in which they were asked for: at any time few partitions have one. */
export class Reassignments implements Iterable<readonly [number, Reassignment]> {
  readonly #byRow: Map<number, Reassignment>
  #waiting = 0

  constructor(entries: Iterable<readonly [number, Reassignment]> = []) {
    this.#byRow = new Map(entries)
    for (const move of this.#byRow.values()) this.#waiting += waits(move)
  }

  get count(): number {
    return this.#byRow.size
  }

  /** Those that have not begun. */
  get waitingCount(): number {
    return this.#waiting
  }

  of(row: number): Reassignment | null {
    return this.#byRow.get(row) ?? null
  }

  isMoving(row: number): boolean {
    return isMoving({ reassignment: this.of(row) })
  }

  set(row: number, move: Reassignment | null): void {
    this.#waiting += waits(move) - waits(this.of(row))
    if (move === null) this.#byRow.delete(row)
    else this.#byRow.set(row, move)
  }

  [Symbol.iterator](): Iterator<readonly [number, Reassignment]> {
    return this.#byRow[Symbol.iterator]()
  }
}

function waits(move: Reassignment | null): 0 | 1 {
  return move?.waiting === true ? 1 : 0
}
