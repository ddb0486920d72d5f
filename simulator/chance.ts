/** Everything that is drawn in a run comes from one seed: the same seed gives the same run on every machine. */
export class Chance {
  readonly fraction: () => number

  constructor(seed: number) {
    this.fraction = seeded(seed)
  }

  /** A generator of its own, so that more draws here do not shift those there. */
  fork(): Chance {
    return new Chance(this.between(1, 0x7fff_ffff))
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.fraction() < probability
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1))
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)]!
  }

  /** Most are short, a few are long: how waits are spread in real systems. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction())
  }

  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items]
    return items.map(() => left.splice(this.between(0, left.length - 1), 1)[0]!)
  }

  uuid(): string {
    const part = (): string => this.between(0, 0x7fff_ffff).toString(16).padStart(8, '0')
    return `${part()}-${part()}`
  }
}

/** A small seeded generator (mulberry32): fractions from 0 up to 1, the same ones on every machine. */
export function seeded(seed: number): () => number {
  let state = (seed * 0x9e3779b9) | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
