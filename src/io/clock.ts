/** Time. `monotonic` for intervals, `epoch` for what people read; both in milliseconds. */
export interface Clock {
  monotonic(): number
  epoch(): number
  /** Calls back once, `delayMs` from now or a little later. */
  timer(delayMs: number, callback: () => void): Timer
  /** Calls back when everything that is ready now (messages, finished writes) has been handled. */
  afterPending(callback: () => void): void
}

export interface Timer {
  cancel(): void
}
