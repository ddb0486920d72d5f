import type { Leadership } from '../../src/consensus/consensus.ts'
import type { AcceptedStream } from '../../src/consensus/peers.ts'
import type { SnapshotOptions } from '../../src/consensus/snapshots.ts'
import type { Target } from '../../src/io/network.ts'
import type { Refusal } from '../../src/raft/io.ts'
import type { RaftOptions } from '../../src/raft/options.ts'
import { MetadataNode, type MetadataNodeEvents } from '../../src/server/metadata-node.ts'
import { ProcessLife } from '../world/process-life.ts'
import type { Timeline } from '../world/timeline.ts'
import { type Lateness, VirtualClock } from '../world/virtual-clock.ts'
import type { Endpoint, VirtualNetwork } from '../world/virtual-network.ts'
import type { Machine } from './machine.ts'

export interface ProcessObserver {
  /** Something has reached the process. */
  touched(process: MetadataProcess): void
  opened(process: MetadataProcess): void
  /** Killed, or without power. */
  ended(process: MetadataProcess): void
  /** The node says that it cannot go on, or could not start: a real process would end here. */
  gaveUp(process: MetadataProcess, error: unknown): void
  changed(process: MetadataProcess, leadership: Leadership): void
  refused(process: MetadataProcess, refusal: Refusal): void
  unreadable(process: MetadataProcess, from: number, reason: string): void
  tornWriteCut(process: MetadataProcess): void
  lost(process: MetadataProcess, nodeId: number): void
  snapshot(process: MetadataProcess, what: 'taken' | 'installed' | 'failed' | 'damaged'): void
  slowDisk(process: MetadataProcess): void
  disconnected(process: MetadataProcess, nodeId: number, reason: string): void
}

/**
 * member: the newest committed configuration names it; former: some configuration did, or will if it is committed;
 * foreign: none did; unfounded: there is no cluster.
 */
export type DriveStanding = 'unfounded' | 'member' | 'former' | 'foreign'

export type ProcessParts = {
  readonly timeline: Timeline
  readonly network: VirtualNetwork
  readonly lateness: Lateness
  readonly raft: RaftOptions & SnapshotOptions
  readonly segmentBytes: number
  readonly newestProtocol: number
  readonly targets: readonly Target[]
  readonly observer: ProcessObserver
  /** What the log says of the drive that the process runs on. */
  readonly standing: () => DriveStanding
}

/** One run of a real metadata node, from start to end, in the virtual world. */
export class MetadataProcess implements Endpoint {
  readonly nodeId: number
  readonly machine: Machine
  readonly life: ProcessLife
  readonly clock: VirtualClock
  readonly #parts: ProcessParts
  node: MetadataNode | null = null
  /** A write or sync of its log has failed: from now on it may say nothing more. */
  hasFailedDisk = false
  /** A fault of the disk came its way: it may end for that. */
  hasMetFault = false
  led = false
  /** It was told to stop, and only ends its writes. */
  isStopping = false
  #proposedAt = -1
  /** How often its drive had been read when the node was open. */
  readsAtOpen = 0

  constructor(machine: Machine, parts: ProcessParts) {
    this.nodeId = machine.id
    this.machine = machine
    this.#parts = parts
    this.life = new ProcessLife(() => parts.observer.touched(this))
    this.clock = new VirtualClock(parts.timeline, machine.clock, this.life, machine.chance, parts.lateness)
  }

  get standing(): DriveStanding {
    return this.#parts.standing()
  }

  /** A client has just proposed something. */
  proposed(): void {
    this.#proposedAt = this.clock.idleRuns
  }

  /** The loop has not turned since. */
  get hasNewProposals(): boolean {
    return this.#proposedAt === this.clock.idleRuns
  }

  get newestProtocol(): number {
    return this.#parts.newestProtocol
  }

  get listens(): boolean {
    return this.node !== null
  }

  start(): void {
    const { observer, network, raft, targets, segmentBytes } = this.#parts
    const disk = this.machine.drive.attach(this.life)
    network.started(this)
    const options = { raft, folder: '/data', targets, segmentBytes, freeBytesMin: 0 }
    const world = { disk, clock: this.clock, network: network.of(this) }
    const opened = (node: MetadataNode): void => {
      if (!this.life.alive) return
      this.node = node
      observer.opened(this)
    }
    this.life.enter('call', () => {
      MetadataNode.open(options, world, this.#events()).then(opened, error => observer.gaveUp(this, error))
    })
  }

  #events(): MetadataNodeEvents {
    const { observer } = this.#parts
    return {
      changed: leadership => observer.changed(this, leadership),
      refused: refusal => observer.refused(this, refusal),
      connected: () => {},
      disconnected: (nodeId, reason) => observer.disconnected(this, nodeId, reason),
      unreadable: (from, reason) => observer.unreadable(this, from, reason),
      tornWriteCut: () => observer.tornWriteCut(this),
      lost: nodeId => observer.lost(this, nodeId),
      snapshotTaken: () => observer.snapshot(this, 'taken'),
      snapshotInstalled: () => observer.snapshot(this, 'installed'),
      snapshotFailed: () => observer.snapshot(this, 'failed'),
      snapshotDamaged: () => observer.snapshot(this, 'damaged'),
      slowDisk: () => observer.slowDisk(this),
      lowDisk: () => {},
      roomAgain: () => {},
      fatal: error => observer.gaveUp(this, error),
    }
  }

  // What others send; one line each, as the server hands it on.

  frame(from: number, bytes: Buffer): void {
    this.node?.frame(from, bytes)
  }

  streamOpened(from: number, stream: AcceptedStream): void {
    this.node?.streamOpened(from, stream)
  }

  streamClosed(from: number, stream: AcceptedStream): void {
    this.node?.streamClosed(from, stream)
  }
}
