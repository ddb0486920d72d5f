import type { Milliseconds, NodeId } from './entry.ts'
import type { Progress } from './progress.ts'
import type { PendingReads } from './reads.ts'

/**
 * What a node is now; each role carries only what it needs.
 *
 * ```
 *  founding --(shown to be a recorded voter)--> follower --(silence)--> candidate --(majority)--> leader
 *                                                  ^                        |                       |
 *                                                  +---(a leader, or a higher term, or no quorum)---+
 * ```
 */
export type Role = Founding | Follower | Candidate | Leader

/** An empty node: it neither votes nor campaigns before every configured voter said that it is empty as well. */
export type Founding = { kind: 'founding'; answers: Map<NodeId, string>; probeAt: Milliseconds }

export type Follower = {
  kind: 'follower'
  leader: NodeId | null
  /** When the leader was last heard; votes are refused for one election timeout after it. */
  leaderHeardAt: Milliseconds
  /** Its process is known to be gone: it holds nobody back any more. */
  leaderLost: boolean
  /** Who should run first when the leader is gone, as it said itself. */
  successors: readonly NodeId[]
  campaignAt: Milliseconds
  /** It has let another run first, which it does once. */
  madeWay: boolean
  /** A candidate counts on this node, and lacks what its log has. */
  calledUpon: boolean
}

/** `preVote` asks whether an election could be won, without raising the term (thesis 9.6). */
export type Candidate = {
  kind: 'candidate'
  preVote: boolean
  /** The leader itself asked for this election. */
  transfer: boolean
  votes: Map<NodeId, boolean>
  campaignAt: Milliseconds
}

export type Leader = {
  kind: 'leader'
  /** Where this leader's no-op lies: once it is applied, everything that earlier leaders committed is too. */
  firstIndex: number
  progress: Map<NodeId, Progress>
  heartbeatAt: Milliseconds
  /** When followers are told of commits that no append has told them; infinite while there are none. */
  noticeAt: Milliseconds
  quorumCheckAt: Milliseconds
  /** Bytes of entries that are proposed and not committed: bounded, so a minority does not grow without end. */
  uncommittedBytes: number
  /** When the commit index last moved, or the first entry after that began to wait for it. */
  commitMovedAt: Milliseconds
  /** Leadership is being handed over: nothing is proposed until then, or until the deadline. */
  transfer: { readonly target: NodeId; readonly deadline: Milliseconds } | null
  readonly reads: PendingReads
  /** Nodes that are no members any more are kept in `progress` so long, to hear of it. */
  leaversUntil: Milliseconds
}
