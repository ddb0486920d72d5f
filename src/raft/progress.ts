import { assert } from '../base/assert.ts'
import type { Index, Milliseconds } from './entry.ts'
import type { SnapshotId } from './snapshot.ts'

/** Appends under way to one follower: how many, how many bytes, and the last index of each. Oldest first. */
export class Inflight {
  readonly #appends: { last: Index; bytes: number }[] = []
  #bytes = 0

  get count(): number {
    return this.#appends.length
  }

  get bytes(): number {
    return this.#bytes
  }

  add(last: Index, bytes: number): void {
    this.#appends.push({ last, bytes })
    this.#bytes += bytes
  }

  freeUpTo(index: Index): void {
    while (this.#appends.length > 0 && this.#appends[0]!.last <= index)
      this.#bytes -= this.#appends.shift()!.bytes
  }

  clear(): void {
    this.#appends.length = 0
    this.#bytes = 0
  }
}

/** A snapshot that goes out to one follower, one part at a time. */
type Transfer = {
  readonly id: SnapshotId
  /** The follower has all before it. */
  offset: number
  /** When a part last went out. */
  sentAt: Milliseconds
  /** The follower threw away what it had of it. */
  suspect: boolean
}

/**
 * The leader's view of one follower.
 *
 * ```
 *              a reply matches
 *   probe  ----------------------->  replicate
 *    | ^                                 |  ^
 *    | +---------------------------------+  |
 *    |   a gap, a lost connection, or       |
 *    |   no answer for too long             |
 *    | it lacks entries that are gone here  | a reply matches the snapshot
 *    +--------------> snapshot -------------+
 * ```
 *
 * probe: where the logs agree is unknown; one append at a time, `paused` until something answers.
 * replicate: appends are pipelined; `next` runs ahead of `match`.
 * snapshot: a snapshot goes out part by part; `next` follows it.
 *
 * Invariants: 0 <= match < next; only replicate has something in flight; only snapshot has a transfer.
 */
export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe'
  /** Echoed by every reply that counts. */
  readonly session: number
  match: Index = 0
  next: Index
  paused = false
  /** An append waits for older entries, or a part of a snapshot, to be read from disk. */
  reading = false
  /** The highest commit index that this follower was told. */
  commitTold: Index = 0
  /** It has answered something of this session. */
  heard = false
  /** When it last did; before that, when the session began. */
  contactAt: Milliseconds
  /** When `match` last moved or replication (re)started. */
  advancedAt: Milliseconds
  /** The latest round of heartbeats that the follower answered. */
  round = 0
  transfer: Transfer | null = null
  readonly inflight = new Inflight()

  constructor(session: number, next: Index, now: Milliseconds) {
    this.session = session
    this.next = next
    this.contactAt = now
    this.advancedAt = now
  }

  becomeSnapshot(id: SnapshotId): void {
    this.state = 'snapshot'
    this.next = id.index + 1
    this.transfer = { id, offset: 0, sentAt: Number.NEGATIVE_INFINITY, suspect: false }
    this.paused = false
    this.reading = false
    this.inflight.clear()
  }

  becomeProbe(now: Milliseconds): void {
    this.state = 'probe'
    this.next = this.match + 1
    this.paused = false
    this.reading = false
    this.advancedAt = now
    this.commitTold = 0
    this.transfer = null
    this.inflight.clear()
  }

  /** The follower's log equals ours up to `index`. Returns whether that was news. */
  matched(index: Index, now: Milliseconds): boolean {
    const news = index > this.match
    if (news) {
      this.match = index
      this.advancedAt = now
    }
    this.inflight.freeUpTo(this.match)
    // An old reply tells nothing about a snapshot that goes out: only one that reaches it ends the transfer.
    const waits = this.state === 'snapshot' && this.match < this.transfer!.id.index
    if (waits) return news
    this.next = Math.max(this.next, this.match + 1)
    if (this.state !== 'replicate') this.#becomeReplicate(now)
    this.paused = false
    return news
  }

  #becomeReplicate(now: Milliseconds): void {
    this.state = 'replicate'
    this.next = this.match + 1
    this.transfer = null
    this.reading = false
    this.advancedAt = now
  }

  /** The follower lacks the entry at `index`; `retry` is the last one that may match. Stale rejections change nothing. */
  rejected(index: Index, retry: Index, now: Milliseconds): void {
    if (index <= this.match) return
    if (this.state === 'replicate') {
      this.becomeProbe(now)
      return
    }
    if (this.state === 'snapshot' || index !== this.next - 1) return
    this.next = Math.max(this.match + 1, Math.min(index, retry + 1))
    this.paused = false
    assert(this.next > this.match, 'next stays above match')
  }
}
