import type { Entry, EntryId, Index, NodeId, Term } from './entry.ts'

/**
 * What nodes say to each other. Every message is one-way and may be lost, doubled, delayed or reordered.
 *
 * `session` names one stretch of replication (the leader's term and the index of the configuration in force). A reply
 * echoes it, so that an acknowledgement from before a node was removed and added again counts for nothing.
 */
export type Message =
  | VoteRequest
  | VoteReply
  | Append
  | AppendReply
  | Heartbeat
  | HeartbeatReply
  | CommitNotice
  | FoundingProbe
  | FoundingAnswer

/** Section 5.2. A pre-vote (thesis 9.6) asks with the term the sender would campaign in and changes nothing. */
export type VoteRequest = { type: 'voteRequest'; term: Term; preVote: boolean; last: EntryId }
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

/** Keeps leadership alive apart from the disk; `commit` never exceeds what the leader knows the follower to have. */
export type Heartbeat = { type: 'heartbeat'; term: Term; session: number; commit: Index }
export type HeartbeatReply = { type: 'heartbeatReply'; term: Term; session: number }

/** Tells a follower at once that entries it acknowledged are committed; wants no reply. */
export type CommitNotice = { type: 'commitNotice'; term: Term; session: number; commit: Index }

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
 * A message and between whom. `clusterId` is null while the sender belongs to none. `toUuid` is the data directory that
 * the sender's log records for the receiver: a wiped or foreign disk sees that it is not the one that is meant. An
 * answer to a founding probe names the one that asked: what was said to a disk that is gone is not said to its successor.
 */
export type Envelope = {
  readonly from: NodeId
  readonly to: NodeId
  readonly clusterId: string | null
  readonly fromUuid: string
  readonly toUuid: string | null
  readonly message: Message
  /** Names the request that the reply must answer, where a message came by request and not by a stream. */
  readonly via?: number
}
