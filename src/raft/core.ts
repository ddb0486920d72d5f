import { assert } from '../base/assert.ts'
import { Durability } from './durability.ts'
import {
  type Entry,
  type HardState,
  type Index,
  type Milliseconds,
  NO_OP,
  type NodeId,
  type Proposal,
  sizeOf,
  type Term,
} from './entry.ts'
import type { Output, Persist, ProposalResult, ReadRequest, Refusal } from './io.ts'
import { LogView, type TermRun } from './log-view.ts'
import type { Envelope, Message } from './message.ts'
import { Progress } from './progress.ts'
import type { Leader, Role } from './role.ts'
import { type Configuration, configurationOf, uuidOf } from './voters.ts'

/** How a node behaves. Times in milliseconds, sizes in bytes. */
export type RaftOptions = {
  readonly id: NodeId
  /** UUID of this data directory. */
  readonly uuid: string
  /** Voters that the configuration file names; counts only while the cluster is founded. */
  readonly configuredVoters: readonly NodeId[]
  /** The id of the cluster, should this node come to found one. */
  readonly newClusterId: string
  readonly electionTimeoutMs: Milliseconds
  /** Each election timeout is longer by a random part of this. */
  readonly electionJitterMs: Milliseconds
  readonly heartbeatIntervalMs: Milliseconds
  /** How long a commit waits for an append to ride on before a message of its own tells it. */
  readonly commitNoticeDelayMs: Milliseconds
  readonly appendBytesMax: number
  readonly inflightCountMax: number
  readonly inflightBytesMax: number
  readonly uncommittedBytesMax: number
  /** Newest entries kept in memory for followers that lag. */
  readonly tailBytesMax: number
  /** A number in [0, 1): the one source of chance. */
  readonly random: () => number
}

/** What recovery read from disk. `tail` holds the newest entries; `runs` covers the whole log. */
export type Restored = {
  readonly hardState: HardState
  readonly runs: readonly TermRun[]
  readonly tail: readonly Entry[]
  readonly last: Index
  readonly configuration: Configuration | null
}

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
  applied: Index = 0
  role: Role
  configuration: Configuration | null

  #truncateFrom: Index | null = null
  /** Where the log on disk ends once every issued write is done. */
  #issuedLast: Index
  /** The write that saves the current term. */
  #termWrite = 0
  #unsaved: Entry[] = []
  #hardStateDirty = false
  #messages: Envelope[] = []
  #reads: ReadRequest[] = []
  #proposals: ProposalResult[] = []
  #refusals: Refusal[] = []

  constructor(options: RaftOptions, restored: Restored, now: Milliseconds) {
    this.options = options
    this.log = new LogView(restored)
    this.durability = new Durability(restored.last)
    this.now = now
    this.term = restored.hardState.term
    this.votedFor = restored.hardState.votedFor
    this.clusterId = restored.hardState.clusterId
    this.commit = restored.hardState.commit
    this.configuration = restored.configuration
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
    this.role = { kind: 'candidate', preVote: true, votes: new Map(), campaignAt: this.#campaignAt() }
  }

  becomeCandidate(): void {
    this.term += 1
    this.votedFor = this.options.id
    this.#hardStateDirty = true
    this.role = { kind: 'candidate', preVote: false, votes: new Map(), campaignAt: this.#campaignAt() }
  }

  /** The new leader's first entry is a no-op of its own term: what came before commits with it (section 5.4.2). */
  becomeLeader(): void {
    assert(this.role.kind === 'candidate' && !this.role.preVote, 'leaders come from elections')
    assert(this.votedFor === this.options.id, 'a leader voted for itself')
    const progress = new Map<NodeId, Progress>()
    for (const id of this.peers()) progress.set(id, new Progress(this.log.lastIndex + 1, this.now))
    this.role = {
      kind: 'leader',
      session: this.term,
      firstIndex: this.log.lastIndex + 1,
      progress,
      heartbeatAt: this.now,
      noticeAt: Number.POSITIVE_INFINITY,
      quorumCheckAt: this.now + this.options.electionTimeoutMs,
      uncommittedBytes: 0,
    }
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
    role.campaignAt = this.#campaignAt()
  }

  /** Raft's durable promise of section 5.2: at most one vote in a term. */
  grantVote(candidate: NodeId): void {
    assert(this.votedFor === null || this.votedFor === candidate, 'one vote per term')
    assert(this.role.kind === 'follower', 'only followers grant votes')
    if (this.votedFor === null) this.#hardStateDirty = true
    this.votedFor = candidate
    this.role.campaignAt = this.#campaignAt()
  }

  adoptCluster(clusterId: string): void {
    assert(this.clusterId === null, 'a disk belongs to one cluster for ever')
    this.clusterId = clusterId
    this.#hardStateDirty = true
    this.role = this.#follower(null)
  }

  #follower(leader: NodeId | null): Role {
    return {
      kind: 'follower',
      leader,
      leaderHeardAt: Number.NEGATIVE_INFINITY,
      campaignAt: this.#campaignAt(),
    }
  }

  /** Redrawn at every change of role or term, so that nodes that collided once do not collide for ever. */
  #campaignAt(): Milliseconds {
    const { electionTimeoutMs, electionJitterMs, random } = this.options
    return this.now + electionTimeoutMs + Math.floor(random() * electionJitterMs)
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
    this.append(entry)
    return entry
  }

  append(entry: Entry): void {
    this.log.append(entry)
    this.#unsaved.push(entry)
    this.configuration = configurationOf(entry) ?? this.configuration
  }

  truncate(from: Index): void {
    assert(this.role.kind !== 'leader', 'a leader never cuts its log')
    assert(from > this.commit, `entry ${from} is committed and cannot be cut`)
    assert(this.configuration === null || this.configuration.index < from, 'the founding entry is never cut')
    this.log.truncate(from)
    this.durability.truncated(from)
    this.#unsaved = this.#unsaved.filter(entry => entry.index < from)
    if (from > this.#issuedLast) return
    this.#truncateFrom = Math.min(this.#truncateFrom ?? from, from)
    this.#issuedLast = from - 1
  }

  commitTo(index: Index): void {
    assert(index <= this.log.lastIndex, 'only entries that are here can be committed here')
    if (index <= this.commit) return
    if (this.role.kind === 'leader') this.role.uncommittedBytes -= this.#bytesOf(this.commit + 1, index)
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

  /** The other voters, in ascending order; before the founding entry is here, nobody. */
  peers(): NodeId[] {
    const voters = this.configuration?.voters ?? []
    return voters
      .map(voter => voter.id)
      .filter(id => id !== this.options.id)
      .sort((a, b) => a - b)
  }

  voterCount(): number {
    return this.configuration?.voters.length ?? 0
  }

  /** Only a voter that the durable log records, on this very disk, may campaign. */
  promotable(): boolean {
    const { configuration, options } = this
    if (configuration === null || configuration.index > this.durability.durable) return false
    return uuidOf(configuration, options.id) === options.uuid
  }

  leader(): Leader {
    assert(this.role.kind === 'leader', 'only a leader does this')
    return this.role
  }

  leaderId(): NodeId | null {
    if (this.role.kind === 'leader') return this.options.id
    return this.role.kind === 'follower' ? this.role.leader : null
  }

  // What goes out.

  send(to: NodeId, message: Message, via?: number, toUuid = uuidOf(this.configuration, to)): void {
    this.#messages.push({
      from: this.options.id,
      to,
      clusterId: this.clusterId,
      fromUuid: this.options.uuid,
      toUuid,
      message,
      ...(via === undefined ? {} : { via }),
    })
  }

  /** Sends once everything that this node has decided so far is on disk. */
  sendDurably(to: NodeId, message: Message, via?: number): void {
    this.whenDurable(() => this.send(to, message, via))
  }

  /** Sends once the current term is on disk: for answers that promise nothing about the log. */
  sendInTerm(to: NodeId, message: Message, via?: number, toUuid?: string): void {
    const write = this.#hardStateDirty ? this.durability.nextWrite : this.#termWrite
    this.durability.after(write, () => this.send(to, message, via, toUuid))
  }

  whenDurable(action: () => void): void {
    const dirty = this.#hardStateDirty || this.#unsaved.length > 0 || this.#truncateFrom !== null
    this.durability.after(dirty ? this.durability.nextWrite : this.durability.nextWrite - 1, action)
  }

  read(request: ReadRequest): void {
    this.#reads.push(request)
  }

  answerProposal(result: ProposalResult): void {
    this.#proposals.push(result)
  }

  refuse(refusal: Refusal): void {
    this.#refusals.push(refusal)
  }

  /** Drains everything since the last call. */
  takeOutput(nextDeadline: Milliseconds): Output {
    const output: Output = {
      persist: this.#takePersist(),
      messages: this.#messages,
      reads: this.#reads,
      applyTo: Math.min(this.commit, this.durability.durable),
      proposals: this.#proposals,
      refusals: this.#refusals,
      nextDeadline,
    }
    this.#messages = []
    this.#reads = []
    this.#proposals = []
    this.#refusals = []
    return output
  }

  /**
   * The commit index rides along with every write and causes none by itself. Writes are ordered, so whatever it covers
   * is on disk no later than it is: recovery can take a log that ends before its commit index for one that lost entries.
   */
  #takePersist(): Persist | null {
    if (!this.#hardStateDirty && this.#unsaved.length === 0 && this.#truncateFrom === null) return null
    const { term, votedFor, clusterId } = this
    const persist: Persist = {
      write: this.durability.issue(this.log.lastIndex),
      truncateFrom: this.#truncateFrom,
      entries: this.#unsaved,
      hardState: { term, votedFor, clusterId, commit: this.commit },
    }
    if (this.#hardStateDirty) this.#termWrite = persist.write
    this.#issuedLast = this.log.lastIndex
    this.#hardStateDirty = false
    this.#unsaved = []
    this.#truncateFrom = null
    return persist
  }
}
