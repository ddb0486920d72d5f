import { assert } from '../base/assert.ts'
import type { Segment } from './segment.ts'

export type Location = {
  readonly segment: Segment
  readonly offset: number
  readonly bytes: number
  readonly mask: number
}

/** Where each record lies: twelve bytes a record. Masked frames are so rare that their masks live apart. */
export class LocationTable {
  readonly #segments: Segment[] = []
  #columns = new Uint32Array(3 * 1024)
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
    if (this.#segments.length === 0 && this.#count === 0) this.#first = segment.header.baseIndex
    this.#segments.push(segment)
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Notes where the next record lies. */
  add({ segment, offset, bytes, mask }: Location): void {
    if ((this.#count + 1) * 3 > this.#columns.length) this.#grow()
    const at = this.#count * 3
    this.#columns[at] = segment.header.sequence - this.#segments[0]!.header.sequence
    this.#columns[at + 1] = offset
    this.#columns[at + 2] = bytes
    if (mask !== 0) this.#masks.set(this.#first + this.#count, mask)
    this.#count += 1
  }

  truncate(from: number): void {
    for (const index of this.#masks.keys()) if (index >= from) this.#masks.delete(index)
    this.#count = Math.max(0, Math.min(this.#count, from - this.#first))
  }

  at(index: number): Location {
    assert(
      index >= this.#first && index <= this.lastIndex,
      `record ${index} is in ${this.#first}-${this.lastIndex}`,
    )
    const at = (index - this.#first) * 3
    return {
      segment: this.#segments[this.#columns[at]!]!,
      offset: this.#columns[at + 1]!,
      bytes: this.#columns[at + 2]!,
      mask: this.#masks.get(index) ?? 0,
    }
  }

  #grow(): void {
    const larger = new Uint32Array(this.#columns.length * 2)
    larger.set(this.#columns)
    this.#columns = larger
  }
}
