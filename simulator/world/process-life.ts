import type { Timeline } from './timeline.ts'

/** What comes in to a process: each kind waits in its own queue while the process stands still. */
export type Arrival = 'timer' | 'frame' | 'disk' | 'call' | 'idle'

/** The order in which a real event loop takes up what has piled up: timers, then input, then what was put off. */
const ORDER: readonly Arrival[] = ['timer', 'disk', 'frame', 'call', 'idle']

/**
 * One run of a process, from start to end. Whatever reaches it goes through {@link enter}: the dead hear nothing, the
 * paused hear it when they go on.
 */
export class ProcessLife {
  readonly #touched: () => void
  #alive = true
  #paused = false
  /** When it last went on after a pause. */
  resumedAt = 0
  #held: { kind: Arrival; run: () => void }[] = []
  readonly #onEnd = new Set<() => void>()

  /** `touched` is called whenever something has reached the process. */
  constructor(touched = (): void => {}) {
    this.#touched = touched
  }

  get alive(): boolean {
    return this.#alive
  }

  get paused(): boolean {
    return this.#paused
  }

  enter(kind: Arrival, run: () => void): void {
    if (!this.#alive) return
    if (this.#paused) {
      this.#held.push({ kind, run })
      return
    }
    this.#touched()
    run()
  }

  end(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#held = []
    for (const listener of this.#onEnd) listener()
  }

  /** Calls back when the process is over. Returns how to stop that. */
  onEnd(listener: () => void): () => void {
    this.#onEnd.add(listener)
    return () => void this.#onEnd.delete(listener)
  }

  /** Stands still for so long, unless it does already. */
  pause(ms: number, timeline: Timeline): void {
    if (this.#paused) return
    this.#paused = true
    timeline.after(ms, () => {
      if (!this.#alive) return
      for (const run of this.#resume(timeline.now)) timeline.after(0, run)
    })
  }

  /** What came meanwhile, in the order in which it is to be taken up, one at a time. */
  #resume(now: number): (() => void)[] {
    this.#paused = false
    this.resumedAt = now
    const held = this.#held
    this.#held = []
    return ORDER.flatMap(kind =>
      held
        .filter(arrival => arrival.kind === kind)
        .map(
          ({ run }) =>
            () =>
              this.enter(kind, run),
        ),
    )
  }
}
