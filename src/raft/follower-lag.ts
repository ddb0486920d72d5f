import type { Index, Milliseconds, Term } from './entry.ts'

/**
 * How long a follower has been without something that its leader had committed. A count of entries does not tell whether
 * it keeps up: a thousand are a moment under load, and one is an hour on a link that broke.
 *
 * Only appends tell how far the leader is. Its other messages name no more than it knows the follower to have; they count
 * when an append of the term has come, which every follower gets when a term or a connection begins.
 *
 * It looks at one index at a time: the newest that was told when the one before was reached.
 */
export class FollowerLag {
  #term: Term = 0
  /** The highest commit index that the leader told. */
  #commit: Index = 0
  #goal: Index = 0
  #goalSince: Milliseconds = 0
  #caughtUp = false

  told(term: Term, commit: Index, applied: Index, now: Milliseconds): void {
    if (term !== this.#term) this.#begin(term)
    else if (this.#reached(applied)) this.#caughtUp = true
    this.#commit = Math.max(this.#commit, commit)
    if (applied < this.#goal || applied >= this.#commit) return
    this.#goal = this.#commit
    this.#goalSince = now
  }

  hinted(term: Term, commit: Index, applied: Index, now: Milliseconds): void {
    if (this.#knows(term)) this.told(term, commit, applied, now)
  }

  /** Null: the leader of the term has not told yet how far it is. */
  behind(term: Term, applied: Index, now: Milliseconds): Behind | null {
    if (!this.#knows(term)) return null
    return {
      entries: Math.max(0, this.#commit - applied),
      ms: applied >= this.#goal ? 0 : now - this.#goalSince,
      caughtUp: this.#caughtUp || this.#reached(applied),
    }
  }

  #begin(term: Term): void {
    this.#term = term
    this.#commit = 0
    this.#goal = 0
    this.#caughtUp = false
  }

  #knows(term: Term): boolean {
    return term === this.#term
  }

  #reached(applied: Index): boolean {
    return applied >= (this.#goal || this.#commit)
  }
}

export type Behind = {
  readonly entries: number
  readonly ms: Milliseconds
  /** In this term it has once had everything that was committed when it last looked. */
  readonly caughtUp: boolean
}
