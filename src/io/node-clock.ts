import type { Clock } from './clock.ts'

export const nodeClock: Clock = {
  monotonic: () => performance.now(),
  epoch: () => Date.now(),
  timer(delayMs, callback) {
    const timeout = setTimeout(callback, Math.max(0, Math.ceil(delayMs)))
    return { cancel: () => clearTimeout(timeout) }
  },
  afterPending: callback => {
    setImmediate(callback)
  },
}
