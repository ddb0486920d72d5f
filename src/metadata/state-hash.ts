/**
 * The state hash: the sum of the hashes of all rows (each hashed with its key), kept as two 32-bit lanes. A sum does not
 * depend on order, so a changed row costs one subtraction and one addition, however large the image is. It finds
 * accidents (a node that disagrees), not forgeries.
 */
export class StateHash {
  #low = 0
  #high = 0

  add(row: RowHash): void {
    this.#low = (this.#low + row.low) >>> 0
    this.#high = (this.#high + row.high) >>> 0
  }

  subtract(row: RowHash): void {
    this.#low = (this.#low - row.low) >>> 0
    this.#high = (this.#high - row.high) >>> 0
  }

  toString(): string {
    return this.#high.toString(16).padStart(8, '0') + this.#low.toString(16).padStart(8, '0')
  }
}

export type RowHash = { readonly low: number; readonly high: number }

/** Hashes the fields of one row, in order. Two lanes of the MurmurHash3 mixing step with different seeds. */
export class RowHasher {
  #low = 0x9747b28c
  #high = 0x3c6ef372

  number(value: number): this {
    this.#mix(value | 0)
    this.#mix(Math.floor(value / 0x1_0000_0000) | 0)
    return this
  }

  text(value: string): this {
    this.#mix(value.length)
    for (let i = 0; i < value.length; i++) this.#mix(value.charCodeAt(i))
    return this
  }

  finish(): RowHash {
    return { low: avalanche(this.#low), high: avalanche(this.#high) }
  }

  #mix(word: number): void {
    this.#low = step(this.#low, word, 0xcc9e2d51)
    this.#high = step(this.#high, word, 0x85ebca6b)
  }
}

function step(lane: number, word: number, factor: number): number {
  let k = Math.imul(word, factor)
  k = (k << 15) | (k >>> 17)
  k = Math.imul(k, 0x1b873593)
  const mixed = lane ^ k
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

function avalanche(lane: number): number {
  let h = lane
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
