import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { Consensus, type ConsensusEvents } from '../consensus/consensus.ts'
import { decodeEnvelope } from '../consensus/message-codec.ts'
import { type AcceptedStream, Peers } from '../consensus/peers.ts'
import { restore } from '../consensus/restore.ts'
import type { SnapshotOptions } from '../consensus/snapshots.ts'
import { Replica } from '../controller/replica.ts'
import type { Clock } from '../io/clock.ts'
import type { Disk } from '../io/disk.ts'
import type { Network, Target } from '../io/network.ts'
import type { Log } from '../log/log.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import { SnapshotStore } from '../log/snapshot-store.ts'
import type { RaftOptions, Restored } from '../raft/options.ts'
import { type Configuration, membersOf } from '../raft/voters.ts'
import { LossRehearsal } from './loss-rehearsal.ts'
import { RoomWatch } from './room-watch.ts'

/** The world, as a metadata node sees it. The simulator brings its own. */
export type World = { readonly disk: Disk; readonly clock: Clock; readonly network: Network }

export type MetadataNodeOptions = {
  readonly raft: RaftOptions & SnapshotOptions
  /** Of the log, in the data directory. */
  readonly folder: string
  /** Where the other metadata nodes are, as the configuration file says it. */
  readonly targets: readonly Target[]
  readonly segmentBytes?: number
  /** Of the newest commands, kept for who asks what changed. */
  readonly changeRingBytes?: number
  /** Proposals are refused while less is free on the disk. */
  readonly freeBytesMin: number
  /** Of a log that is kept elsewhere than in segments. */
  readonly openLog?: () => Promise<Log>
}

export type MetadataNodeEvents = Omit<ConsensusEvents, 'membersChanged'> & {
  connected(nodeId: number): void
  disconnected(nodeId: number, reason: string): void
  unreadable(from: number, reason: string): void
  /** The process of a node was found to be gone. */
  lost(nodeId: number): void
  tornWriteCut(torn: NonNullable<SegmentedLog['torn']>): void
  /** There is too little room left; proposals are refused until there is more. */
  lowDisk(bytes: number, least: number): void
  roomAgain(): void
  /** The members changed, as this node's own log says. */
  members?(configuration: Configuration): void
  /** A snapshot on this disk is damaged; an older one serves. */
  snapshotDamaged(reason: string): void
}

/** A metadata node but for its HTTP: log, Raft, peers and state machine, on whatever world it is given. */
export class MetadataNode {
  readonly consensus: Consensus
  readonly replica: Replica
  readonly #log: Log
  readonly #rehearsal: LossRehearsal
  readonly #peers: Peers
  readonly #events: MetadataNodeEvents
  readonly room: RoomWatch

  /** Throws {@link DamagedLog} and what the disk throws. */
  static async open(
    options: MetadataNodeOptions,
    world: World,
    events: MetadataNodeEvents,
  ): Promise<MetadataNode> {
    const log = await (options.openLog?.() ?? openSegments(options, world, events))
    const store = new SnapshotStore(world.disk, join(options.folder, 'snapshots'))
    const { snapshotBytesMin } = options.raft
    const replica = new Replica(world.clock, {
      // So little of what is between two snapshots that the history never decides when the next one is due.
      savedHistoryBytes: snapshotBytesMin / 4,
      ...(options.changeRingBytes === undefined ? {} : { ringBytes: options.changeRingBytes }),
    })
    const { restored, damaged } = await restore(log, store, replica, options.raft.tailBytesMax)
    for (const reason of damaged) events.snapshotDamaged(reason)
    return new MetadataNode(options, world, events, { log, store, replica, restored })
  }

  private constructor(
    options: MetadataNodeOptions,
    { disk, clock, network }: World,
    events: MetadataNodeEvents,
    { log, store, replica, restored }: Recovered,
  ) {
    this.room = new RoomWatch(options, { disk, clock }, events, reason =>
      this.consensus.refuseProposals(reason),
    )
    this.#log = log
    this.#events = events
    this.replica = replica
    this.#rehearsal = new LossRehearsal(replica, clock)
    const membersChanged = (members: Configuration): void => {
      this.#peers.setTargets(targetsOf(members, options))
      events.members?.(members)
    }
    this.consensus = new Consensus(options.raft, restored, {
      log,
      store,
      clock,
      stateMachine: replica,
      send: envelope => this.#peers.send(envelope),
      events: { ...events, membersChanged },
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
      lost: nodeId => {
        events.lost(nodeId)
        this.consensus.peerLost(nodeId)
      },
    })
  }

  /** A node has opened a stream to this one, and proved the cluster key. */
  streamOpened(from: number, stream: AcceptedStream): void {
    this.#peers.streamOpened(from, stream)
  }

  streamClosed(from: number, stream: AcceptedStream): void {
    this.#peers.streamClosed(from, stream)
  }

  /** The stream to that node is open. */
  isConnected(nodeId: number): boolean {
    return this.#peers.isConnected(nodeId)
  }

  /** The oldest protocol that a connected node speaks. */
  get oldestProtocol(): number | null {
    return this.#peers.oldestProtocol()
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
    this.room.stop()
    this.#rehearsal.stop()
    this.consensus.stop()
    this.#peers.close()
  }

  /** After a stop: resolves when nothing in the data directory is touched any more. */
  async close(): Promise<void> {
    await this.consensus.close()
    await this.#log.close()
  }
}

async function openSegments(
  { raft, folder, segmentBytes }: MetadataNodeOptions,
  { disk }: World,
  events: MetadataNodeEvents,
): Promise<Log> {
  const log = await SegmentedLog.open({
    disk,
    folder: join(folder, 'raft'),
    owner: `metadata-${raft.id} ${raft.uuid}`,
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
  })
  if (log.torn !== null) events.tornWriteCut(log.torn)
  return log
}

type Recovered = {
  readonly log: Log
  readonly store: SnapshotStore
  readonly replica: Replica
  readonly restored: Restored
}

/** Everybody else: those of the configuration file, and members that it does not name, where the log says they are. */
function targetsOf(members: Configuration, { raft, targets }: MetadataNodeOptions): Target[] {
  const recorded = membersOf(members).flatMap(({ id, host, port }) =>
    id === raft.id || host === undefined || port === undefined ? [] : [{ nodeId: id, host, port }],
  )
  const byId = new Map([...recorded, ...targets].map(target => [target.nodeId, target]))
  return [...byId.values()]
}
