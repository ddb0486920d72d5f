import type { Milliseconds, NodeId } from './entry.ts'
import type { Progress } from './progress.ts'

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
  campaignAt: Milliseconds
}

/** `preVote` asks whether an election could be won, without raising the term (thesis 9.6). */
export type Candidate = {
  kind: 'candidate'
  preVote: boolean
  votes: Map<NodeId, boolean>
  campaignAt: Milliseconds
}

export type Leader = {
  kind: 'leader'
  session: number
  /** Where this leader's no-op lies: once it is applied, everything that earlier leaders committed is too. */
  firstIndex: number
  progress: Map<NodeId, Progress>
  heartbeatAt: Milliseconds
  /** When followers are told of commits that no append has told them; infinite while there are none. */
  noticeAt: Milliseconds
  quorumCheckAt: Milliseconds
  /** Bytes of entries that are proposed and not committed: bounded, so a minority does not grow without end. */
  uncommittedBytes: number
}
