import type { Context } from '../../src/api/context.ts'
import { alterPartitions } from '../../src/api/metadata/alter-partitions.ts'
import { brokers } from '../../src/api/metadata/brokers.ts'
import { controller } from '../../src/api/metadata/controller.ts'
import { createTopic } from '../../src/api/metadata/create-topic.ts'
import { deleteTopic } from '../../src/api/metadata/delete-topic.ts'
import { drain } from '../../src/api/metadata/drain.ts'
import { elections } from '../../src/api/metadata/elections.ts'
import { heartbeat } from '../../src/api/metadata/heartbeat.ts'
import { isrStatusBatch } from '../../src/api/metadata/isr-status-batch.ts'
import { moveThrottle } from '../../src/api/metadata/move-throttle.ts'
import { partitions } from '../../src/api/metadata/partitions.ts'
import { reassignments } from '../../src/api/metadata/reassignments.ts'
import { rebalance } from '../../src/api/metadata/rebalance.ts'
import { sync } from '../../src/api/metadata/sync.ts'
import { origin, SNAPSHOT_PATH } from '../../src/api/metadata/sync-snapshot.ts'
import { updateTopic } from '../../src/api/metadata/update-topic.ts'
import { SessionDoors } from '../../src/api/session-doors.ts'
import { encodePieces } from '../../src/base/piece-stream.ts'
import type { Leadership } from '../../src/consensus/consensus.ts'
import { BrokerLinks } from '../../src/controller/broker-links.ts'
import { Controller } from '../../src/controller/controller.ts'
import type { ControllerEvents } from '../../src/controller/events.ts'
import type { ClusterKey } from '../../src/io/cluster-key.ts'
import { BrokerSessions } from '../../src/server/broker-sessions.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import type { ProcessLife } from '../world/process-life.ts'
import { metadataUrl } from './addresses.ts'
import type { BrokerPlan } from './plan.ts'
import { Routes } from './routes.ts'
import { VirtualHttp } from './virtual-http.ts'
import { asUpgrade, type Offer, offerNetwork } from './virtual-sessions.ts'
import type { Answer, Request, Site, Wire } from './wire.ts'

const ENDPOINTS = [
  alterPartitions,
  brokers,
  controller,
  createTopic,
  deleteTopic,
  drain,
  elections,
  heartbeat,
  isrStatusBatch,
  partitions,
  reassignments,
  moveThrottle,
  rebalance,
  sync,
  updateTopic,
]
const WRITE_TIMEOUT_MS = 10_000

export type DeskParts = {
  readonly wire: Wire
  readonly plan: BrokerPlan
  readonly key: ClusterKey
  readonly events: ControllerEvents
  /** A request arrives. */
  readonly asked: (from: number, to: number, request: Request) => void
  /** An answer that is a bug of ours. */
  readonly onBug: (error: unknown) => void
}

/**
 * What `server/metadata-server.ts` adds to a metadata node: the real controller, sessions and endpoints, on the virtual
 * clock and wire.
 */
export class ControllerDesk implements Site {
  readonly process: MetadataProcess
  readonly controller: Controller
  /** Since when it is the controller, by the time of the world. */
  reignsSince = 0
  readonly #links = new BrokerLinks()
  readonly #sessions: BrokerSessions
  readonly #routes: Routes
  readonly #context: Context
  readonly #wire: Wire
  readonly #asked: DeskParts['asked']

  constructor(process: MetadataProcess, { wire, plan, key, events, asked, onBug }: DeskParts) {
    this.process = process
    this.#wire = wire
    this.#asked = asked
    const { consensus, replica } = process.node!
    const { clock, nodeId, machine } = process
    const http = new VirtualHttp(wire, this).client
    const links = this.#links
    const doors = new SessionDoors()
    const parts = { key, links, consensus, replica }
    this.#sessions = new BrokerSessions({ ...parts, doors, log: () => {}, network: offerNetwork })
    const chance = machine.chance.fork()
    this.controller = new Controller(
      { nodeId, url: metadataUrl(nodeId), ...plan.controller },
      { ...parts, clock, http, events, random: { fraction: chance.fraction, uuid: () => chance.uuid() } },
    )
    this.#context = {
      ...parts,
      nodeId,
      clock,
      http,
      doors,
      controller: this.controller,
      urlOf: metadataUrl,
      timeoutMs: WRITE_TIMEOUT_MS,
      oldestProtocol: () => null,
    }
    this.#routes = new Routes('/api/v1/metadata', onBug)
    doors.configure({ onBug })
    for (const endpoint of ENDPOINTS) endpoint(this.#routes.app, this.#context)
    this.changed(consensus.leadership)
  }

  get nodeId(): number {
    return this.process.nodeId
  }

  get life(): ProcessLife {
    return this.process.life
  }

  get listens(): boolean {
    return !this.process.isStopping
  }

  /** In the order of the server. */
  changed(leadership: Leadership): void {
    this.#sessions.leadershipChanged(leadership)
    const before = this.controller.reignOrNull
    this.controller.leadershipChanged(leadership)
    if (this.controller.reignOrNull !== before) this.reignsSince = this.#wire.timeline.now
  }

  /** As the server does before it stops its node. */
  stop(): void {
    this.controller.stop()
    this.#links.closeAll('the metadata node is stopping')
  }

  acceptSession(offer: Offer): void {
    this.#sessions.accept(...asUpgrade(offer))
  }

  serve(from: number, request: Request): Promise<Answer> {
    this.#asked(from, this.nodeId, request)
    return request.path.startsWith(SNAPSHOT_PATH) ? this.#snapshot() : this.#routes.answer(request)
  }

  /** The image stands still while it is read, whatever is written meanwhile. */
  async #snapshot(): Promise<Answer> {
    const { replica, clock } = this.#context
    const { version, stateHash } = replica.image
    const { clusterId, recoveryEpoch } = origin(this.#context)
    const head = { clusterId, recoveryEpoch, version, stateHash }
    const chunks: Buffer[] = []
    for (const bytes of encodePieces(head, replica.captureImage())) {
      chunks.push(bytes)
      await new Promise<void>(resolve => clock.afterPending(resolve))
    }
    return { status: 200, body: chunks }
  }
}
