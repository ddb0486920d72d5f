import type { Entry, EntryId, HardState, Index, Milliseconds, NodeId, Proposal, Term } from './entry.ts'
import type { Envelope } from './message.ts'

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

/** One step of the ordered sequence of writes: truncate, then append, then save the hard state; durable as one. */
export type Persist = {
  readonly write: number
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

export type ProposalResult =
  | { readonly token: number; readonly entry: EntryId }
  | { readonly token: number; readonly refused: 'notLeader' | 'overloaded' }

/** A message that was not let in, and why. The driver reports it; `wipedReceiver` ends the process. */
export type Refusal = {
  readonly from: NodeId
  readonly via?: number
  readonly reason:
    | 'foreignCluster'
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
  readonly role: RoleName
  readonly term: Term
  readonly leader: NodeId | null
  readonly clusterId: string | null
  readonly recoveryEpoch: number
  readonly commit: Index
  readonly applied: Index
  readonly durable: Index
  readonly last: EntryId
  readonly voters: readonly VoterStatus[]
  /** While founding: voters that have not said yet that they are empty. */
  readonly awaited: readonly NodeId[]
}

/** `match`, `next` and `contactAgeMs` are known to the leader only. */
export type VoterStatus = {
  readonly id: NodeId
  readonly uuid: string
  readonly match: Index | null
  readonly next: Index | null
  readonly contactAgeMs: Milliseconds | null
}
