import { assert } from '../base/assert.ts'
import type { Segment } from './segment.ts'

export type Location = {
  readonly segment: Segment
  readonly offset: number
  readonly bytes: number
  readonly mask: number
}

const COLUMNS = 3

/** Where each record lies: twelve bytes a record. Masked frames are so rare that their masks live apart. */
export class LocationTable {
  #segments: Segment[] = []
  /** Of each record: sequence of its segment, offset, bytes. */
  #columns = new Uint32Array(COLUMNS * 1024)
  readonly #masks = new Map<number, number>()
  #first = 1
  #count = 0

  get firstIndex(): number {
    return this.#first
  }

  get lastIndex(): number {
    return this.#first + this.#count - 1
  }

  addSegment(segment: Segment): void {
    if (this.#segments.length === 0) this.#first = segment.header.baseIndex
    this.#segments.push(segment)
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Notes where the next record lies. */
  add({ segment, offset, bytes, mask }: Location): void {
    if ((this.#count + 1) * COLUMNS > this.#columns.length) this.#grow()
    const at = this.#count * COLUMNS
    this.#columns[at] = segment.header.sequence
    this.#columns[at + 1] = offset
    this.#columns[at + 2] = bytes
    if (mask !== 0) this.#masks.set(this.#first + this.#count, mask)
    this.#count += 1
  }

  truncate(from: number): void {
    for (const index of this.#masks.keys()) if (index >= from) this.#masks.delete(index)
    this.#count = Math.max(0, Math.min(this.#count, from - this.#first))
    // Of the records before these, only what later ones replaced may be gone with its segment.
    this.#first = Math.min(this.#first, from)
  }

  /** Begins anew: the next record has this index. */
  reset(next: number): void {
    this.#masks.clear()
    this.#count = 0
    this.#first = next
  }

  at(index: number): Location {
    assert(
      index >= this.#first && index <= this.lastIndex,
      `record ${index} is in ${this.#first}-${this.lastIndex}`,
    )
    const at = (index - this.#first) * COLUMNS
    return {
      segment: this.#segments[this.#columns[at]! - this.#segments[0]!.header.sequence]!,
      offset: this.#columns[at + 1]!,
      bytes: this.#columns[at + 2]!,
      mask: this.#masks.get(index) ?? 0,
    }
  }

  /** Forgets the segments that nothing from record `index` on rests on, and returns them, oldest first. */
  dropBefore(index: number): Segment[] {
    const first = Math.max(index, this.#first)
    const kept = first > this.lastIndex ? this.#segments.at(-1)! : this.at(first).segment
    const dropped = this.#segments.filter(segment => segment.header.sequence < kept.header.sequence)
    if (dropped.length === 0) return dropped
    let gone = 0
    while (gone < this.#count && this.#columns[gone * COLUMNS]! < kept.header.sequence) gone += 1
    this.#columns = this.#columns.slice(gone * COLUMNS)
    this.#first += gone
    this.#count -= gone
    for (const masked of this.#masks.keys()) if (masked < this.#first) this.#masks.delete(masked)
    this.#segments = this.#segments.slice(dropped.length)
    return dropped
  }

  #grow(): void {
    const larger = new Uint32Array(Math.max(COLUMNS * 1024, this.#columns.length * 2))
    larger.set(this.#columns)
    this.#columns = larger
  }
}
