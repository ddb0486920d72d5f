import { assert, unreachable } from '../base/assert.ts'
import { admit } from './admission.ts'
import { Core, type RaftOptions, type Restored } from './core.ts'
import { campaign, receiveVoteReply, receiveVoteRequest } from './election.ts'
import {
  type Entry,
  type Index,
  type Milliseconds,
  type NodeId,
  type Proposal,
  sizeOf,
  type Term,
} from './entry.ts'
import { awaited, probe, receiveAnswer, receiveProbe } from './founding.ts'
import { checkInvariants } from './invariants.ts'
import type { Input, Output, RoleName, Status, VoterStatus } from './io.ts'
import type { Append, CommitNotice, Envelope, Heartbeat } from './message.ts'
import {
  advanceCommit,
  checkQuorum,
  receiveAppend,
  receiveAppendReply,
  receiveCommitNotice,
  receiveEntriesRead,
  receiveHeartbeat,
  receiveHeartbeatReply,
  receiveSendFailed,
  replicate,
  sendHeartbeats,
  sendNotices,
} from './replication.ts'

/**
 * The door of the room: one Raft node as a value machine. No clock, no disk, no network: what happens comes in by
 * {@link step}, what is to be done comes out by {@link takeOutput}.
 *
 * The driver's duties, in this order for every output:
 * 1. write `persist` and make it durable, in the order of the write numbers, then `step` a `persisted`;
 * 2. send `messages` (any may be dropped; report a broken connection with `sendFailed`);
 * 3. serve `reads`, apply up to `applyTo` and `step` an `applied`;
 * 4. `step` a `tick` at `nextDeadline`, which the next output may move.
 *
 * Messages that rest on unsaved state stay inside until `persisted`, so 1 and 2 may overlap.
 */
export class Raft {
  readonly #core: Core
  #stepping = false

  constructor(options: RaftOptions, restored: Restored, now: Milliseconds) {
    this.#core = new Core(options, restored, now)
  }

  step(input: Input, now: Milliseconds): void {
    assert(!this.#stepping, 'step is not re-entrant')
    assert(now >= this.#core.now, 'time does not run back')
    this.#stepping = true
    this.#core.now = now
    dispatch(this.#core, input)
    checkInvariants(this.#core)
    this.#stepping = false
  }

  takeOutput(): Output {
    replicate(this.#core)
    return this.#core.takeOutput(deadline(this.#core))
  }

  /** Entries `[from, to]` if they are still in memory. */
  entries(from: Index, to: Index, bytesMax: number): Entry[] | null {
    return from >= this.#core.log.tailFirst ? this.#core.log.slice(from, to, bytesMax) : null
  }

  /** The index from which on this node's own leadership counts; null while it does not lead. */
  get leadsFrom(): Index | null {
    const { role } = this.#core
    return role.kind === 'leader' ? role.firstIndex : null
  }

  get role(): RoleName {
    return roleName(this.#core)
  }

  get leader(): NodeId | null {
    return this.#core.leaderId()
  }

  get term(): Term {
    return this.#core.term
  }

  status(now: Milliseconds): Status {
    const core = this.#core
    return {
      id: core.options.id,
      role: roleName(core),
      term: core.term,
      leader: core.leaderId(),
      clusterId: core.clusterId,
      recoveryEpoch: core.configuration?.recoveryEpoch ?? 0,
      commit: core.commit,
      applied: core.applied,
      durable: core.durability.durable,
      last: core.log.last,
      voters: (core.configuration?.voters ?? []).map(({ id, uuid }) => voterStatus(core, id, uuid, now)),
      awaited: awaited(core),
    }
  }
}

function dispatch(core: Core, input: Input): void {
  switch (input.type) {
    case 'tick':
      return tick(core)
    case 'message':
      return admit(core, input.envelope) ? receive(core, input.envelope) : undefined
    case 'propose':
      return propose(core, input.proposal, input.token)
    case 'persisted':
      core.durability.persisted(input.write)
      return advanceCommit(core)
    case 'applied':
      return core.appliedTo(input.index)
    case 'sendFailed':
      return receiveSendFailed(core, input.peer)
    case 'entriesRead':
      return receiveEntriesRead(core, input.request, input.entries)
    default:
      return unreachable(input)
  }
}

function tick(core: Core): void {
  const role = core.role
  switch (role.kind) {
    case 'founding':
      if (core.now >= role.probeAt) probe(core)
      return
    case 'follower':
    case 'candidate':
      if (core.now >= role.campaignAt) campaign(core)
      return
    case 'leader':
      if (core.now >= role.quorumCheckAt) checkQuorum(core, role)
      if (core.role === role && core.now >= role.heartbeatAt) sendHeartbeats(core, role)
      if (core.role === role && core.now >= role.noticeAt) sendNotices(core, role)
      return
    default:
      return unreachable(role)
  }
}

/** The term gate (section 5.1): what is stale is answered with the newer term; what is newer ends our own. */
function receive(core: Core, envelope: Envelope): void {
  const { message, from } = envelope
  switch (message.type) {
    case 'foundingProbe':
      return receiveProbe(core, envelope, message)
    case 'foundingAnswer':
      return receiveAnswer(core, envelope, message)
    case 'voteRequest':
      return receiveVoteRequest(core, envelope, message)
    case 'voteReply':
      return receiveVoteReply(core, envelope, message)
    case 'appendReply':
    case 'heartbeatReply':
      if (message.term > core.term) return core.becomeFollower(message.term, null)
      if (message.term < core.term) return
      return message.type === 'appendReply'
        ? receiveAppendReply(core, envelope, message)
        : receiveHeartbeatReply(core, envelope, message)
    case 'append':
    case 'heartbeat':
    case 'commitNotice':
      if (message.term < core.term) return refuseStaleLeader(core, envelope, message)
      if (message.term > core.term) core.becomeFollower(message.term, from)
      return receiveFromLeader(core, envelope, message)
    default:
      return unreachable(message)
  }
}

function receiveFromLeader(core: Core, envelope: Envelope, message: Append | Heartbeat | CommitNotice): void {
  const leader = core.leaderId()
  if (leader !== null && leader !== envelope.from) {
    const text = `it claims to lead term ${core.term}, which node ${leader} leads`
    const { from, via } = envelope
    return core.refuse({ from, reason: 'contradiction', text, ...(via === undefined ? {} : { via }) })
  }
  if (message.type === 'append') return receiveAppend(core, envelope, message)
  if (message.type === 'heartbeat') return receiveHeartbeat(core, envelope, message)
  return receiveCommitNotice(core, envelope, message)
}

/** Without this answer a leader that was cut off for a while would go on in its old term, and we without a leader. */
function refuseStaleLeader(
  core: Core,
  { from, via }: Envelope,
  message: Append | Heartbeat | CommitNotice,
): void {
  const { session } = message
  const hint = core.log.last
  core.sendInTerm(
    from,
    { type: 'appendReply', term: core.term, session, success: false, rejected: 0, hint },
    via,
  )
}

function propose(core: Core, proposal: Proposal, token: number): void {
  if (core.role.kind !== 'leader') return core.answerProposal({ token, refused: 'notLeader' })
  const bytes = sizeOf({ ...proposal, index: 0, term: 0 })
  const full =
    core.role.uncommittedBytes > 0 && core.role.uncommittedBytes + bytes > core.options.uncommittedBytesMax
  if (full) return core.answerProposal({ token, refused: 'overloaded' })
  const { index, term } = core.appendOwn(proposal)
  core.answerProposal({ token, entry: { index, term } })
}

function deadline({ role }: Core): Milliseconds {
  switch (role.kind) {
    case 'founding':
      return role.probeAt
    case 'follower':
    case 'candidate':
      return role.campaignAt
    case 'leader':
      return Math.min(role.heartbeatAt, role.quorumCheckAt, role.noticeAt)
    default:
      return unreachable(role)
  }
}

const ROLE_NAMES = {
  founding: 'FOUNDING',
  follower: 'FOLLOWER',
  candidate: 'CANDIDATE',
  leader: 'LEADER',
} as const

function roleName(core: Core): RoleName {
  return ROLE_NAMES[core.role.kind]
}

function voterStatus(core: Core, id: number, uuid: string, now: Milliseconds): VoterStatus {
  if (core.role.kind !== 'leader') return { id, uuid, match: null, next: null, contactAgeMs: null }
  const progress = core.role.progress.get(id)
  if (progress === undefined) {
    return { id, uuid, match: core.durability.durable, next: core.log.lastIndex + 1, contactAgeMs: 0 }
  }
  return { id, uuid, match: progress.match, next: progress.next, contactAgeMs: now - progress.contactAt }
}
