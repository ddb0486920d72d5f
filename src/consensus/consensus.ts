import { assert } from '../base/assert.ts'
import { type Deferred, deferred } from '../base/deferred.ts'
import { DmqError } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { Log } from '../log/log.ts'
import type { RaftOptions } from '../raft/core.ts'
import { type Entry, FOUND_CLUSTER, NO_OP } from '../raft/entry.ts'
import type { Input, Output, Persist, ProposalResult, ReadRequest, Refusal, Status } from '../raft/io.ts'
import type { Envelope, Message } from '../raft/message.ts'
import { Raft } from '../raft/raft.ts'
import { decodeEntry, encodeEntry, encodeHardState } from './entry-codec.ts'
import { restore } from './restore.ts'
import type { StateMachine } from './state-machine.ts'

/** What the driver reaches the world through. */
export type ConsensusParts = {
  readonly log: Log
  readonly clock: Clock
  readonly stateMachine: StateMachine
  /** Sends a message to another node; false if it was dropped. */
  readonly send: (envelope: Envelope) => boolean
  readonly events: ConsensusEvents
}

export type ConsensusEvents = {
  /** Role, term or leader changed, or this leader's first own entry committed. */
  changed(leadership: Leadership): void
  refused(refusal: Refusal): void
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

export type Committed = { readonly index: number; readonly result: unknown }

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
  readonly #proposed = new Map<number, Deferred<Committed>>()
  readonly #pending = new Map<number, { term: number; done: Deferred<Committed> }>()
  readonly #requests = new Map<number, Deferred<Message>>()
  #lastToken = 0
  #applied = 0
  #applyTo = 0
  #applying = false
  #drainScheduled = false
  #timer: Timer | null = null
  #timerDue = Number.POSITIVE_INFINITY
  #stopped = false
  #leadership: Leadership

  constructor(options: RaftOptions, parts: ConsensusParts) {
    this.#parts = parts
    this.#raft = new Raft(options, restore(parts.log, options.tailBytesMax), this.#now())
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

  /** Resolves when the entry is applied on this node. Rejects with NOT_CONTROLLER, OVERLOADED or COMMIT_TIMEOUT. */
  propose(type: string, data: Uint8Array, timeoutMs: number): Promise<Committed> {
    if (this.#stopped) return Promise.reject(stopping())
    const token = ++this.#lastToken
    const done = deferred<Committed>()
    this.#proposed.set(token, done)
    this.#step({ type: 'propose', proposal: { type, data }, token })
    return this.#withDeadline(done, timeoutMs)
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

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    const error = stopping()
    for (const done of this.#proposed.values()) done.reject(error)
    for (const { done } of this.#pending.values()) done.reject(error)
    for (const done of this.#requests.values()) done.reject(error)
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
      if (output.persist !== null) this.#persist(output.persist)
      this.#sendAll(output)
      for (const request of output.reads) this.#read(request)
      for (const result of output.proposals) this.#proposalTaken(result)
      for (const refusal of output.refusals) this.#refused(refusal)
      this.#applyTo = output.applyTo
      this.#setTimer(output.nextDeadline)
      this.#applyCommitted()
      this.#announce()
    } catch (error) {
      this.#fail(error)
    }
  }

  #persist({ write, truncateFrom, entries, hardState }: Persist): void {
    const firstIndex = entries[0]?.index ?? 0
    const records = entries.map(encodeEntry)
    this.#parts.log.append({ truncateFrom, firstIndex, records, state: encodeHardState(hardState) }).then(
      () => this.#step({ type: 'persisted', write }),
      error => this.#fail(error),
    )
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

  #proposalTaken(result: ProposalResult): void {
    const done = this.#proposed.get(result.token)
    this.#proposed.delete(result.token)
    if (done === undefined) return
    if ('entry' in result) this.#pending.set(result.entry.index, { term: result.entry.term, done })
    else if (result.refused === 'notLeader') done.reject(notController())
    else
      done.reject(
        new DmqError('OVERLOADED', 'too many writes wait for their commit; try again a little later'),
      )
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
    this.#step({ type: 'applied', index: this.#applied })
  }

  #readEntries(from: number, to: number): Entry[] {
    return this.#parts.log.read(from, to, APPLY_BYTES).map((bytes, i) => decodeEntry(from + i, bytes))
  }

  #applyEntry({ index, term, type, data }: Entry): void {
    assert(index === this.#applied + 1, 'entries are applied in order')
    const internal = type === NO_OP || type === FOUND_CLUSTER
    const result = internal ? null : this.#parts.stateMachine.apply(index, type, data)
    this.#applied = index
    const pending = this.#pending.get(index)
    if (pending === undefined) return
    this.#pending.delete(index)
    if (pending.term === term) pending.done.resolve({ index, result })
    else pending.done.reject(notController('another leader wrote over it; it was not committed'))
  }

  #withDeadline(done: Deferred<Committed>, timeoutMs: number): Promise<Committed> {
    const timer = this.#parts.clock.timer(timeoutMs, () => {
      done.reject(
        new DmqError(
          'COMMIT_TIMEOUT',
          `not committed within ${timeoutMs} ms; it may still be: look before you repeat it`,
        ),
      )
      for (const [index, pending] of this.#pending) if (pending.done === done) this.#pending.delete(index)
    })
    const cancel = (): void => timer.cancel()
    done.promise.then(cancel, cancel)
    return done.promise
  }

  #currentLeadership(): Leadership {
    const { role, term, leader, leadsFrom } = this.#raft
    return { role, term, leader, ready: leadsFrom !== null && this.#applied >= leadsFrom }
  }

  #announce(): void {
    const now = this.#currentLeadership()
    const before = this.#leadership
    if (
      now.role === before.role &&
      now.term === before.term &&
      now.leader === before.leader &&
      now.ready === before.ready
    )
      return
    this.#leadership = now
    this.#parts.events.changed(now)
  }

  #fail(error: unknown): void {
    if (this.#stopped) return
    this.stop()
    this.#parts.events.fatal(error)
  }
}

function stopping(): DmqError {
  return new DmqError('NOT_CONTROLLER', 'the node is stopping')
}

function notController(why = 'this node is not the controller'): DmqError {
  return new DmqError('NOT_CONTROLLER', why)
}
