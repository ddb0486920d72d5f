import { Chance } from '../../../simulator/chance.ts'
import type { NodeId } from '../../../src/raft/entry.ts'
import type {
  Input,
  MemberChange,
  ProposalResult,
  ReadRequest,
  SnapshotPart,
  SnapshotRead,
} from '../../../src/raft/io.ts'
import type { Envelope } from '../../../src/raft/message.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import type { Disk } from './disk.ts'
import { NO_FAULTS } from './faults.ts'
import { diskOf, Node, type Observer } from './node.ts'
import { Safety } from './safety.ts'
import { say } from './say.ts'

type Process = {
  persisting: boolean
  draining: boolean
  capturing: boolean
  storing: boolean
  /** The last part of this snapshot is being made durable. */
  accepting: SnapshotPart | null
  pausedUntil: number
}
type Event = { readonly at: number; readonly run: () => void }

const ARCHIVE_MAX = 300

/**
 * Nodes on one virtual clock: messages, writes and reads are events that come at a drawn time, so a slow one is
 * overtaken by a quick one. Everything is drawn from one seed. Every step of every node is checked by {@link Safety}.
 */
export class Cluster {
  readonly nodes = new Map<NodeId, Node>()
  readonly safety = new Safety(this.nodes)
  /** Watches the nodes that are added from now on. */
  observer: Observer | null = this.safety
  readonly chance: Chance
  faults = NO_FAULTS
  now = 0
  /** One line per event, while somebody wants to read them. */
  trace: string[] | null = null
  readonly #events: Event[] = []
  readonly #cut = new Set<string>()
  readonly #up = new Map<Node, Process>()
  readonly #slow = new Map<Node, number>()
  readonly #archive: Envelope[] = []
  /** Refusals in the trace. */
  readonly #noted = new Map<Node, number>()
  /** A node takes a snapshot when it has applied so many entries since the last one. */
  snapshotEvery = Number.POSITIVE_INFINITY
  /** How often entries were read back from disk. */
  reads = 0
  #token = 0

  constructor(seed: number) {
    this.chance = new Chance(seed)
  }

  /** A cluster of empty disks that will found itself. */
  static empty(seed: number, size: number, options: Partial<RaftOptions> = {}): Cluster {
    const cluster = new Cluster(seed)
    const configuredVoters = Array.from({ length: size }, (_, i) => i + 1)
    for (const id of configuredVoters) cluster.add({ id, configuredVoters, ...options })
    return cluster
  }

  add(options: Partial<RaftOptions> & { id: NodeId }, disk?: Partial<Disk>): Node {
    const random = new Chance(this.chance.between(1, 1e9)).fraction
    const node = new Node({ random, uuid: diskOf(options.id), ...options }, disk, this.observer)
    if (this.nodes.has(node.id)) this.#up.delete(this.node(node.id))
    this.nodes.set(node.id, node)
    node.now = this.now
    this.#up.set(node, running())
    this.#collect(node)
    return node
  }

  node(id: NodeId): Node {
    return this.nodes.get(id)!
  }

  /** Those between two steps of an install: the snapshot is whole, or the log does not begin behind it yet. */
  installing(): Node[] {
    const resets = (node: Node) => node.pending.some(({ resetTo }) => resetTo !== null)
    return [...this.#up].filter(([node, { accepting }]) => accepting || resets(node)).map(([node]) => node)
  }

  // Faults.

  isUp(node: Node): boolean {
    return this.#up.has(node)
  }

  /** Pending writes are lost, but for the first few that reached the disk untold. */
  crash(node: Node, writesDone = 0): void {
    this.#note(`node ${node.id} crashes`)
    const accepting = this.#up.get(node)?.accepting
    this.#up.delete(node)
    node.crash(writesDone)
    if (accepting && this.chance.happens(0.5)) node.accept(accepting)
    const { incoming } = node.disk
    if (incoming !== null) {
      // What was received and not synced may be gone.
      const have = this.chance.between(0, incoming.data.length)
      node.disk.incoming = { id: incoming.id, data: incoming.data.slice(0, have) }
    }
    for (const other of this.#up.keys())
      if (this.chance.happens(this.faults.lossTold)) this.after(1, () => this.lose(other, node.id))
  }

  /** This node is told that the process of a peer is gone, be it true or not. */
  lose(node: Node, peer: NodeId): void {
    if (!this.isUp(node)) return
    this.#note(`node ${node.id} hears that ${peer} is gone`)
    this.step(node, { type: 'peerLost', peer })
  }

  restart(node: Node): void {
    this.#note(`node ${node.id} starts`)
    node.now = this.now
    this.#up.set(node, running())
    node.start()
    this.#collect(node)
  }

  /** The same node starts on an empty disk. */
  wipe(node: Node, options: Partial<RaftOptions> & { uuid: string }): Node {
    if (this.isUp(node)) this.crash(node)
    return this.add({ ...node.options, ...options })
  }

  /** The process stands still (SIGSTOP, a stalled event loop); what comes meanwhile waits. */
  pause(node: Node, ms: number): void {
    const process = this.#up.get(node)
    if (process !== undefined) process.pausedUntil = this.now + ms
  }

  /** Writes of this node take up to so much longer, until further notice. */
  slowDisk(node: Node, ms: number): void {
    this.#slow.set(node, ms)
  }

  cutLink(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`)
  }

  /** Only nodes of one group reach each other. */
  partition(...groups: NodeId[][]): void {
    this.#cut.clear()
    for (const from of this.nodes.keys()) {
      for (const to of this.nodes.keys()) {
        if (!groups.some(group => group.includes(from) && group.includes(to))) this.cutLink(from, to)
      }
    }
  }

  healLinks(): void {
    this.#cut.clear()
  }

  // Time.

  run(ms: number): void {
    const end = this.now + ms
    while (this.#advance(end)) {}
    this.now = end
  }

  /** Runs until the condition holds; fails when it does not within the limit. */
  until(condition: () => boolean, limitMs: number, what: string): void {
    const end = this.now + limitMs
    while (!condition()) {
      if (!this.#advance(end)) throw new Error(`not within ${limitMs} ms: ${what}`)
    }
  }

  after(ms: number, run: () => void): void {
    const event = { at: this.now + ms, run }
    const before = this.#events.findLastIndex(other => other.at <= event.at)
    this.#events.splice(before + 1, 0, event)
  }

  /** Runs the next thing that happens, if it happens by then. */
  #advance(end: number): boolean {
    const event = this.#events[0]
    const node = this.#nextTimer()
    const timerAt = node === null ? Number.POSITIVE_INFINITY : this.#timerAt(node)
    const at = Math.max(this.now, Math.min(event?.at ?? Number.POSITIVE_INFINITY, timerAt))
    if (at > end) return false
    this.now = at
    if (node !== null && timerAt <= (event?.at ?? Number.POSITIVE_INFINITY)) this.step(node, { type: 'tick' })
    else this.#events.shift()!.run()
    return true
  }

  #nextTimer(): Node | null {
    let next: Node | null = null
    for (const [node, { draining }] of this.#up) {
      if (!draining && (next === null || this.#timerAt(node) < this.#timerAt(next))) next = node
    }
    return next
  }

  #timerAt(node: Node): number {
    return Math.max(node.deadline, this.#up.get(node)!.pausedUntil)
  }

  // One node.

  step(node: Node, input: Input): void {
    const process = this.#up.get(node)!
    node.now = this.now
    if (!this.chance.happens(this.faults.batch)) {
      node.step(input)
      this.#collect(node)
      return
    }
    node.feed(input)
    if (process.draining) return
    process.draining = true
    this.#later(node, this.chance.between(0, 2), () => {
      process.draining = false
      node.drain()
      this.#collect(node)
    })
  }

  /** Something that happens to this process, unless it ends before; a paused one sees it when it goes on. */
  #later(node: Node, ms: number, run: () => void): void {
    const process = this.#up.get(node)
    this.after(ms, () => {
      if (this.#up.get(node) !== process || process === undefined) return
      if (process.pausedUntil > this.now) return this.#later(node, process.pausedUntil - this.now, run)
      node.now = this.now
      run()
    })
  }

  #collect(node: Node): void {
    if (this.trace !== null)
      for (const { from, reason, text } of node.refusals.slice(this.#noted.get(node) ?? 0))
        this.#note(`node ${node.id} refuses ${from}: ${reason}, ${text}`)
    this.#noted.set(node, node.refusals.length)
    // The driver ends a process whose disk is not the recorded one.
    if (node.refusals.some(({ reason }) => reason === 'wipedReceiver')) return this.crash(node)
    for (const envelope of node.outbox.splice(0)) this.#send(node, envelope)
    for (const request of node.reads.splice(0)) this.#read(node, request)
    for (const request of node.snapshotReads.splice(0)) this.#readPart(node, request)
    this.#store(node)
    this.#persist(node)
    const newest = node.disk.snapshots.at(-1)?.id.index ?? 0
    if (node.applied - newest >= this.snapshotEvery) this.takeSnapshot(node)
  }

  /** One write under way at a time; it takes along some of those that wait. */
  #persist(node: Node): void {
    const process = this.#up.get(node)!
    if (process.persisting || node.pending.length === 0) return
    process.persisting = true
    const count = this.chance.between(1, node.pending.length)
    const ms =
      this.chance.between(...this.faults.persistMs) + this.chance.between(0, this.#slow.get(node) ?? 0)
    this.#later(node, ms, () => {
      process.persisting = false
      node.persistTogether(count)
      this.#collect(node)
    })
  }

  #read(node: Node, request: ReadRequest): void {
    this.reads += 1
    const entries = node.readEntries(request, 3)
    this.#later(node, this.chance.between(0, 5), () => {
      this.step(node, { type: 'entriesRead', request, entries })
    })
  }

  // Snapshots: between any two steps of one, everything else goes on, and any may be the last before a crash.

  /** Begins a snapshot of the state as it is now. */
  takeSnapshot(node: Node): void {
    const process = this.#up.get(node)
    const snapshot = process?.capturing === false ? node.capture() : null
    if (snapshot === null || process === undefined) return
    process.capturing = true
    this.#later(node, this.#snapshotMs(), () => {
      process.capturing = false
      node.keep(snapshot)
      this.#collect(node)
    })
  }

  #readPart(node: Node, request: SnapshotRead): void {
    this.#later(node, this.#snapshotMs(), () => {
      this.step(node, { type: 'snapshotRead', request, data: node.readPart(request) })
    })
  }

  /** Parts are stored one after the other; the last one is followed by the snapshot's being taken over. */
  #store(node: Node): void {
    const process = this.#up.get(node)!
    if (process.storing || node.snapshotParts.length === 0) return
    process.storing = true
    const part = node.snapshotParts.shift()!
    const done = (): void => {
      process.storing = false
      this.#collect(node)
    }
    this.#later(node, this.#snapshotMs(), () => {
      if (!node.storePart(part)) return done()
      process.accepting = part
      this.#later(node, this.#snapshotMs(), () => {
        process.accepting = null
        node.accept(part)
        node.takeOver(part)
        done()
      })
    })
  }

  #snapshotMs(): number {
    return this.chance.between(...this.faults.snapshotMs)
  }

  // The network.

  #send(sender: Node, envelope: Envelope): void {
    const { faults, chance } = this
    this.#archive[
      this.#archive.length < ARCHIVE_MAX ? this.#archive.length : chance.between(0, ARCHIVE_MAX - 1)
    ] = envelope
    if (chance.happens(faults.replay)) this.#carry(chance.pick(this.#archive))
    if (chance.happens(faults.drop)) return
    if (chance.happens(faults.dropTold)) {
      this.#later(sender, 1, () => this.step(sender, { type: 'sendFailed', peer: envelope.to }))
      return
    }
    this.#carry(envelope)
    if (chance.happens(faults.duplicate)) this.#carry(envelope)
  }

  #carry(envelope: Envelope): void {
    this.after(this.chance.between(...this.faults.delayMs), () => this.#deliver(envelope))
  }

  #deliver(envelope: Envelope): void {
    const receiver = this.nodes.get(envelope.to)
    if (receiver === undefined || this.#cut.has(`${envelope.from}>${envelope.to}`)) return
    this.#later(receiver, 0, () => {
      this.#note(say(envelope))
      this.step(receiver, { type: 'message', envelope })
    })
  }

  #note(text: string): void {
    this.trace?.push(`${String(this.now).padStart(6)} ${text}`)
  }

  // What a caller sees.

  /** The leader that knows every commit, if there is one. */
  leader(): Node | null {
    const leaders = [...this.#up.keys()].filter(node => node.leads)
    return leaders.sort((a, b) => b.raft.term - a.raft.term)[0] ?? null
  }

  untilLeader(limitMs: number): Node {
    this.until(() => this.leader() !== null, limitMs, 'a leader')
    return this.leader()!
  }

  propose(node: Node, text: string): ProposalResult {
    node.now = this.now
    const result = node.propose(text)
    this.#collect(node)
    return result
  }

  change(node: Node, change: MemberChange): ProposalResult {
    node.now = this.now
    this.#note(`node ${node.id} is asked for ${JSON.stringify(change)}`)
    const result = node.change(change)
    this.#collect(node)
    return result
  }

  read(node: Node): number {
    node.now = this.now
    this.#token += 1
    node.read(this.#token)
    this.#collect(node)
    return this.#token
  }

  /** True when every one of these nodes has applied the same entries, these texts among them. */
  agree(ids: readonly NodeId[] = [...this.nodes.keys()]): boolean {
    const nodes = ids.map(id => this.node(id))
    const last = nodes[0]!.status.last
    return nodes.every(node => {
      const own = node.status.last
      return own.index === last.index && own.term === last.term && node.applied === last.index
    })
  }

  texts(node: Node): string[] {
    const texts = node.state.filter(({ type }) => type === 'Text')
    return texts.map(({ data }) => new TextDecoder().decode(data))
  }
}

function running(): Process {
  return {
    persisting: false,
    draining: false,
    capturing: false,
    storing: false,
    accepting: null,
    pausedUntil: 0,
  }
}
