import type { Milliseconds } from './entry.ts'
import type { RaftOptions } from './options.ts'

/** Behind each other by so much run the successors of a leader that is gone. */
const HASTY_STEP_MS = 25
const HASTY_MS_MIN = 5
const HASTY_MS_SPREAD = 20

/** When to run: an election timeout after the last word of a leader, or at once where that would be waiting for nobody. */
export class Pace {
  readonly #options: RaftOptions
  /** Until then a campaign is retried within milliseconds: the leader's process is known to be gone. */
  #hastyUntil: Milliseconds = Number.NEGATIVE_INFINITY

  constructor(options: RaftOptions) {
    this.#options = options
  }

  /** There is a leader. */
  calm(): void {
    this.#hastyUntil = Number.NEGATIVE_INFINITY
  }

  /** The leader is gone. Returns when its successor in this place of their order runs. */
  hasten(now: Milliseconds, place: number): Milliseconds {
    this.#hastyUntil = now + 2 * this.#options.electionTimeoutMs
    return now + place * HASTY_STEP_MS
  }

  /**
   * Redrawn at every change of role or term, so that nodes that collided once do not collide for ever. Once the leader is
   * known to be gone, asking around again costs nothing and is done soon; a real vote needs time to reach the disks.
   */
  campaignAt(now: Milliseconds, kind: 'real' | 'preVote' = 'preVote'): Milliseconds {
    const { electionTimeoutMs, electionJitterMs, random } = this.#options
    if (now >= this.#hastyUntil) return now + electionTimeoutMs + Math.floor(random() * electionJitterMs)
    return now + (kind === 'real' ? this.realVoteMs() : this.soonMs())
  }

  /** As long as a real vote may take where disks are healthy. */
  realVoteMs(): Milliseconds {
    return this.#options.electionTimeoutMs / 4 + this.soonMs()
  }

  soonMs(): Milliseconds {
    return HASTY_MS_MIN + Math.floor(this.#options.random() * HASTY_MS_SPREAD)
  }
}
