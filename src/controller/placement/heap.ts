/** Items of which the first by `before` is wanted, and only that one changes its place. */
export class Heap {
  readonly #items: number[]
  readonly #before: (a: number, b: number) => boolean

  constructor(items: Iterable<number>, before: (a: number, b: number) => boolean) {
    this.#items = [...items]
    this.#before = before
    for (let at = this.#items.length >>> 1; at >= 0; at--) this.#sink(at)
  }

  get size(): number {
    return this.#items.length
  }

  get first(): number {
    return this.#items[0]!
  }

  /** To be called when the first has become later. */
  firstChanged(): void {
    this.#sink(0)
  }

  removeFirst(): void {
    const last = this.#items.pop()!
    if (this.#items.length === 0) return
    this.#items[0] = last
    this.#sink(0)
  }

  #sink(start: number): void {
    const items = this.#items
    for (let at = start; ; ) {
      let child = 2 * at + 1
      if (child >= items.length) return
      if (child + 1 < items.length && this.#before(items[child + 1]!, items[child]!)) child += 1
      if (!this.#before(items[child]!, items[at]!)) return
      const moved = items[at]!
      items[at] = items[child]!
      items[child] = moved
      at = child
    }
  }
}
