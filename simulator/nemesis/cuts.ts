/** One direction of a link. */
export type Way = readonly [from: number, to: number]

/** Which links are cut, each stretch of them for its time: what two stretches share is mended with the later one. */
export class Cuts {
  #cuts: (readonly Way[])[] = []

  get all(): readonly (readonly Way[])[] {
    return this.#cuts
  }

  add(ways: readonly Way[]): void {
    this.#cuts.push(ways)
  }

  /** Returns what is whole again by that. Null: this stretch was mended before. */
  remove(ways: readonly Way[]): readonly Way[] | null {
    if (!this.#cuts.includes(ways)) return null
    this.#cuts = this.#cuts.filter(cut => cut !== ways)
    const isCut = ([from, to]: Way): boolean =>
      this.#cuts.some(cut => cut.some(way => way[0] === from && way[1] === to))
    return ways.filter(way => !isCut(way))
  }

  clear(): void {
    this.#cuts = []
  }
}
