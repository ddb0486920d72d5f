import { assert } from '../base/assert.ts'
import { Durability } from './durability.ts'
import {
  type Entry,
  type Index,
  type Milliseconds,
  NO_OP,
  type NodeId,
  type Proposal,
  sizeOf,
  type Term,
} from './entry.ts'
import { FollowerLag } from './follower-lag.ts'
import type { Output, Persist } from './io.ts'
import { LogView } from './log-view.ts'
import type { Asker, Message } from './message.ts'
import type { RaftOptions, Restored } from './options.ts'
import { Outbox } from './outbox.ts'
import { Pace } from './pace.ts'
import { Progress } from './progress.ts'
import { PendingReads } from './reads.ts'
import type { Leader, Role } from './role.ts'
import type { Snapshot, SnapshotId } from './snapshot.ts'
import { newTally } from './tally.ts'
import {
  type Configuration,
  Configurations,
  configurationOf,
  electorsOf,
  membersOf,
  uuidOf,
  type Voter,
} from './voters.ts'

const NONE: SnapshotId[] = []

/**
 * The state of one node and the few ways to change it. The rules live beside this file: `election.ts`,
 * `replication.ts`, `founding.ts`; they alone call these methods.
 *
 * Invariants (checked by `invariants.ts` after every step):
 * 1. Term and vote in memory equal those on disk, or a write that makes them so is issued or about to be.
 * 2. `applied <= commit <= log.last`; a node applies up to `min(commit, durable)`.
 * 3. A leader only appends to its log; a follower cuts nothing that is committed.
 */
export class Core {
  readonly options: RaftOptions
  readonly log: LogView
  readonly durability: Durability
  now: Milliseconds
  term: Term
  votedFor: NodeId | null
  clusterId: string | null
  commit: Index
  applied: Index
  role: Role
  readonly configurations: Configurations
  readonly out = new Outbox()
  readonly tally = newTally()
  readonly lag = new FollowerLag()
  readonly pace: Pace
  /** Oldest first, at most two: the log reaches back to the older one. */
  snapshots: readonly Snapshot[]
  /** The leader that was last given up: nobody counts on its vote. */
  givenUp: NodeId | null = null

  #resetTo: Index | null = null
  #truncateFrom: Index | null = null
  /** Where the log on disk ends once every issued write is done. */
  #issuedLast: Index
  /** The write that saves the current term. */
  #termWrite = 0
  #unsaved: Entry[] = []
  #hardStateDirty = false
  constructor(options: RaftOptions, restored: Restored, now: Milliseconds) {
    this.options = options
    this.pace = new Pace(options)
    this.log = new LogView(restored)
    this.durability = new Durability(restored.last)
    this.now = now
    this.term = restored.hardState.term
    this.votedFor = restored.hardState.votedFor
    this.clusterId = restored.hardState.clusterId
    this.snapshots = restored.snapshots
    this.applied = this.snapshot?.id.index ?? 0
    this.commit = Math.max(restored.hardState.commit, this.applied)
    this.configurations = new Configurations(restored.configurations)
    this.#issuedLast = restored.last
    assert(
      this.commit <= this.log.lastIndex,
      `the log ends at ${this.log.lastIndex}, before its commit index ${this.commit}`,
    )
    this.role =
      this.clusterId === null ? { kind: 'founding', answers: new Map(), probeAt: now } : this.#follower(null)
  }

  // Roles: one method per transition, and no other writer of `role`.

  becomeFollower(term: Term, leader: NodeId | null): void {
    assert(term >= this.term, 'terms never go back')
    if (term > this.term) {
      this.term = term
      this.votedFor = null
      this.#hardStateDirty = true
    }
    this.role = this.#follower(leader)
  }

  becomePreCandidate(): void {
    const campaignAt = this.pace.campaignAt(this.now)
    this.role = { kind: 'candidate', preVote: true, transfer: false, votes: new Map(), campaignAt }
  }

  becomeCandidate(transfer = false): void {
    this.term += 1
    this.votedFor = this.options.id
    this.#hardStateDirty = true
    const campaignAt = this.pace.campaignAt(this.now, 'real')
    this.role = { kind: 'candidate', preVote: false, transfer, votes: new Map(), campaignAt }
  }

  /** The new leader's first entry is a no-op of its own term: what came before commits with it (section 5.4.2). */
  becomeLeader(): void {
    assert(this.role.kind === 'candidate' && !this.role.preVote, 'leaders come from elections')
    assert(this.votedFor === this.options.id, 'a leader voted for itself')
    const progress = new Map<NodeId, Progress>()
    for (const id of this.peers()) progress.set(id, new Progress(this.term, this.log.lastIndex + 1, this.now))
    this.role = {
      kind: 'leader',
      firstIndex: this.log.lastIndex + 1,
      progress,
      heartbeatAt: this.now,
      noticeAt: Number.POSITIVE_INFINITY,
      quorumCheckAt: this.now + this.options.electionTimeoutMs,
      uncommittedBytes: 0,
      commitMovedAt: this.now,
      transfer: null,
      reads: new PendingReads(),
      leaversUntil: Number.POSITIVE_INFINITY,
    }
    this.pace.calm()
    this.appendOwn({ type: NO_OP, data: new Uint8Array(0) })
  }

  /** The leader is alive: no campaign, no votes for others, for another timeout. */
  heardLeader(leader: NodeId): void {
    const role = this.role
    assert(
      role.kind === 'follower' && (role.leader === null || role.leader === leader),
      'one leader per term',
    )
    role.leader = leader
    role.leaderHeardAt = this.now
    role.leaderLost = false
    role.madeWay = false
    role.calledUpon = false
    this.pace.calm()
    this.givenUp = null
    role.campaignAt = this.pace.campaignAt(this.now)
  }

  /** Raft's durable promise of section 5.2: at most one vote in a term. */
  grantVote(candidate: NodeId): void {
    assert(this.votedFor === null || this.votedFor === candidate, 'one vote per term')
    assert(this.role.kind === 'follower', 'only followers grant votes')
    if (this.votedFor === null) this.#hardStateDirty = true
    this.votedFor = candidate
    this.role.campaignAt = this.pace.campaignAt(this.now, 'real')
  }

  /** The leader's process is gone: it holds nobody back any more, and its successors run in their order. */
  lostLeader(): void {
    const role = this.role
    assert(role.kind === 'follower' && role.leader !== null, 'who follows nobody loses nobody')
    role.leaderLost = true
    this.givenUp = role.leader
    role.leaderHeardAt = Number.NEGATIVE_INFINITY
    const place = role.successors.indexOf(this.options.id)
    role.campaignAt = this.pace.hasten(this.now, place >= 0 ? place : role.successors.length)
  }

  adoptCluster(clusterId: string): void {
    assert(this.clusterId === null, 'a disk belongs to one cluster for ever')
    this.clusterId = clusterId
    this.#hardStateDirty = true
    this.role = this.#follower(null)
  }

  #follower(leader: NodeId | null): Role {
    const leaderHeardAt = Number.NEGATIVE_INFINITY
    return {
      kind: 'follower',
      leader,
      leaderHeardAt,
      leaderLost: false,
      successors: [],
      campaignAt: this.pace.campaignAt(this.now),
      madeWay: false,
      calledUpon: false,
    }
  }

  // The log.

  /** Appends a leader's own entry. */
  appendOwn(proposal: Proposal): Entry {
    const leader = this.leader()
    const entry: Entry = {
      index: this.log.lastIndex + 1,
      term: this.term,
      type: proposal.type,
      data: proposal.data,
    }
    leader.uncommittedBytes += sizeOf(entry)
    if (this.commit === this.log.lastIndex) leader.commitMovedAt = this.now
    this.append(entry)
    return entry
  }

  append(entry: Entry): void {
    this.log.append(entry)
    this.#unsaved.push(entry)
    const configuration = configurationOf(entry)
    if (configuration !== null) this.configurations.append(configuration)
  }

  truncate(from: Index): void {
    assert(this.role.kind !== 'leader', 'a leader never cuts its log')
    assert(from > this.commit, `entry ${from} is committed and cannot be cut`)
    assert(from > 1 || this.configuration === null, 'the founding entry is never cut')
    this.log.truncate(from)
    this.configurations.truncate(from)
    this.durability.truncated(from)
    this.#unsaved = this.#unsaved.filter(entry => entry.index < from)
    if (from > this.#issuedLast) return
    this.#truncateFrom = Math.min(this.#truncateFrom ?? from, from)
    this.#issuedLast = from - 1
  }

  /** The log begins anew behind a snapshot that another node made: nothing that was here is continued by it. */
  reset({ id, configuration }: Snapshot): void {
    assert(id.index > this.commit, 'only what is not committed is thrown away')
    this.log.reset(id)
    this.durability.truncated(this.commit + 1)
    this.configurations.truncate(0)
    this.configurations.append(configuration)
    this.#unsaved = []
    this.#truncateFrom = null
    this.#resetTo = id.index
    this.#issuedLast = id.index
  }

  commitTo(index: Index): void {
    assert(index <= this.log.lastIndex, 'only entries that are here can be committed here')
    if (index <= this.commit) return
    if (this.role.kind === 'leader') this.role.uncommittedBytes -= this.#bytesOf(this.commit + 1, index)
    if (this.role.kind === 'leader') this.role.commitMovedAt = this.now
    this.commit = index
  }

  #bytesOf(from: Index, to: Index): number {
    let bytes = 0
    for (let index = Math.max(from, this.log.tailFirst); index <= to; index++) {
      const entry = this.log.at(index)
      if (entry !== undefined && entry.term === this.term) bytes += sizeOf(entry)
    }
    return bytes
  }

  appliedTo(index: Index): void {
    assert(index >= this.applied && index <= this.commit, 'what is applied is committed')
    this.applied = index
    this.log.trim(Math.min(this.applied, this.durability.durable), this.options.tailBytesMax)
  }

  // Who.

  /** The configuration in force: the last one in the log, committed or not. */
  get configuration(): Configuration | null {
    return this.configurations.current
  }

  get snapshot(): Snapshot | undefined {
    return this.snapshots.at(-1)
  }

  /** Everybody else who gets the log, in ascending order; before the founding entry is here, nobody. */
  peers(): NodeId[] {
    return this.#others(membersOf(this.configuration))
  }

  /** Everybody else whose vote counts. */
  electors(): NodeId[] {
    return this.#others(electorsOf(this.configuration))
  }

  #others(members: readonly { id: NodeId }[]): NodeId[] {
    return members.map(({ id }) => id).filter(id => id !== this.options.id)
  }

  /** The log records this node, on this very disk, and that entry is durable. */
  isRecorded(members: readonly Voter[]): boolean {
    const { configuration, options, durability } = this
    if (configuration === null || configuration.index > durability.durable) return false
    return members.some(({ id, uuid }) => id === options.id && uuid === options.uuid)
  }

  /** The configuration before the one in force, as long as that is not known to be committed. */
  configurationLeft(): Configuration | null {
    const { configuration, configurations, commit } = this
    if (configuration === null || configuration.index <= commit) return null
    return configurations.at(configuration.index - 1)
  }

  leader(): Leader {
    assert(this.role.kind === 'leader', 'only a leader does this')
    return this.role
  }

  /** The leader of this term, as far as this node knows; it may be gone. */
  leaderId(): NodeId | null {
    if (this.role.kind === 'leader') return this.options.id
    return this.role.kind === 'follower' ? this.role.leader : null
  }

  /** The same, but for a leader whose process is known to be gone. */
  liveLeaderId(): NodeId | null {
    return this.role.kind === 'follower' && this.role.leaderLost ? null : this.leaderId()
  }

  /** Of the configuration in force; null where there is none yet. */
  get recoveryEpoch(): number | null {
    return this.configuration?.recoveryEpoch ?? null
  }

  // What goes out.

  send(to: NodeId, message: Message, via?: number, toUuid = uuidOf(this.configuration, to)): void {
    this.out.messages.push({
      from: this.options.id,
      to,
      clusterId: this.clusterId,
      recoveryEpoch: this.recoveryEpoch,
      fromUuid: this.options.uuid,
      toUuid,
      message,
      ...(via === undefined ? {} : { via }),
    })
  }

  /** Sends once everything that this node has decided so far is on disk. */
  sendDurably(to: NodeId, message: Message): void {
    this.whenDurable(() => this.send(to, message))
  }

  answerDurably({ from, fromUuid, via }: Asker, message: Message): void {
    this.whenDurable(() => this.send(from, message, via, fromUuid))
  }

  /** Sends once the current term is on disk: for messages that promise nothing about the log. */
  sendInTerm(to: NodeId, message: Message): void {
    this.#whenTermIsDurable(() => this.send(to, message))
  }

  answerInTerm({ from, fromUuid, via }: Asker, message: Message): void {
    this.#whenTermIsDurable(() => this.send(from, message, via, fromUuid))
  }

  #whenTermIsDurable(action: () => void): void {
    const write = this.#hardStateDirty ? this.durability.nextWrite : this.#termWrite
    this.durability.after(write, action)
  }

  whenDurable(action: () => void): void {
    this.durability.after(this.#dirty() ? this.durability.nextWrite : this.durability.nextWrite - 1, action)
  }

  #dirty(): boolean {
    const changed = this.#unsaved.length > 0 || this.#truncateFrom !== null || this.#resetTo !== null
    return changed || this.#hardStateDirty
  }

  /** Drains everything since the last call. */
  takeOutput(nextDeadline: Milliseconds): Output {
    return {
      persist: this.#takePersist(),
      ...this.out.take(),
      applyTo: Math.max(this.applied, Math.min(this.commit, this.durability.durable)),
      pinned: this.pinned(),
      nextDeadline,
    }
  }

  /** Snapshots that followers are being sent. */
  pinned(): SnapshotId[] {
    if (this.role.kind !== 'leader') return NONE
    const transfers = [...this.role.progress.values()].flatMap(({ transfer }) => transfer ?? [])
    return transfers.length === 0 ? NONE : transfers.map(({ id }) => id)
  }

  /**
   * The commit index rides along with every write and causes none by itself. Writes are ordered, so whatever it covers
   * is on disk no later than it is: recovery can take a log that ends before its commit index for one that lost entries.
   */
  #takePersist(): Persist | null {
    if (!this.#dirty()) return null
    const { term, votedFor, clusterId } = this
    const persist: Persist = {
      write: this.durability.issue(this.log.lastIndex),
      resetTo: this.#resetTo,
      truncateFrom: this.#truncateFrom,
      entries: this.#unsaved,
      hardState: { term, votedFor, clusterId, commit: this.commit },
    }
    if (this.#hardStateDirty) this.#termWrite = persist.write
    this.#issuedLast = this.log.lastIndex
    this.#hardStateDirty = false
    this.#unsaved = []
    this.#truncateFrom = null
    this.#resetTo = null
    return persist
  }
}
