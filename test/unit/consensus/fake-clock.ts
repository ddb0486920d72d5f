import type { Clock, Timer } from '../../../src/io/clock.ts'

type Due = { readonly at: number; readonly callback: () => void }

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  now = 0
  #timers: Due[] = []
  #pending: (() => void)[] = []

  monotonic(): number {
    return this.now
  }

  epoch(): number {
    return 1_700_000_000_000 + this.now
  }

  timer(delayMs: number, callback: () => void): Timer {
    const due = { at: this.now + Math.max(0, delayMs), callback }
    this.#timers.push(due)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter(timer => timer !== due)
      },
    }
  }

  afterPending(callback: () => void): void {
    this.#pending.push(callback)
  }

  /** Timers that are armed. */
  get timers(): number {
    return this.#timers.length
  }

  /** Who waits for everything else to be done. */
  get pending(): number {
    return this.#pending.length
  }

  /** Lets `ms` pass: timers fire in their order, and between two of them everything goes on that is ready. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      await settle()
      const [next] = this.#timers.toSorted((a, b) => a.at - b.at)
      if (next === undefined || next.at > end) break
      this.now = Math.max(this.now, next.at)
      this.#timers = this.#timers.filter(timer => timer !== next)
      next.callback()
    }
    this.now = end
    await settle()
  }

  /** Calls back those who wait now; not those who wait then. */
  async runPending(): Promise<void> {
    await settle()
    const waiting = this.#pending
    this.#pending = []
    for (const callback of waiting) callback()
    await settle()
  }

  /** Until nobody waits any more. */
  async runAll(): Promise<void> {
    do await this.runPending()
    while (this.#pending.length > 0)
  }
}

/** Lets every promise go on that can. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve()
}
