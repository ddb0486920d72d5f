import type { Clock, Timer } from '../io/clock.ts'

/** A process that has just started has enough to do, and is seldom the one that leads next. */
const BEGIN_MS = 3_000
/** Between two pieces of work, so that whatever else this process has to do goes first. */
const PAUSE_MS = 5

/** Makes what is costly to make, once, and not before the start is over. */
export type Maker = { later<T>(make: () => T): () => T }

export const onFirstUse: Maker = {
  later<T>(make: () => T): () => T {
    let made: { readonly value: T } | null = null
    return () => {
      made ??= { value: make() }
      return made.value
    }
  },
}

/**
 * What writes need is made in pauses after the start, or when first needed. All at once would hold up every start by a
 * quarter of a second; each made by the first request that needs it, that request by up to 15 ms: on a new controller, when
 * every client waits.
 */
export class WarmUp implements Maker {
  readonly #clock: Pick<Clock, 'timer'>
  readonly #unmade: (() => unknown)[] = []
  #timer: Timer | null = null

  constructor(clock: Pick<Clock, 'timer'>) {
    this.#clock = clock
  }

  /** What `make` makes, made once: by the first call, or in a pause before. */
  later<T>(make: () => T): () => T {
    const get = onFirstUse.later(make)
    this.#unmade.push(get)
    return get
  }

  /** How much is to be made in pauses. */
  get left(): number {
    return this.#unmade.length
  }

  /** In the order in which it was named, one piece per pause. */
  begin(): void {
    this.#afterPause(BEGIN_MS)
  }

  #afterPause(pauseMs: number): void {
    if (this.#unmade.length === 0) return
    this.#timer = this.#clock.timer(pauseMs, () => {
      this.#makeNext()
      this.#afterPause(PAUSE_MS)
    })
  }

  end(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** What cannot be made is told to whoever needs it. */
  #makeNext(): void {
    try {
      this.#unmade.shift()?.()
    } catch {}
  }
}
