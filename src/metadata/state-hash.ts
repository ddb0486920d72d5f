/**
 * The state hash: the sum of the hashes of all rows (each hashed with its key), kept as two 32-bit lanes. A sum does not
 * depend on order, so a changed row costs one subtraction and one addition, however large the image is. It finds
 * accidents (a node that disagrees), not forgeries.
 */
export class StateHash implements RowHash {
  #low = 0
  #high = 0

  get low(): number {
    return this.#low
  }

  get high(): number {
    return this.#high
  }

  add(row: RowHash): void {
    this.#low = (this.#low + row.low) | 0
    this.#high = (this.#high + row.high) | 0
  }

  subtract(row: RowHash): void {
    this.#low = (this.#low - row.low) | 0
    this.#high = (this.#high - row.high) | 0
  }

  toString(): string {
    return hexOf(this)
  }
}

export function hexOf({ low, high }: RowHash): string {
  return hex(high) + hex(low)
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0')
}

/** The hash of a row, a sum of several, or the state on the way to one: the lanes as 32-bit integers. */
export type RowHash = { readonly low: number; readonly high: number }

/** Two lanes of the MurmurHash3 mixing step, with different seeds and factors. */
const LOW_SEED = 0x9747b28c | 0
const HIGH_SEED = 0x3c6ef372
export const LOW_FACTOR = 0xcc9e2d51 | 0
export const HIGH_FACTOR = 0x85ebca6b | 0

/** Hashes the fields of one row, in order. */
export class RowHasher {
  #low = LOW_SEED
  #high = HIGH_SEED

  number(value: number): this {
    this.#mix(value | 0)
    this.#mix(upperWord(value))
    return this
  }

  text(value: string): this {
    this.#mix(value.length)
    for (let i = 0; i < value.length; i++) this.#mix(value.charCodeAt(i))
    return this
  }

  /** Of what follows, others may hash with {@link mixed}. */
  state(): RowHash {
    return { low: this.#low, high: this.#high }
  }

  finish(): RowHash {
    return { low: avalanche(this.#low), high: avalanche(this.#high) }
  }

  #mix(word: number): void {
    this.#low = mixed(this.#low, word, LOW_FACTOR)
    this.#high = mixed(this.#high, word, HIGH_FACTOR)
  }
}

/** What is left of a whole number above its lower 32 bits. */
function upperWord(value: number): number {
  return Math.floor(value / 0x1_0000_0000) | 0
}

/** A lane with one more word in it. */
export function mixed(lane: number, word: number, factor: number): number {
  let k = Math.imul(word, factor)
  k = (k << 15) | (k >>> 17)
  k = Math.imul(k, 0x1b873593)
  const both = lane ^ k
  return (Math.imul((both << 13) | (both >>> 19), 5) + 0xe6546b64) | 0
}

/** A lane when everything is in it. */
export function avalanche(lane: number): number {
  let h = lane
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
