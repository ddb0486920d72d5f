import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { Consensus, type Leadership } from '../consensus/consensus.ts'
import { decodeEnvelope, encodeEnvelope } from '../consensus/message-codec.ts'
import { Peers } from '../consensus/peers.ts'
import { Replica } from '../controller/replica.ts'
import type { Clock } from '../io/clock.ts'
import type { Disk } from '../io/disk.ts'
import type { Network, Target } from '../io/network.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import type { RaftOptions } from '../raft/core.ts'
import type { Refusal } from '../raft/io.ts'

/** The world, as a metadata node sees it. The simulator brings its own. */
export type World = { readonly disk: Disk; readonly clock: Clock; readonly network: Network }

export type MetadataNodeOptions = {
  readonly raft: RaftOptions
  /** Of the log, in the data directory. */
  readonly folder: string
  /** The other metadata nodes. */
  readonly targets: readonly Target[]
  readonly segmentBytes?: number
}

export type MetadataNodeEvents = {
  changed(leadership: Leadership): void
  refused(refusal: Refusal): void
  connected(nodeId: number): void
  disconnected(nodeId: number, reason: string): void
  unreadable(from: number, reason: string): void
  tornWriteCut(torn: NonNullable<SegmentedLog['torn']>): void
  /** The node cannot go on; called once. */
  fatal(error: unknown): void
}

/** A metadata node but for its HTTP: log, Raft, peers and state machine, on whatever world it is given. */
export class MetadataNode {
  readonly consensus: Consensus
  readonly replica: Replica
  readonly #log: SegmentedLog
  readonly #peers: Peers
  readonly #events: MetadataNodeEvents

  /** Throws {@link DamagedLog} and what the disk throws. */
  static async open(
    options: MetadataNodeOptions,
    world: World,
    events: MetadataNodeEvents,
  ): Promise<MetadataNode> {
    const { id, uuid } = options.raft
    const log = await SegmentedLog.open({
      disk: world.disk,
      folder: join(options.folder, 'raft'),
      owner: `metadata-${id} ${uuid}`,
      ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    })
    if (log.torn !== null) events.tornWriteCut(log.torn)
    return new MetadataNode(options, world, events, log)
  }

  private constructor(
    options: MetadataNodeOptions,
    { clock, network }: World,
    events: MetadataNodeEvents,
    log: SegmentedLog,
  ) {
    this.#log = log
    this.#events = events
    this.replica = new Replica(clock)
    this.consensus = new Consensus(options.raft, {
      log,
      clock,
      stateMachine: this.replica,
      send: envelope => this.#peers.send(envelope.to, encodeEnvelope(envelope)),
      events,
    })
    this.#peers = new Peers(network, clock, options.targets, {
      frame: (from, bytes) => this.frame(from, bytes),
      connected: nodeId => {
        events.connected(nodeId)
        this.consensus.sendFailed(nodeId)
      },
      disconnected: (nodeId, reason) => {
        events.disconnected(nodeId, reason)
        this.consensus.sendFailed(nodeId)
      },
    })
  }

  /** Frames come from nodes that proved the cluster key; one that does not decode is a newer release, or a bug. */
  frame(from: number, bytes: Buffer): void {
    try {
      const envelope = decodeEnvelope(bytes)
      if (envelope.from === from) this.consensus.receive(envelope)
    } catch (error) {
      this.#events.unreadable(from, messageOf(error))
    }
  }

  /** Speaks to nobody any more; the log is still open. */
  stop(): void {
    this.consensus.stop()
    this.#peers.close()
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}
