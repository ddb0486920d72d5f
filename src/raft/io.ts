import type { Entry, EntryId, HardState, Index, Milliseconds, NodeId, Proposal, Term } from './entry.ts'
import type { Asker, Envelope, InstallSnapshot } from './message.ts'
import type { Snapshot, SnapshotId } from './snapshot.ts'
import type { Standing } from './standing.ts'
import type { Tally } from './tally.ts'
import type { Voter } from './voters.ts'

/** What can happen to a node. */
export type Input =
  /** Time passed; wanted at or after `nextDeadline`. */
  | { type: 'tick' }
  | { type: 'message'; envelope: Envelope }
  /** A caller wants an entry; `token` names the answer in {@link Output.proposals}. */
  | { type: 'propose'; proposal: Proposal; token: number }
  /** Every write up to and including this number is durable. */
  | { type: 'persisted'; write: number }
  /** The state machine has applied everything up to there. */
  | { type: 'applied'; index: Index }
  /** The connection to a peer broke, or a message for it was dropped: what is in flight may be lost. */
  | { type: 'sendFailed'; peer: NodeId }
  /** Answers an {@link ReadRequest}. */
  | { type: 'entriesRead'; request: ReadRequest; entries: readonly Entry[] }
  /** A caller wants to read what is committed by now; `token`, which is never used twice, names the answer. */
  | { type: 'readIndex'; token: number }
  /** Leadership is to go to this voter; null: to the one that is furthest. */
  | { type: 'transfer'; target: NodeId | null }
  /** The process of this node is gone: its connections closed, and it accepts no new ones. */
  | { type: 'peerLost'; peer: NodeId }
  | { type: 'changeMembers'; change: MemberChange; token: number }
  /** The state as of the snapshot is on disk. */
  | { type: 'snapshotTaken'; snapshot: Snapshot }
  /** Answers a {@link SnapshotRead}; null: there is no such snapshot any more. */
  | { type: 'snapshotRead'; request: SnapshotRead; data: Uint8Array | null }
  /** Parts of a leader's snapshot are kept up to there. */
  | { type: 'snapshotStored'; part: SnapshotPart; offset: number }
  /** A leader's snapshot is whole, on disk, and ready to be taken over. */
  | { type: 'snapshotReceived'; part: SnapshotPart; snapshot: Snapshot }

/**
 * What an operator wants of the members. Learners are added and removed at once; voters are exchanged by joint consensus
 * (section 6): `add` names learners that are to vote, `remove` voters that are to leave.
 */
export type MemberChange =
  | { readonly kind: 'addLearner'; readonly learner: Voter }
  | { readonly kind: 'removeLearner'; readonly id: NodeId }
  | { readonly kind: 'voters'; readonly add: readonly NodeId[]; readonly remove: readonly NodeId[] }

/**
 * One step of the ordered sequence of writes, durable as one: start anew behind a snapshot, truncate, append, save the
 * hard state.
 */
export type Persist = {
  readonly write: number
  /** The log is void, and begins anew behind this index. */
  readonly resetTo: Index | null
  readonly truncateFrom: Index | null
  readonly entries: readonly Entry[]
  readonly hardState: HardState
}

/** Entries that left memory and are wanted for a follower: about `bytesMax` from `from` on, not beyond `to`. */
export type ReadRequest = {
  readonly peer: NodeId
  readonly session: number
  readonly from: Index
  readonly to: Index
  readonly bytesMax: number
}

/** A part of a snapshot that is wanted for a follower. */
export type SnapshotRead = {
  readonly peer: NodeId
  readonly session: number
  readonly snapshot: SnapshotId
  readonly offset: number
  readonly bytesMax: number
  /** The follower threw away what it had of the file: it may be damaged here. */
  readonly suspect: boolean
}

/** A part of a leader's snapshot that is to be kept. */
export type SnapshotPart = Asker & { readonly message: InstallSnapshot }

export type ProposalResult =
  | { readonly token: number; readonly entry: EntryId }
  | { readonly token: number; readonly refused: 'notLeader' | 'overloaded' | 'transferring' }
  | { readonly token: number; readonly refused: 'membership'; readonly why: string }

/** Null: the read cannot be served now; ask again, here or elsewhere. */
export type ReadIndexResult = { readonly token: number; readonly index: Index | null }

/** A message that was not let in, and why. The driver reports it; `wipedReceiver` and `fenced` end the process. */
export type Refusal = {
  readonly from: NodeId
  readonly via?: number
  readonly reason:
    | 'foreignCluster'
    | 'fenced'
    | 'unknownVoter'
    | 'wipedSender'
    | 'wipedReceiver'
    | 'votersDisagree'
    | 'contradiction'
  readonly text: string
}

/** Everything since the last call, in the order of the fields: save, send, read, then apply and answer. */
export type Output = {
  readonly persist: Persist | null
  readonly messages: readonly Envelope[]
  readonly reads: readonly ReadRequest[]
  readonly snapshotReads: readonly SnapshotRead[]
  readonly snapshotParts: readonly SnapshotPart[]
  /** The state machine continues from this snapshot, before anything is applied. */
  readonly install: Snapshot | null
  /** Entries before this index may go from the disk; 0: none. */
  readonly dropBefore: Index
  /** Snapshots that a follower is being sent: they may not go yet. */
  readonly pinned: readonly SnapshotId[]
  readonly readIndexes: readonly ReadIndexResult[]
  /** Committed and locally durable: apply up to there. */
  readonly applyTo: Index
  readonly proposals: readonly ProposalResult[]
  readonly refusals: readonly Refusal[]
  readonly nextDeadline: Milliseconds
}

export type RoleName = 'FOUNDING' | 'FOLLOWER' | 'CANDIDATE' | 'LEADER'

/** What a node knows of itself and of its leader. */
export type Status = {
  readonly id: NodeId
  /** Of this data directory. */
  readonly uuid: string
  readonly role: RoleName
  readonly term: Term
  readonly leader: NodeId | null
  readonly clusterId: string | null
  readonly recoveryEpoch: number
  readonly commit: Index
  readonly applied: Index
  readonly durable: Index
  readonly last: EntryId
  /** The first entry that this node still has as one. */
  readonly first: Index
  readonly snapshot: SnapshotId | null
  /** Where the members came into force; `changing` until the change is through. */
  readonly configuration: { readonly index: Index; readonly changing: boolean } | null
  readonly voters: readonly VoterStatus[]
  readonly learners: readonly VoterStatus[]
  /** The node that leadership is being handed to. */
  readonly transferTo: NodeId | null
  /** While founding: voters that have not said yet that they are empty. */
  readonly awaited: readonly NodeId[]
  readonly standing: Standing
  readonly tally: Readonly<Tally>
}

/**
 * `match`, `next` and `contactAgeMs` are for the leader to know. `known`: the member has told it in its term how far it is; until
 * then the match is 0, and the age may be that of the leadership.
 */
export type VoterStatus = {
  readonly id: NodeId
  readonly uuid: string
  readonly host?: string
  readonly port?: number
  readonly match: Index | null
  readonly next: Index | null
  readonly known: boolean
  readonly contactAgeMs: Milliseconds | null
}
