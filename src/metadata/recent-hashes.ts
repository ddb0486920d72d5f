import { hexOf, type RowHash } from './state-hash.ts'

/**
 * The state hashes of the newest versions of an image: what another node says that it has at one of these versions can be
 * compared with what this one had there. Bounded in number; each command adds one, few are ever asked for, so they lie in a
 * ring of numbers and become text when they are.
 */
export class RecentHashes {
  readonly #max: number
  readonly #versions: Float64Array
  readonly #lows: Int32Array
  readonly #highs: Int32Array
  #added = 0

  constructor(max = 1_024) {
    this.#max = max
    // NaN equals no version that anybody may ask for.
    this.#versions = new Float64Array(max).fill(Number.NaN)
    this.#lows = new Int32Array(max)
    this.#highs = new Int32Array(max)
  }

  /** Versions grow. */
  add(version: number, { low, high }: RowHash): void {
    const place = this.#added++ % this.#max
    this.#versions[place] = version
    this.#lows[place] = low
    this.#highs[place] = high
  }

  /** Null: the image never stood at this version, or that was too long ago. */
  at(version: number): string | null {
    const place = this.#versions.indexOf(version)
    return place < 0 ? null : hexOf({ low: this.#lows[place]!, high: this.#highs[place]! })
  }

  /** Whether a node that has `stateHash` at `version` agrees; null where that is not known. */
  agrees(version: number, stateHash: string): boolean | null {
    const known = this.at(version)
    return known === null ? null : known === stateHash
  }
}
