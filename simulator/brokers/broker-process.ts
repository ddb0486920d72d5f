import { SessionDoors } from '../../src/api/session-doors.ts'
import { storageMetadata } from '../../src/api/storage/metadata.ts'
import { storageStatus } from '../../src/api/storage/status.ts'
import type { StorageContext } from '../../src/api/storage-context.ts'
import { StorageNode } from '../../src/broker/broker.ts'
import type { BrokerEvents } from '../../src/broker/events.ts'
import { MetadataClient } from '../../src/broker/metadata-client.ts'
import type { ClusterKey } from '../../src/io/cluster-key.ts'
import type { Image } from '../../src/metadata/image.ts'
import { CleanStop } from '../../src/server/clean-stop.ts'
import { Violation } from '../invariants/violation.ts'
import { ProcessLife } from '../world/process-life.ts'
import type { Timeline } from '../world/timeline.ts'
import { type Lateness, VirtualClock } from '../world/virtual-clock.ts'
import { hostOf, metadataUrl, STORAGE_PORT } from './addresses.ts'
import { type BrokerMachine, DATA_FOLDER } from './broker-machine.ts'
import type { FetchAnswer, ReplicaObserver } from './partition-replica.ts'
import type { BrokerPlan } from './plan.ts'
import { type FetchBody, Replicas } from './replicas.ts'
import { Routes } from './routes.ts'
import { VirtualHttp } from './virtual-http.ts'
import { VirtualDialer } from './virtual-sessions.ts'
import { WatchedCopy } from './watched-copy.ts'
import type { Answer, Request, Site, Wire } from './wire.ts'

export type BrokerProcessParts = {
  readonly timeline: Timeline
  readonly wire: Wire
  readonly plan: BrokerPlan
  readonly lateness: Lateness
  readonly key: ClusterKey
  readonly metadataIds: readonly number[]
  readonly events: BrokerEvents
  readonly observer: ReplicaObserver
  readonly copied: (brokerId: number, version: number, hash: string) => void
  readonly onBug: (error: unknown) => void
}

const FETCH_PATH = '/fetch'
export const PRODUCE_PATH = '/produce'
const FETCH_TIMEOUT_MS = 500

/**
 * One run of a storage node: the real one for all that has to do with metadata, and replicas with logs, which it does not
 * have yet. Assembled as `server/storage-server.ts` does it.
 */
export class BrokerProcess implements Site {
  readonly machine: BrokerMachine
  readonly life: ProcessLife
  readonly clock: VirtualClock
  readonly copy: WatchedCopy
  readonly replicas: Replicas
  readonly node: StorageNode
  readonly #parts: BrokerProcessParts
  readonly #cleanStop: CleanStop
  readonly incarnationId: string
  /** Its machine holds all that the processes before it had. */
  readonly foundAll: boolean
  readonly #routes: Routes
  listens = false
  isStopping = false

  constructor(machine: BrokerMachine, parts: BrokerProcessParts) {
    const { timeline, wire, plan, lateness, key, metadataIds, events, observer, copied, onBug } = parts
    const { id, chance } = machine
    this.machine = machine
    this.#parts = parts
    this.life = new ProcessLife()
    this.clock = new VirtualClock(timeline, machine.clock, this.life, chance, lateness)
    const changed = ({ version, stateHash }: Image): void => {
      if (!this.life.alive) return
      copied(id, version, stateHash)
      this.replicas.changed()
    }
    this.copy = new WatchedCopy(changed, why => onBug(new Violation('B4', `broker ${id} ${why}`)))
    this.replicas = new Replicas({
      ...plan,
      brokerId: id,
      logs: machine.logs,
      clock: this.clock,
      observer,
      brokerEpoch: () => this.node.brokerEpoch,
      image: () => this.copy.image,
      fetch: (leader, body) => this.#fetch(leader, body),
    })
    this.#cleanStop = new CleanStop(machine.disk, DATA_FOLDER)
    const proof = this.#cleanStop.take()
    const fresh = chance.uuid()
    this.incarnationId = proof?.incarnationId ?? fresh
    this.foundAll = machine.holdsAll
    if ((proof !== null) !== machine.holdsAll)
      onBug(
        new Violation(
          'B8',
          `broker ${id} finds ${proof === null ? 'no' : 'a'} proof of a clean stop after ${machine.holdsAll ? 'one' : 'none'}`,
        ),
      )
    machine.holdsAll = false
    const nodes = metadataIds.map(nodeId => ({ id: nodeId, url: metadataUrl(nodeId) }))
    const doors = new SessionDoors()
    doors.configure({ onBug })
    this.node = new StorageNode(
      {
        brokerId: id,
        host: hostOf(id),
        port: STORAGE_PORT,
        rack: machine.rack,
        incarnationId: this.incarnationId,
        previousBrokerEpoch: proof?.brokerEpoch ?? null,
        pairedMetadataServiceId: chance.pick([null, chance.pick(metadataIds)]),
        heartbeatIntervalMs: plan.heartbeatMs,
        folder: DATA_FOLDER,
      },
      {
        client: new MetadataClient(nodes, new VirtualHttp(wire, this).client),
        dialer: new VirtualDialer(wire, this, plan.stuckMs),
        respond: (name, body) => doors.answer(name, body, null),
        disk: machine.disk,
        clock: this.clock,
        events,
        copy: this.copy,
        isrs: session => this.replicas.use(session),
      },
    )
    this.#routes = new Routes('/api/v1/storage', onBug)
    const context: StorageContext = { broker: this.node, key, clock: this.clock, doors }
    storageMetadata(this.#routes.app, context)
    storageStatus(this.#routes.app, context)
  }

  get nodeId(): number {
    return this.machine.id
  }

  start(): void {
    this.life.enter('call', () => {
      void this.node.load().then(() => {
        if (!this.life.alive) return
        this.listens = true
        this.node.start()
        this.replicas.start()
        this.#flush()
      })
    })
  }

  #flush(): void {
    const { flushMs } = this.#parts.plan
    if (flushMs === null) return
    this.clock.timer(flushMs, () => {
      this.machine.flush()
      this.#flush()
    })
  }

  /** As a service is stopped: the proof of a clean stop is the very last thing. */
  stop(stopped: () => void): void {
    this.isStopping = true
    this.life.enter('call', () => {
      void this.node.stop().then(() => {
        if (!this.life.alive) return
        this.listens = false
        this.replicas.stop()
        this.machine.flush()
        const { brokerEpoch } = this.node
        this.#cleanStop.note(brokerEpoch, this.incarnationId)
        this.machine.holdsAll = brokerEpoch !== null || this.foundAll
        stopped()
      })
    })
  }

  async #fetch(leader: number, body: FetchBody): Promise<readonly FetchAnswer[]> {
    const request = { method: 'POST', path: FETCH_PATH, body }
    const answer = await this.#parts.wire.call(this, leader, request, FETCH_TIMEOUT_MS)
    return answer.body as FetchAnswer[]
  }

  serve(_from: number, request: Request): Promise<Answer> {
    if (request.path === FETCH_PATH)
      return Promise.resolve({ status: 200, body: this.replicas.fetched(request.body as FetchBody) })
    if (request.path === PRODUCE_PATH) return this.#produce(request.body as { key: string; value: number })
    return this.#routes.answer(request)
  }

  #produce({ key, value }: { key: string; value: number }): Promise<Answer> {
    return new Promise(resolve => {
      const done = (acknowledged: boolean, offset: number): void =>
        resolve({ status: acknowledged ? 200 : 504, body: { offset, epoch } })
      const replica = this.replicas.of(key)
      const epoch = replica?.epoch ?? -1
      if (replica?.append(value, done) !== true) resolve({ status: 503, body: null })
    })
  }
}
