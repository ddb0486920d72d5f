/**
 * The state hashes of the newest versions of an image: what another node says that it has at one of these versions can be
 * compared with what this one had there. Bounded in number.
 */
export class RecentHashes {
  readonly #max: number
  /** In the order of the versions. */
  readonly #hashes = new Map<number, string>()

  constructor(max = 1_024) {
    this.#max = max
  }

  add(version: number, stateHash: string): void {
    this.#hashes.set(version, stateHash)
    if (this.#hashes.size <= this.#max) return
    const [oldest] = this.#hashes.keys()
    this.#hashes.delete(oldest!)
  }

  /** Null: the image never stood at this version, or that was too long ago. */
  at(version: number): string | null {
    return this.#hashes.get(version) ?? null
  }

  /** Whether a node that has `stateHash` at `version` agrees; null where that is not known. */
  agrees(version: number, stateHash: string): boolean | null {
    const known = this.at(version)
    return known === null ? null : known === stateHash
  }
}
