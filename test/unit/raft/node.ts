import type { RaftOptions, Restored } from '../../../src/raft/core.ts'
import { type Entry, FOUND_CLUSTER, type HardState, type NodeId, sizeOf } from '../../../src/raft/entry.ts'
import type { Input, Persist, ProposalResult, ReadRequest, Refusal, Status } from '../../../src/raft/io.ts'
import type { TermRun } from '../../../src/raft/log-view.ts'
import type { Envelope, Message } from '../../../src/raft/message.ts'
import { Raft } from '../../../src/raft/raft.ts'
import { configurationOf, encodeFounding } from '../../../src/raft/voters.ts'
import { seeded } from './seeded.ts'

export const CLUSTER_ID = 'the-cluster'

export const TIMING = { electionTimeoutMs: 100, electionJitterMs: 100, heartbeatIntervalMs: 20 } as const

/** What a crash leaves. */
export type Disk = { uuid: string; hardState: HardState; entries: Entry[] }

/** Sees everything that a node does, as it does it. */
export interface Observer {
  /** A write goes out; the node's log in memory is still the one before it. */
  issued(node: Node, persist: Persist): void
  /** A write becomes durable; the disk is still the one before it. */
  written(node: Node, persist: Persist): void
  sent(node: Node, envelope: Envelope): void
  applied(node: Node, entry: Entry): void
  /** The node is at rest: everything it put out has been taken. */
  rested(node: Node): void
}

/**
 * One simulated metadata node: a Raft, its disk, and the writes that are not durable yet. Plays the driver without a
 * network: what is sent waits in `outbox`, reads wait in `reads`, and a write is durable when `persist` says so.
 */
export class Node {
  readonly options: RaftOptions
  readonly observer: Observer | null
  readonly disk: Disk
  now = 0
  raft!: Raft
  pending: Persist[] = []
  /** The log as the core has it: what is on disk, changed by the pending writes. */
  log: Entry[] = []
  applied = 0
  deadline = 0
  outbox: Envelope[] = []
  reads: ReadRequest[] = []
  results: ProposalResult[] = []
  refusals: Refusal[] = []

  constructor(
    options: Partial<RaftOptions> & { id: NodeId },
    disk?: Partial<Disk>,
    observer?: Observer | null,
  ) {
    const { id } = options
    const voters = options.configuredVoters ?? [id]
    const blank: HardState = { term: 0, votedFor: null, commit: 0, clusterId: null }
    this.disk = { uuid: diskOf(id), hardState: blank, entries: [], ...disk }
    this.options = {
      ...DEFAULTS,
      random: seeded(id),
      uuid: this.disk.uuid,
      configuredVoters: voters,
      ...options,
    }
    this.observer = observer ?? null
    this.start()
  }

  get id(): NodeId {
    return this.options.id
  }

  get status(): Status {
    return this.raft.status(this.now)
  }

  /** Leads, and an entry of its own term is committed: only then does it know every commit. */
  get leads(): boolean {
    const { role, term, commit } = this.status
    return role === 'LEADER' && this.log[commit - 1]?.term === term
  }

  start(): void {
    this.log = [...this.disk.entries]
    this.applied = 0
    this.raft = new Raft(this.options, restore(this.disk, this.options.tailBytesMax), this.now)
    this.drain()
  }

  /** Stops at once. Of the pending writes the first few may have reached the disk without anybody knowing. */
  crash(writesDone = 0): void {
    for (const persist of this.pending.slice(0, writesDone)) this.#write(persist)
    this.pending = []
    this.outbox = []
    this.reads = []
    this.results = []
  }

  step(input: Input): void {
    this.feed(input)
    this.drain()
  }

  /** An input whose output waits: the next `drain` takes it together with what follows. */
  feed(input: Input): void {
    this.raft.step(input, this.now)
  }

  drain(): void {
    const output = this.raft.takeOutput()
    if (output.persist !== null) {
      this.observer?.issued(this, output.persist)
      this.pending.push(output.persist)
      write(this.log, output.persist)
    }
    for (const envelope of output.messages) this.observer?.sent(this, envelope)
    this.outbox.push(...output.messages)
    this.reads.push(...output.reads)
    this.results.push(...output.proposals)
    this.refusals.push(...output.refusals)
    this.deadline = output.nextDeadline
    this.#apply(output.applyTo)
    this.observer?.rested(this)
  }

  #apply(to: number): void {
    if (to === this.applied) return
    while (this.applied < to) {
      const from = this.applied + 1
      const entries = this.raft.entries(from, to, 1000) ?? this.disk.entries.slice(from - 1, to)
      for (const entry of entries) this.observer?.applied(this, entry)
      this.applied += entries.length
    }
    this.raft.step({ type: 'applied', index: to }, this.now)
  }

  /** The next writes become durable, and the core hears of it; by default one after the other until none is left. */
  persist(count = Number.POSITIVE_INFINITY): void {
    for (let done = 0; done < count && this.pending.length > 0; done++) this.persistTogether(1)
  }

  /** Several writes become durable and are reported as one. */
  persistTogether(count: number): void {
    const writes = this.pending.splice(0, count)
    for (const persist of writes) this.#write(persist)
    this.step({ type: 'persisted', write: writes.at(-1)!.write })
  }

  #write(persist: Persist): void {
    this.observer?.written(this, persist)
    write(this.disk.entries, persist)
    this.disk.hardState = persist.hardState
  }

  // Shorthands of the scripted tests.

  /** A message from a recorded voter on its recorded disk. */
  receive(from: NodeId, message: Message, over: Partial<Envelope> = {}): void {
    this.step({ type: 'message', envelope: this.envelope(from, message, over) })
  }

  envelope(from: NodeId, message: Message, over: Partial<Envelope> = {}): Envelope {
    const { id, uuid } = this.options
    return { from, to: id, clusterId: CLUSTER_ID, fromUuid: diskOf(from), toUuid: uuid, message, ...over }
  }

  propose(text: string, token = 0): ProposalResult {
    this.step({ type: 'propose', proposal: { type: 'Text', data: bytes(text) }, token })
    return this.results.at(-1)!
  }

  /** Time passes, and the driver's timer fires if it is due. */
  elapse(ms: number): void {
    this.now += ms
    if (this.now >= this.deadline) this.step({ type: 'tick' })
  }

  /** Everything sent since the last call, without the addresses of the sender. */
  taken(): (Message & { to: NodeId })[] {
    return this.outbox.splice(0).map(({ to, message }) => ({ to, ...message }))
  }

  /** Passes the election timeout and wins pre-vote and vote of the given peers; all is durable up to the victory. */
  lead(...supporters: NodeId[]): void {
    this.now = this.deadline
    this.step({ type: 'tick' })
    const asked = this.status.term + 1
    for (const from of supporters)
      this.receive(from, { type: 'voteReply', term: asked, preVote: true, granted: true })
    this.persist()
    for (const from of supporters)
      this.receive(from, { type: 'voteReply', term: asked, preVote: false, granted: true })
    if (this.status.role !== 'LEADER') throw new Error(`node ${this.id} did not win term ${asked}`)
  }
}

const DEFAULTS = {
  ...TIMING,
  newClusterId: CLUSTER_ID,
  commitNoticeDelayMs: 0,
  appendBytesMax: 4096,
  inflightCountMax: 8,
  inflightBytesMax: 65_536,
  uncommittedBytesMax: 65_536,
  tailBytesMax: 1_048_576,
}

export function diskOf(id: NodeId): string {
  return `disk-${id}`
}

/** A voter of a founded cluster of voters 1 to `size`, whose log has entries of these terms; the first is the founding. */
export function voter(
  id: NodeId,
  size: number,
  terms: readonly number[],
  more: { hardState?: Partial<HardState>; options?: Partial<RaftOptions> } = {},
): Node {
  const term = terms.at(-1) ?? 0
  const hardState = { term, votedFor: null, commit: 0, clusterId: CLUSTER_ID, ...more.hardState }
  const configuredVoters = Array.from({ length: size }, (_, i) => i + 1)
  return new Node({ id, configuredVoters, ...more.options }, { hardState, entries: logOf(size, terms) })
}

/** Entries of these terms; their bytes depend on index and term alone, as in any two logs of one cluster. */
export function logOf(size: number, terms: readonly number[]): Entry[] {
  return terms.map((term, i) => (i === 0 ? foundingEntry(size) : entry(i + 1, term)))
}

export function entry(index: number, term: number): Entry {
  return { index, term, type: 'Text', data: bytes(`${index} of term ${term}`) }
}

function foundingEntry(size: number): Entry {
  const voters = Array.from({ length: size }, (_, i) => ({ id: i + 1, uuid: diskOf(i + 1) }))
  return { index: 1, term: 1, type: FOUND_CLUSTER, data: encodeFounding(CLUSTER_ID, voters) }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function write(log: Entry[], { truncateFrom, entries }: Persist): void {
  if (truncateFrom !== null) log.length = Math.min(log.length, truncateFrom - 1)
  for (const next of entries) {
    if (next.index !== log.length + 1) throw new Error(`entry ${next.index} written behind ${log.length}`)
    log.push(next)
  }
}

/** What recovery hands over; the tail is what fits, even if less than what may still be cut. */
function restore({ hardState, entries }: Disk, tailBytesMax: number): Restored {
  let first = entries.length + 1
  let size = 0
  while (first > 1 && size + sizeOf(entries[first - 2]!) <= tailBytesMax)
    size += sizeOf(entries[--first - 1]!)
  const runs: TermRun[] = []
  for (const { term, index } of entries) if (term !== runs.at(-1)?.term) runs.push({ term, first: index })
  const configuration = entries.length > 0 ? configurationOf(entries[0]!) : null
  return { hardState, runs, tail: entries.slice(first - 1), last: entries.length, configuration }
}
