import type { Entry, EntryId, Index, NodeId, Term } from './entry.ts'
import type { SnapshotId } from './snapshot.ts'

/**
 * What nodes say to each other. Every message is one-way and may be lost, doubled, delayed or reordered.
 *
 * `session` names, within a term, one stretch of replication to one node. A reply echoes it, so that an acknowledgement
 * from before the node was removed and added again counts for nothing.
 */
export type Message =
  | VoteRequest
  | VoteReply
  | Append
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | CommitNotice
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexReply
  | InstallSnapshot
  | SnapshotReply
  | FoundingProbe
  | FoundingAnswer

/**
 * Section 5.2. A pre-vote (thesis 9.6) asks with the term the sender would campaign in and changes nothing. `transfer`:
 * the leader itself asked for this election, so that its being alive is no reason to refuse (thesis 4.2.3).
 */
export type VoteRequest = {
  type: 'voteRequest'
  term: Term
  preVote: boolean
  last: EntryId
  transfer: boolean
}
export type VoteReply = { type: 'voteReply'; term: Term; preVote: boolean; granted: boolean }

/** Section 5.3. `entries` follow `prev` without a gap. */
export type Append = {
  type: 'append'
  term: Term
  session: number
  prev: EntryId
  entries: readonly Entry[]
  commit: Index
}

/**
 * `matched`: the follower's durable log equals the leader's up to there. Else `rejected` is the `prev.index` it did not
 * have, and `hint` the last entry of its log that can still match (its term is at most `prev.term`).
 */
export type AppendReply =
  | { type: 'appendReply'; term: Term; session: number; success: true; matched: Index }
  | { type: 'appendReply'; term: Term; session: number; success: false; rejected: Index; hint: EntryId }

/**
 * Keeps leadership alive apart from the disk; `commit` never exceeds what the leader knows the follower to have. `round`
 * grows with every reading of the commit index that awaits confirmation (thesis 6.4); the reply echoes it.
 * `successors`: who should run first when this leader is gone, best first.
 */
export type Heartbeat = {
  type: 'heartbeat'
  term: Term
  session: number
  commit: Index
  round: number
  successors: readonly NodeId[]
}
export type HeartbeatReply = { type: 'heartbeatReply'; term: Term; session: number; round: number }

/** Tells a follower at once that entries it acknowledged are committed; wants no reply. */
export type CommitNotice = { type: 'commitNotice'; term: Term; session: number; commit: Index }

/** The leader hands over: whoever gets this runs at once (thesis 3.10). */
export type TimeoutNow = { type: 'timeoutNow'; term: Term }

/** A follower asks for an index that a linearizable read must wait for; null: not now, or not from this node. */
export type ReadIndexRequest = { type: 'readIndexRequest'; term: Term; token: number }
export type ReadIndexReply = { type: 'readIndexReply'; term: Term; token: number; index: Index | null }

/** Section 7: a part of a snapshot, for a follower that lacks entries which the leader has no more. */
export type InstallSnapshot = {
  type: 'installSnapshot'
  term: Term
  session: number
  snapshot: SnapshotId
  offset: number
  data: Uint8Array
}
/** `offset`: where the next part must begin, for the follower has all before it. */
export type SnapshotReply = {
  type: 'snapshotReply'
  term: Term
  session: number
  snapshot: SnapshotId
  offset: number
}

/** An empty node asks whether the others are empty too; `voters` is what its configuration names. */
export type FoundingProbe = { type: 'foundingProbe'; voters: readonly NodeId[] }
/** `recordedUuid`: the data directory that the answering node's log records for the asking node, if it has one. */
export type FoundingAnswer = {
  type: 'foundingAnswer'
  empty: boolean
  voters: readonly NodeId[]
  recordedUuid: string | null
}

/**
 * Whom an answer is for. It goes to the very disk that asked: the log here may lack the entry that made the asker a
 * member, or still record the disk that was there before.
 */
export type Asker = Pick<Envelope, 'from' | 'fromUuid' | 'via'>

/**
 * A message and between whom. `clusterId` is null while the sender belongs to none. `toUuid` is the data directory that
 * the sender's log records for the receiver: a wiped or foreign disk sees that it is not the one that is meant. An
 * answer to a founding probe names the one that asked: what was said to a disk that is gone is not said to its successor.
 */
export type Envelope = {
  readonly from: NodeId
  readonly to: NodeId
  readonly clusterId: string | null
  /** Null: the sender knows none yet, or left it out. */
  readonly recoveryEpoch: number | null
  readonly fromUuid: string
  readonly toUuid: string | null
  readonly message: Message
  /** Names the request that the reply must answer, where a message came by request and not by a stream. */
  readonly via?: number
}
