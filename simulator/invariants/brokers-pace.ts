import { violated } from './violation.ts'

const WINDOW_MS = 1_000
/** A few tries in a second, and one for each controller that is named meanwhile. */
const ASKED_MAX = 30

/** Nobody asks a metadata node who the controller is again and again without a pause. */
export class PaceInvariants {
  readonly #asked = new Map<string, number[]>()

  asked(from: number, to: number, now: number): void {
    const key = `${from} ${to}`
    const times = (this.#asked.get(key) ?? []).filter(time => now - time < WINDOW_MS)
    times.push(now)
    this.#asked.set(key, times)
    if (times.length > ASKED_MAX)
      violated(
        'B10',
        `broker ${from} asks node ${to} ${times.length} times in ${WINDOW_MS} ms who the controller is`,
      )
  }
}
