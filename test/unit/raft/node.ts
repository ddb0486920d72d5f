import { seeded } from '../../../simulator/chance.ts'
import { type Entry, FOUND_CLUSTER, type HardState, type NodeId } from '../../../src/raft/entry.ts'
import type {
  Input,
  MemberChange,
  Output,
  Persist,
  ProposalResult,
  ReadIndexResult,
  ReadRequest,
  Refusal,
  SnapshotPart,
  SnapshotRead,
  Status,
} from '../../../src/raft/io.ts'
import type { Envelope, Message } from '../../../src/raft/message.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import { Raft } from '../../../src/raft/raft.ts'
import { type Snapshot, sameSnapshot } from '../../../src/raft/snapshot.ts'
import { encodeFounding } from '../../../src/raft/voters.ts'
import {
  type Disk,
  decodeState,
  dropBefore,
  encodeState,
  entryAt,
  keepSnapshot,
  receivePart,
  restore,
  type StoredSnapshot,
  write,
} from './disk.ts'

export const CLUSTER_ID = 'the-cluster'

export const TIMING = { electionTimeoutMs: 100, electionJitterMs: 100, heartbeatIntervalMs: 20 } as const

/** Sees everything that a node does, as it does it. */
export interface Observer {
  /** A write goes out; the node's log in memory is still the one before it. */
  issued(node: Node, persist: Persist): void
  /** A write becomes durable; the disk is still the one before it. */
  written(node: Node, persist: Persist): void
  sent(node: Node, envelope: Envelope): void
  applied(node: Node, entry: Entry): void
  /** The state becomes that of a snapshot; `state` is what it holds. */
  installed(node: Node, snapshot: Snapshot, state: readonly Entry[]): void
  /** The node starts; `cut`: it finished an install that a crash had cut short. */
  started(node: Node, cut: boolean): void
  /** A caller reads: {@link Observer.answered} must tell everything that is committed by now. */
  asked(node: Node, token: number): void
  answered(node: Node, result: ReadIndexResult): void
  /** The node is at rest: everything it put out has been taken. */
  rested(node: Node): void
}

/**
 * One simulated metadata node: a Raft, its disk, and the writes that are not durable yet. Plays the driver without a
 * network: what is sent waits in `outbox`, reads wait in `reads`, parts of snapshots in `snapshotReads` and
 * `snapshotParts`, and a write is durable when `persist` says so. The state is the list of all entries applied.
 */
export class Node {
  readonly options: RaftOptions
  readonly observer: Observer | null
  readonly disk: Disk
  now = 0
  raft!: Raft
  pending: Persist[] = []
  /** The log as the core has it: what is on disk, changed by the pending writes. The first entry is `base + 1`. */
  log: Entry[] = []
  base = 0
  state: Entry[] = []
  deadline = 0
  outbox: Envelope[] = []
  reads: ReadRequest[] = []
  snapshotReads: SnapshotRead[] = []
  snapshotParts: SnapshotPart[] = []
  results: ProposalResult[] = []
  readIndexes: ReadIndexResult[] = []
  refusals: Refusal[] = []

  constructor(
    options: Partial<RaftOptions> & { id: NodeId },
    disk?: Partial<Disk>,
    observer?: Observer | null,
  ) {
    const { id } = options
    const voters = options.configuredVoters ?? [id]
    const blank: HardState = { term: 0, votedFor: null, commit: 0, clusterId: null }
    const nothing = { base: 0, entries: [], snapshots: [], incoming: null }
    this.disk = { uuid: options.uuid ?? diskOf(id), hardState: blank, ...nothing, ...disk }
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

  get applied(): number {
    return this.state.length
  }

  /** Leads, and an entry of its own term is committed: only then does it know every commit. */
  get leads(): boolean {
    const { role, term, commit } = this.status
    return role === 'LEADER' && this.raft.describe(commit)?.id.term === term
  }

  entryAt(index: number): Entry | undefined {
    return entryAt({ base: this.base, entries: this.log }, index)
  }

  start(): void {
    const { restored, cut } = restore(this.disk, this.options.tailBytesMax)
    this.base = this.disk.base
    this.log = [...this.disk.entries]
    const newest = this.disk.snapshots.at(-1)
    this.state = newest === undefined ? [] : decodeState(newest.data).state
    this.raft = new Raft(this.options, restored, this.now)
    this.observer?.started(this, cut)
    this.drain()
  }

  /** Stops at once. Of the pending writes the first few may have reached the disk without anybody knowing. */
  crash(writesDone = 0): void {
    for (const persist of this.pending.slice(0, writesDone)) this.#write(persist)
    this.pending = []
    this.outbox = []
    this.reads = []
    this.snapshotReads = []
    this.snapshotParts = []
    this.results = []
    this.readIndexes = []
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
      const log = { base: this.base, entries: this.log }
      write(log, output.persist)
      this.base = log.base
    }
    for (const envelope of output.messages) this.observer?.sent(this, envelope)
    for (const result of output.readIndexes) this.observer?.answered(this, result)
    this.outbox.push(...output.messages)
    this.reads.push(...output.reads)
    this.results.push(...output.proposals)
    this.readIndexes.push(...output.readIndexes)
    this.refusals.push(...output.refusals)
    this.deadline = output.nextDeadline
    this.#carryOutSnapshots(output)
    this.#apply(output.applyTo)
    this.observer?.rested(this)
  }

  #carryOutSnapshots(output: Output): void {
    if (output.install !== null) this.#install(output.install)
    this.snapshotReads.push(...output.snapshotReads)
    this.snapshotParts.push(...output.snapshotParts)
    if (output.install === null && output.dropBefore === 0) return
    const wanted = [...this.raft.snapshots, ...output.pinned]
    this.disk.snapshots = this.disk.snapshots.filter(({ id }) => wanted.some(one => sameSnapshot(one, id)))
    if (output.dropBefore > 0) dropBefore(this.disk, output.dropBefore)
  }

  #install(snapshot: Snapshot): void {
    const stored = this.disk.snapshots.find(({ id }) => sameSnapshot(id, snapshot.id))
    if (stored === undefined) throw new Error(`snapshot ${snapshot.id.index} is taken over and not there`)
    this.state = decodeState(stored.data).state
    this.observer?.installed(this, snapshot, this.state)
  }

  #apply(to: number): void {
    if (to === this.applied) return
    while (this.applied < to) {
      const from = this.applied + 1
      for (const entry of this.raft.entries(from, to, 1000) ?? this.#readDisk(from, to)) {
        this.observer?.applied(this, entry)
        this.state.push(entry)
      }
    }
    this.raft.step({ type: 'applied', index: to }, this.now)
  }

  #readDisk(from: number, to: number): Entry[] {
    if (from <= this.disk.base) throw new Error(`entry ${from} is wanted and dropped`)
    return this.disk.entries.slice(from - 1 - this.disk.base, to - this.disk.base)
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
    write(this.disk, persist)
    this.disk.hardState = persist.hardState
  }

  /** Entries for a follower, as many as `countMax`. */
  readEntries({ from, to }: ReadRequest, countMax: number): Entry[] {
    return this.#readDisk(from, Math.min(to, from + countMax - 1))
  }

  // Snapshots. Every step is one that a crash may come after.

  /** The state as it is now; null if there is nothing new to be saved. */
  capture(): StoredSnapshot | null {
    const point = this.raft.describe(this.applied)
    const newest = this.disk.snapshots.at(-1)?.id.index ?? 0
    return point === null || newest >= this.applied ? null : encodeState(point, this.state, this.id)
  }

  /** A captured state is on disk. */
  keep(snapshot: StoredSnapshot): void {
    keepSnapshot(this.disk, snapshot)
    const { id, configuration } = snapshot
    this.step({ type: 'snapshotTaken', snapshot: { id, configuration } })
  }

  takeSnapshot(): void {
    this.keep(this.capture()!)
  }

  /** A part of a snapshot for a follower; null: it is not there any more. */
  readPart({ snapshot, offset, bytesMax }: SnapshotRead): Uint8Array | null {
    const stored = this.disk.snapshots.find(({ id }) => sameSnapshot(id, snapshot))
    return stored === undefined ? null : stored.data.slice(offset, offset + bytesMax)
  }

  /** Keeps a part of a leader's snapshot. Returns whether the snapshot is whole. */
  storePart(part: SnapshotPart): boolean {
    const { snapshot, offset, data } = part.message
    const have = receivePart(this.disk, snapshot, offset, data)
    this.step({ type: 'snapshotStored', part, offset: have })
    return have === snapshot.bytes
  }

  /** What was received is durable under its own name; the core does not know yet. */
  accept({ message: { snapshot } }: SnapshotPart): void {
    const { data } = this.disk.incoming!
    const { configuration } = decodeState(data)
    keepSnapshot(this.disk, { id: snapshot, configuration, data, origin: 'received' })
    this.disk.incoming = null
  }

  takeOver(part: SnapshotPart): void {
    const { id, configuration } = this.disk.snapshots.find(one =>
      sameSnapshot(one.id, part.message.snapshot),
    )!
    this.step({ type: 'snapshotReceived', part, snapshot: { id, configuration } })
  }

  // Shorthands of the scripted tests.

  /** A message from a recorded voter on its recorded disk. */
  receive(from: NodeId, message: Message, over: Partial<Envelope> = {}): void {
    this.step({ type: 'message', envelope: this.envelope(from, message, over) })
  }

  envelope(from: NodeId, message: Message, over: Partial<Envelope> = {}): Envelope {
    const { id, uuid } = this.options
    return {
      from,
      to: id,
      clusterId: CLUSTER_ID,
      recoveryEpoch: 0,
      fromUuid: diskOf(from),
      toUuid: uuid,
      message,
      ...over,
    }
  }

  propose(text: string, token = 0): ProposalResult {
    this.step({ type: 'propose', proposal: { type: 'Text', data: bytes(text) }, token })
    return this.results.at(-1)!
  }

  change(change: MemberChange): ProposalResult {
    this.step({ type: 'changeMembers', change, token: 0 })
    return this.results.at(-1)!
  }

  /** A caller wants to read; no process of any node ever uses the token again, which names the answer. */
  read(token: number): void {
    this.observer?.asked(this, token)
    this.step({ type: 'readIndex', token })
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
  snapshotPartBytes: 1024,
  readsMax: 100,
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
