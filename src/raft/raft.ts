import { assert, unreachable } from '../base/assert.ts'
import { admit } from './admission.ts'
import { Core } from './core.ts'
import { campaign, receiveVoteReply, receiveVoteRequest } from './election.ts'
import {
  type Entry,
  type EntryId,
  type Index,
  type Milliseconds,
  type NodeId,
  type Proposal,
  sizeOf,
  type Term,
} from './entry.ts'
import { probe, receiveAnswer, receiveProbe } from './founding.ts'
import { checkInvariants } from './invariants.ts'
import type { Input, Output, RoleName, Status } from './io.ts'
import { changeMembers, isLeaving } from './membership.ts'
import type {
  Append,
  AppendReply,
  CommitNotice,
  Envelope,
  Heartbeat,
  HeartbeatReply,
  InstallSnapshot,
  ReadIndexReply,
  ReadIndexRequest,
  SnapshotReply,
  TimeoutNow,
} from './message.ts'
import type { RaftOptions, Restored } from './options.ts'
import {
  receiveReadIndexReply,
  receiveReadIndexRequest,
  refuseRead,
  requestReadIndex,
  sendReadRound,
} from './read-index.ts'
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
import type { Role } from './role.ts'
import type { SnapshotId } from './snapshot.ts'
import {
  receiveInstallSnapshot,
  receiveSnapshotRead,
  receiveSnapshotReply,
  snapshotReceived,
  snapshotStored,
  snapshotTaken,
} from './snapshotting.ts'
import { roleName, statusOf } from './status.ts'
import { giveUpTransfer, receiveTimeoutNow, transfer } from './transfer.ts'
import type { Configuration } from './voters.ts'

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
    const before = this.#core.role
    dispatch(this.#core, input)
    abandonReads(this.#core, before)
    checkInvariants(this.#core)
    this.#stepping = false
  }

  takeOutput(): Output {
    sendReadRound(this.#core)
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
    return this.#core.liveLeaderId()
  }

  /** Who gets the log, and from where. */
  get configuration(): Configuration | null {
    return this.#core.configuration
  }

  /** Those that must stay: the newest, and the one that the log reaches back to. */
  get snapshots(): SnapshotId[] {
    return this.#core.snapshots.map(({ id }) => id)
  }

  /** What a snapshot of the state after entry `index` must say of itself; null while no configuration is known there. */
  describe(index: Index): { id: EntryId; configuration: Configuration } | null {
    const term = this.#core.log.termAt(index)
    const configuration = this.#core.configurations.at(index)
    return term === undefined || configuration === null ? null : { id: { index, term }, configuration }
  }

  get term(): Term {
    return this.#core.term
  }

  status(now: Milliseconds): Status {
    return statusOf(this.#core, now)
  }
}

/** Who lost leadership cannot say any more what is committed. */
function abandonReads(core: Core, before: Role): void {
  if (before.kind !== 'leader' || core.role === before) return
  for (const reader of before.reads.abandon()) refuseRead(core, reader)
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
    case 'readIndex':
      return requestReadIndex(core, input.token)
    case 'transfer':
      return transfer(core, input.target)
    case 'peerLost':
      return peerLost(core, input.peer)
    case 'changeMembers':
      return changeMembers(core, input.change, input.token)
    case 'snapshotTaken':
      return snapshotTaken(core, input.snapshot)
    case 'snapshotRead':
      return receiveSnapshotRead(core, input.request, input.data)
    case 'snapshotStored':
      return snapshotStored(core, input.part, input.offset)
    case 'snapshotReceived':
      return snapshotReceived(core, input.part, input.snapshot)
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
      if (core.role === role) giveUpTransfer(core)
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
    case 'snapshotReply':
    case 'readIndexRequest':
    case 'readIndexReply':
      if (message.term > core.term) return core.becomeFollower(message.term, null)
      if (message.term < core.term) return
      return receiveFromFollower(core, envelope, message)
    case 'append':
    case 'heartbeat':
    case 'commitNotice':
    case 'timeoutNow':
    case 'installSnapshot':
      if (message.term < core.term) return refuseStaleLeader(core, envelope, message)
      if (message.term > core.term) core.becomeFollower(message.term, from)
      return receiveFromLeader(core, envelope, message)
    default:
      return unreachable(message)
  }
}

type FromFollower = AppendReply | HeartbeatReply | SnapshotReply | ReadIndexRequest | ReadIndexReply

function receiveFromFollower(core: Core, envelope: Envelope, message: FromFollower): void {
  switch (message.type) {
    case 'appendReply':
      return receiveAppendReply(core, envelope, message)
    case 'heartbeatReply':
      return receiveHeartbeatReply(core, envelope, message)
    case 'snapshotReply':
      return receiveSnapshotReply(core, envelope, message)
    case 'readIndexRequest':
      return receiveReadIndexRequest(core, envelope, message)
    case 'readIndexReply':
      return receiveReadIndexReply(core, message)
    default:
      return unreachable(message)
  }
}

type FromLeader = Append | Heartbeat | CommitNotice | TimeoutNow | InstallSnapshot

function receiveFromLeader(core: Core, envelope: Envelope, message: FromLeader): void {
  const leader = core.leaderId()
  if (leader !== null && leader !== envelope.from) {
    const text = `it claims to lead term ${core.term}, which node ${leader} leads`
    const { from, via } = envelope
    return void core.out.refusals.push({
      from,
      reason: 'contradiction',
      text,
      ...(via === undefined ? {} : { via }),
    })
  }
  switch (message.type) {
    case 'append':
      return receiveAppend(core, envelope, message)
    case 'heartbeat':
      return receiveHeartbeat(core, envelope, message)
    case 'commitNotice':
      return receiveCommitNotice(core, envelope, message)
    case 'timeoutNow':
      return receiveTimeoutNow(core, envelope)
    case 'installSnapshot':
      return receiveInstallSnapshot(core, envelope, message)
    default:
      return unreachable(message)
  }
}

/** The process of the leader is gone: this node does not wait for a timeout to succeed it, nor refuses others its vote. */
function peerLost(core: Core, peer: NodeId): void {
  const { role } = core
  if (role.kind === 'follower' && role.leader === peer && !role.leaderLost) core.lostLeader()
}

/** Without this answer a leader that was cut off for a while would go on in its old term, and we without a leader. */
function refuseStaleLeader(core: Core, envelope: Envelope, message: FromLeader): void {
  const session = 'session' in message ? message.session : 0
  const { term } = core
  const hint = core.log.last
  core.answerInTerm(envelope, { type: 'appendReply', term, session, success: false, rejected: 0, hint })
}

function propose(core: Core, proposal: Proposal, token: number): void {
  const refuse = (refused: 'notLeader' | 'transferring' | 'overloaded'): void =>
    void core.out.proposals.push({ token, refused })
  if (core.role.kind !== 'leader') return refuse('notLeader')
  if (core.role.transfer !== null || isLeaving(core)) return refuse('transferring')
  const bytes = sizeOf({ ...proposal, index: 0, term: 0 })
  const full =
    core.role.uncommittedBytes > 0 && core.role.uncommittedBytes + bytes > core.options.uncommittedBytesMax
  if (full) return refuse('overloaded')
  const { index, term } = core.appendOwn(proposal)
  core.out.proposals.push({ token, entry: { index, term } })
}

function deadline({ role }: Core): Milliseconds {
  switch (role.kind) {
    case 'founding':
      return role.probeAt
    case 'follower':
    case 'candidate':
      return role.campaignAt
    case 'leader':
      return Math.min(
        role.heartbeatAt,
        role.quorumCheckAt,
        role.noticeAt,
        role.transfer?.deadline ?? Number.POSITIVE_INFINITY,
      )
    default:
      return unreachable(role)
  }
}
