import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import { DmqError } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { Log } from '../log/log.ts'
import type { SnapshotStore } from '../log/snapshot-store.ts'
import { type Entry, isInternal, sizeOf } from '../raft/entry.ts'
import type { Input, MemberChange, Output, Persist, ReadRequest, Refusal, Status } from '../raft/io.ts'
import type { Envelope, Message } from '../raft/message.ts'
import type { RaftOptions, Restored } from '../raft/options.ts'
import { Raft } from '../raft/raft.ts'
import type { Configuration } from '../raft/voters.ts'
import { DiskWatch } from './disk-watch.ts'
import { decodeEntry, encodeEntry, encodeHardState } from './entry-codec.ts'
import { stopping, writeFailed } from './failures.ts'
import { LinearizableReads } from './linearizable-reads.ts'
import type { Measures } from './measures.ts'
import { type Committed, Proposals } from './proposals.ts'
import { type SnapshotEvents, type SnapshotOptions, Snapshots } from './snapshots.ts'
import type { StateMachine } from './state-machine.ts'
import { Succession } from './succession.ts'

/** What the driver reaches the world through. */
export type ConsensusParts = {
  readonly log: Log
  readonly store: SnapshotStore
  readonly clock: Clock
  readonly stateMachine: StateMachine
  /** Sends a message to another node; false if it was dropped. */
  readonly send: (envelope: Envelope) => boolean
  readonly events: ConsensusEvents
}

export type ConsensusEvents = SnapshotEvents & {
  /** Role, term or leader changed, or this leader's first own entry committed. */
  changed(leadership: Leadership): void
  refused(refusal: Refusal): void
  /** Other members than before, or other addresses; also once at the start, if they are known. */
  membersChanged(configuration: Configuration): void
  /** A write of the log takes long; a leader hands over because of it. */
  slowDisk(): void
  /** The node cannot go on; called once. */
  fatal(error: unknown): void
}

export type Leadership = {
  readonly role: Status['role']
  readonly term: number
  readonly leader: number | null
  /** This node leads, and has applied everything that earlier leaders committed. */
  readonly ready: boolean
}

const APPLY_BYTES = 256 * 1024
/** Applying pauses after this long, so that heartbeats are answered while a long log is replayed. */
const APPLY_MS_MAX = 10

/**
 * The door of the room, and the one loop: whatever happens is stepped into the core; once everything that is ready has
 * been stepped, the output is taken and carried out, in the order write, send, read, apply, answer.
 */
export class Consensus {
  readonly #parts: ConsensusParts
  readonly #raft: Raft
  readonly #electionTimeoutMs: number
  readonly #proposals: Proposals
  readonly #reads: LinearizableReads
  readonly #snapshots: Snapshots
  readonly #requests = new Map<number, Deferred<Message>>()
  #lastToken = 0
  #applied: number
  #applyTo = 0
  #members: Configuration | null = null
  #applying = false
  #drainScheduled = false
  #timer: Timer | null = null
  #timerDue = Number.POSITIVE_INFINITY
  #stopped = false
  readonly #disk: DiskWatch
  /** Why no proposals are taken; null: they are. */
  #refusing: string | null = null
  #leadership: Leadership
  readonly #succession: Succession

  constructor(options: RaftOptions & SnapshotOptions, restored: Restored, parts: ConsensusParts) {
    const { clock } = parts
    this.#parts = parts
    this.#raft = new Raft(options, restored, this.#now())
    this.#applied = restored.snapshots.at(-1)?.id.index ?? 0
    this.#proposals = new Proposals(clock)
    this.#succession = new Succession(clock)
    const firstToken = Math.floor(options.random() * 2 ** 48)
    const ask = (token: number): void => this.#step({ type: 'readIndex', token })
    this.#reads = new LinearizableReads(clock, firstToken, this.#applied, ask)
    const step = (input: Input): void => this.#step(input)
    const fail = (error: unknown): void => this.#fail(error)
    this.#snapshots = new Snapshots(options, { ...parts, step, fail, renew: () => this.#takeSnapshot() })
    this.#disk = new DiskWatch(clock, options.electionTimeoutMs / 2, () => this.#slowDisk())
    this.#leadership = this.#currentLeadership()
    this.#electionTimeoutMs = options.electionTimeoutMs
    this.#scheduleDrain()
  }

  get leadership(): Leadership {
    return this.#leadership
  }

  get applied(): number {
    return this.#applied
  }

  status(): Status {
    return this.#raft.status(this.#now())
  }

  get configuration(): Configuration | null {
    return this.#raft.configuration
  }

  /** Resolves when the entry is applied on this node. Rejects with NOT_CONTROLLER, OVERLOADED or COMMIT_TIMEOUT. */
  propose(type: string, data: Uint8Array, timeoutMs: number): Promise<Committed> {
    if (this.#refusing !== null) return this.#proposals.refuse(this.#refusing)
    return this.#submit(timeoutMs, token => ({ type: 'propose', proposal: { type, data }, token }))
  }

  /** From now on proposals are refused with STORAGE_FULL, for this reason; null: they are taken again. */
  refuseProposals(reason: string | null): void {
    this.#refusing = reason
  }

  get measures(): Measures {
    return { proposals: this.#proposals, reads: this.#reads, disk: this.#disk, snapshots: this.#snapshots }
  }

  /** A write of the log takes longer than half an election timeout. */
  get diskIsSlow(): boolean {
    return this.#disk.isSlow
  }

  /** Resolves when the change is in force and its first entry committed. Rejects also with MEMBERSHIP_CHANGE_REFUSED. */
  changeMembers(change: MemberChange, timeoutMs: number): Promise<Committed> {
    return this.#submit(timeoutMs, token => ({ type: 'changeMembers', change, token }))
  }

  #submit(timeoutMs: number, input: (token: number) => Input): Promise<Committed> {
    if (this.#stopped) return Promise.reject(stopping())
    const token = ++this.#lastToken
    const done = this.#proposals.add(token, timeoutMs)
    this.#step(input(token))
    return done
  }

  /**
   * Resolves when this node's state reflects every write that was acknowledged before the call (ReadIndex). Rejects with
   * NO_CONTROLLER when no leader confirms it in time: a minority serves no such reads.
   */
  readIndex(timeoutMs: number): Promise<number> {
    if (this.#stopped) return Promise.reject(stopping())
    return this.#reads.add(timeoutMs)
  }

  /**
   * Hands leadership to `target`, or to the voter that is furthest. Resolves when this node does not lead any more; false:
   * it still does after `timeoutMs`.
   */
  transfer(target: number | null, timeoutMs: number): Promise<boolean> {
    if (this.#stopped || this.#leadership.role !== 'LEADER') return Promise.resolve(true)
    if (this.#raft.configuration?.voters.length === 1) return Promise.resolve(false)
    const gone = this.#succession.deposed(timeoutMs)
    this.#step({ type: 'transfer', target })
    return gone
  }

  /**
   * Before a stop: leadership goes to another voter, and callers hear what became of their entries. A leader that went as soon
   * as it is deposed would take its vote with it, and those who find it gone would stand against the one that it has chosen.
   */
  async handOver(timeoutMs: number): Promise<void> {
    const until = this.#now() + timeoutMs
    const led = this.#leadership.role === 'LEADER'
    if (!(await this.transfer(null, timeoutMs))) return
    if (led && this.#leadership.leader === null) await this.#succession.succeeded(until - this.#now())
    await this.#proposals.settled(until - this.#now())
  }

  /** A message from another node's stream. */
  receive(envelope: Envelope): void {
    this.#step({ type: 'message', envelope })
  }

  /** A message that came as a request: resolves with the reply to it. Rejects when it is refused. */
  request(envelope: Envelope): Promise<Message> {
    if (this.#stopped) return Promise.reject(stopping())
    const via = ++this.#lastToken
    const done = deferred<Message>()
    this.#requests.set(via, done)
    this.#step({ type: 'message', envelope: { ...envelope, via } })
    return done.promise
  }

  /** The stream to a peer broke: what was in flight may be lost. */
  sendFailed(peer: number): void {
    this.#step({ type: 'sendFailed', peer })
  }

  /** The process of another node is gone: its connections closed, and it accepts no new ones. */
  peerLost(peer: number): void {
    this.#step({ type: 'peerLost', peer })
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#snapshots.stop()
    this.#disk.stop()
    const error = stopping()
    this.#proposals.stop()
    this.#reads.rejectAll(error)
    for (const done of this.#requests.values()) done.reject(error)
  }

  /** After a stop: resolves when no snapshot is read or written any more. */
  close(): Promise<void> {
    return this.#snapshots.close()
  }

  #now(): number {
    return this.#parts.clock.monotonic()
  }

  #step(input: Input): void {
    if (this.#stopped) return
    try {
      this.#raft.step(input, this.#now())
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#scheduleDrain()
  }

  /** Everything that is ready is stepped before the output is taken: one write and one append for all of it. */
  #scheduleDrain(): void {
    if (this.#drainScheduled) return
    this.#drainScheduled = true
    this.#parts.clock.afterPending(() => {
      this.#drainScheduled = false
      if (!this.#stopped) this.#drain()
    })
  }

  #drain(): void {
    try {
      const output = this.#raft.takeOutput()
      // Before anything can fail: what is about to be written has an unknown outcome for whoever proposed it.
      for (const result of output.proposals) this.#proposals.taken(result)
      if (output.persist !== null) this.#persist(output.persist)
      this.#sendAll(output)
      for (const request of output.reads) this.#read(request)
      this.#carryOutSnapshots(output)
      for (const result of output.readIndexes) this.#reads.answered(result)
      for (const refusal of output.refusals) this.#refused(refusal)
      this.#applyTo = output.applyTo
      this.#setTimer(output.nextDeadline)
      this.#applyCommitted()
      this.#announce()
    } catch (error) {
      this.#fail(error)
    }
  }

  #persist({ write, resetTo, truncateFrom, entries, hardState }: Persist): void {
    const firstIndex = entries[0]?.index ?? 0
    const records = entries.map(encodeEntry)
    const state = encodeHardState(hardState)
    this.#disk.begin()
    this.#parts.log.append({ resetTo, truncateFrom, firstIndex, records, state }).then(
      () => {
        this.#disk.end()
        this.#step({ type: 'persisted', write })
      },
      error => this.#fail(writeFailed(error)),
    )
  }

  /** Whoever is furthest has a better disk; and if nobody takes over, this node goes on. */
  #slowDisk(): void {
    this.#parts.events.slowDisk()
    if (this.#leadership.role === 'LEADER') this.#step({ type: 'transfer', target: null })
  }

  #sendAll(output: Output): void {
    for (const envelope of output.messages) {
      const request = envelope.via === undefined ? undefined : this.#requests.get(envelope.via)
      if (request !== undefined) {
        this.#requests.delete(envelope.via!)
        request.resolve(envelope.message)
      } else if (!this.#parts.send(envelope) && envelope.message.type === 'append') {
        this.#step({ type: 'sendFailed', peer: envelope.to })
      }
    }
  }

  #read(request: ReadRequest): void {
    const { from, to, bytesMax } = request
    const records = this.#parts.log.read(from, to, bytesMax)
    const entries = records.map((bytes, i) => decodeEntry(from + i, bytes))
    this.#step({ type: 'entriesRead', request, entries })
  }

  #carryOutSnapshots(output: Output): void {
    const { install, dropBefore, snapshotReads, snapshotParts } = output
    this.#snapshots.settle(install)
    if (install !== null) this.#skipTo(install.id.index)
    for (const request of snapshotReads) this.#snapshots.read(request)
    for (const part of snapshotParts) this.#snapshots.store(part)
    if (install === null && dropBefore === 0) return
    this.#snapshots.prune(output, this.#raft.snapshots)
    if (dropBefore > 0) this.#parts.log.dropBefore(dropBefore).catch(error => this.#fail(error))
  }

  /** The state has become that of a snapshot. */
  #skipTo(index: number): void {
    this.#applied = index
    this.#proposals.skippedTo(index)
    this.#reads.appliedTo(index)
  }

  #refused(refusal: Refusal): void {
    this.#parts.events.refused(refusal)
    const request = refusal.via === undefined ? undefined : this.#requests.get(refusal.via)
    if (request === undefined) return
    this.#requests.delete(refusal.via!)
    const code = refusal.reason === 'foreignCluster' ? 'CLUSTER_ID_MISMATCH' : 'VOTER_MISMATCH'
    request.reject(new DmqError(code, `the message is refused: ${refusal.text}`))
  }

  /** An armed timer that is too early does no harm; one that is too late would. */
  #setTimer(deadline: number): void {
    if (deadline >= this.#timerDue) return
    this.#timer?.cancel()
    this.#timerDue = deadline
    this.#timer = this.#parts.clock.timer(deadline - this.#now(), () => this.#timerFired(deadline))
  }

  /** After a stall of our own, the heartbeats that it held up are heard before an election is thought of. */
  #timerFired(deadline: number): void {
    this.#timerDue = Number.POSITIVE_INFINITY
    const late = this.#now() - deadline > this.#electionTimeoutMs / 2
    if (late) this.#parts.clock.afterPending(() => this.#step({ type: 'tick' }))
    else this.#step({ type: 'tick' })
  }

  #applyCommitted(): void {
    if (this.#applying) return
    this.#applying = true
    const until = this.#now() + APPLY_MS_MAX
    while (this.#applied < this.#applyTo && this.#now() < until) this.#applyChunk()
    this.#applying = false
    if (this.#applied < this.#applyTo) this.#scheduleDrain()
  }

  #applyChunk(): void {
    const from = this.#applied + 1
    const entries =
      this.#raft.entries(from, this.#applyTo, APPLY_BYTES) ?? this.#readEntries(from, this.#applyTo)
    for (const entry of entries) this.#applyEntry(entry)
    this.#reads.appliedTo(this.#applied)
    this.#step({ type: 'applied', index: this.#applied })
    this.#takeSnapshotIfDue(entries)
  }

  #readEntries(from: number, to: number): Entry[] {
    return this.#parts.log.read(from, to, APPLY_BYTES).map((bytes, i) => decodeEntry(from + i, bytes))
  }

  #applyEntry({ index, term, type, data }: Entry): void {
    assert(index === this.#applied + 1, 'entries are applied in order')
    const result = isInternal(type) ? null : this.#parts.stateMachine.apply(index, type, data)
    this.#applied = index
    this.#proposals.applied(index, term, result)
  }

  #takeSnapshotIfDue(entries: readonly Entry[]): void {
    const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
    if (this.#snapshots.applied(bytes)) this.#takeSnapshot()
  }

  #takeSnapshot(): void {
    const point = this.#raft.describe(this.#applied)
    if (point !== null) this.#snapshots.take(point.id, point.configuration)
  }

  #currentLeadership(): Leadership {
    const { role, term, leader, leadsFrom } = this.#raft
    return { role, term, leader, ready: leadsFrom !== null && this.#applied >= leadsFrom }
  }

  #announce(): void {
    this.#announceMembers()
    const now = this.#currentLeadership()
    const before = this.#leadership
    if ((['role', 'term', 'leader', 'ready'] as const).every(key => now[key] === before[key])) return
    this.#leadership = now
    this.#succession.changed(now)
    this.#parts.events.changed(now)
  }

  #announceMembers(): void {
    const members = this.#raft.configuration
    if (members === null || members === this.#members) return
    this.#members = members
    this.#parts.events.membersChanged(members)
  }

  #fail(error: unknown): void {
    if (this.#stopped) return
    this.stop()
    this.#parts.events.fatal(error)
  }
}
