import type { Index, NodeId } from './entry.ts'

/** A reader: a caller of this node (`from` null), or a follower that asks for one of its own. */
export type Reader = { readonly from: NodeId | null; readonly token: number }
export type ConfirmedRead = Reader & { readonly index: Index }

type PendingRead = ConfirmedRead & { readonly round: number }

/**
 * Reads that wait until the leader is sure that it still leads (ReadIndex, thesis 6.4).
 *
 * A read notes the commit index, and may be served once a quorum has answered a heartbeat that was sent later. Rounds are
 * the leader's own count, never the caller's token: an answer to an earlier round confirms nothing that came after it,
 * however often messages are doubled or delayed (etcd-io/raft PR 397). Many reads share a round.
 */
export class PendingReads {
  #pending: PendingRead[] = []
  /** Reads that came before this leader committed an entry of its own term: until then it may lag behind its predecessor. */
  #early: Reader[] = []
  /** The round of heartbeats sent last. */
  round = 0

  get count(): number {
    return this.#pending.length + this.#early.length
  }

  /** Reads that no round has gone out for. */
  get wantRound(): boolean {
    return this.#pending.length > 0 && this.#pending.at(-1)!.round > this.round
  }

  /** `commit` null: not known yet. */
  add(reader: Reader, commit: Index | null): void {
    if (commit === null) this.#early.push(reader)
    else this.#pending.push({ ...reader, index: commit, round: this.round + 1 })
  }

  /** The leader has committed an entry of its own. */
  begin(commit: Index): void {
    for (const reader of this.#early.splice(0)) this.add(reader, commit)
  }

  /** A quorum has answered this round. */
  confirmed(round: number): ConfirmedRead[] {
    const done = this.#pending.filter(read => read.round <= round)
    if (done.length > 0) this.#pending = this.#pending.filter(read => read.round > round)
    return done
  }

  /** Everything that still waits; the leader steps down. */
  abandon(): Reader[] {
    return [...this.#early.splice(0), ...this.#pending.splice(0)]
  }
}
