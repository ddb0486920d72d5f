import type { Clock, Timer } from '../../src/io/clock.ts'
import type { Chance } from '../chance.ts'
import type { ProcessLife } from './process-life.ts'
import type { Timeline } from './timeline.ts'

/** The clock of one machine: it starts anywhere, may run fast or slow, tick coarsely, and be set to another date. */
export class MachineClock {
  readonly #timeline: Timeline
  readonly #granularityMs: number
  #rate: number
  #baseReal = 0
  #baseLocal: number
  #epochOffset: number
  /** When its speed last changed; timers that were set before that come early or late. */
  driftedAt = 0

  constructor(
    timeline: Timeline,
    { skewMs, rate, granularityMs }: { skewMs: number; rate: number; granularityMs: number },
  ) {
    this.#timeline = timeline
    this.#granularityMs = granularityMs
    this.#rate = rate
    this.#baseLocal = skewMs
    this.#epochOffset = 1_700_000_000_000 + skewMs
  }

  get rate(): number {
    return this.#rate
  }

  monotonic(): number {
    const exact = this.#exact()
    return this.#granularityMs === 0 ? exact : Math.floor(exact / this.#granularityMs) * this.#granularityMs
  }

  epoch(): number {
    return Math.floor(this.#exact() + this.#epochOffset)
  }

  /** Runs at another speed from now on. */
  drift(rate: number): void {
    this.#baseLocal = this.#exact()
    this.#baseReal = this.#timeline.now
    this.#rate = rate
    this.driftedAt = this.#timeline.now
  }

  /** Somebody sets the date; what is monotonic stays so. */
  jump(ms: number): void {
    this.#epochOffset += ms
  }

  #exact(): number {
    return this.#baseLocal + (this.#timeline.now - this.#baseReal) * this.#rate
  }
}

/** No timer is quicker: one that rounding errors make too early, again and again, would stop time. */
const TIMER_MS_MIN = 0.001

/** How late timers are, and how long it takes until nothing more is pending. */
export type Lateness = { readonly timerMs: number; readonly idleMs: number }

/** The clock as one process sees it: its timers die and stand still with it. */
export class VirtualClock implements Clock {
  readonly #timeline: Timeline
  readonly #machine: MachineClock
  readonly #life: ProcessLife
  readonly #chance: Chance
  readonly #lateness: Lateness
  /** Callbacks that wait for the end of what is pending: while there are some, the process is in the middle of a turn. */
  idleWaiting = 0
  /** How often something that had waited was run. */
  idleRuns = 0

  constructor(
    timeline: Timeline,
    machine: MachineClock,
    life: ProcessLife,
    chance: Chance,
    lateness: Lateness,
  ) {
    this.#timeline = timeline
    this.#machine = machine
    this.#life = life
    this.#chance = chance
    this.#lateness = lateness
  }

  monotonic(): number {
    return this.#machine.monotonic()
  }

  epoch(): number {
    return this.#machine.epoch()
  }

  timer(delayMs: number, callback: () => void): Timer {
    const late = this.#chance.fraction() * this.#lateness.timerMs
    let cancelled = false
    const run = (): void => {
      if (!cancelled) callback()
    }
    const planned = this.#timeline.after(Math.max(TIMER_MS_MIN, delayMs) / this.#machine.rate + late, () =>
      this.#life.enter('timer', run),
    )
    return {
      cancel: () => {
        cancelled = true
        planned.cancelled = true
      },
    }
  }

  afterPending(callback: () => void): void {
    this.idleWaiting += 1
    const run = (): void => {
      this.idleWaiting -= 1
      callback()
      this.idleRuns += 1
    }
    this.#timeline.after(this.#chance.fraction() * this.#lateness.idleMs, () => this.#life.enter('idle', run))
  }
}
