import { DmqError, messageOf } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { HttpAnswer } from '../io/http-client.ts'
import type { Partition } from '../metadata/partition-table.ts'
import type { ImageView } from '../metadata/render.ts'
import type { BrokerEvents } from './events.ts'
import { isrExpansions } from './isr-expansion.ts'
import { BrokerMeasures } from './measures.ts'
import { failureOf, type MetadataClient } from './metadata-client.ts'
import {
  type Delta,
  type KnownController,
  MetadataCopy,
  type Outcome,
  type StorageUpdate,
} from './metadata-copy.ts'

export type StorageNodeOptions = {
  readonly brokerId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  /** Random, new with every process start. */
  readonly incarnationId: string
  /** The epoch that the last process of this broker held when it stopped cleanly; null if it did not. */
  readonly previousBrokerEpoch: number | null
  /** Which metadata node to pull from first. */
  readonly pairedMetadataServiceId: number | null
  readonly heartbeatIntervalMs: number
}

export type StorageNodeParts = {
  readonly client: MetadataClient
  readonly clock: Clock
  readonly events: BrokerEvents
}

const RETRY_MS = 200
const REQUEST_TIMEOUT_MS = 3_000

/**
 * The door of the room: a storage node. It finds the controller, registers, heartbeats, and keeps a copy of the metadata
 * from pushes and pulls. One loop; pushes only change the copy, and wake the loop when they leave a gap.
 */
export class StorageNode {
  readonly #options: StorageNodeOptions
  readonly #parts: StorageNodeParts
  readonly #copy = new MetadataCopy()
  readonly measures = new BrokerMeasures()
  #brokerEpoch: number | null = null
  #status = 'STARTING'
  #pulling: Promise<void> | null = null
  #timer: Timer | null = null
  #stopping = false
  #lastRefusal = ''
  #expanding = false
  #turning = false

  constructor(options: StorageNodeOptions, parts: StorageNodeParts) {
    this.#options = options
    this.#parts = parts
  }

  get brokerEpoch(): number | null {
    return this.#brokerEpoch
  }

  get metadataVersion(): number {
    return this.#copy.image.version
  }

  start(): void {
    this.#wake(0)
  }

  /** Tells the controller, so that leaders move before the process is gone. Gives up when nobody answers. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#timer?.cancel()
    const { controller } = this.#copy
    if (controller === null || controller.url === '' || this.#brokerEpoch === null) return
    await this.#heartbeat(controller, true).catch(() => {})
  }

  /** The controller's push. */
  receiveUpdate(update: StorageUpdate): {
    success: boolean
    version: number
    stateHash: string
    gap: boolean
  } {
    if (!this.#copy.isOurs(update.clusterId)) {
      throw new DmqError(
        'CLUSTER_ID_MISMATCH',
        `this storage node belongs to cluster ${this.#copy.clusterId}, the update is of cluster ${update.clusterId}`,
      )
    }
    const current = this.#heard({
      id: update.controllerId,
      url: update.controllerUrl,
      term: update.controllerTerm,
    })
    const outcome = current ? this.#take(update) : 'stale'
    this.measures.pushes[outcome] += 1
    const gap = outcome === 'gap' || outcome === 'diverged'
    if (gap) void this.#pull(outcome === 'diverged')
    const { version, stateHash } = this.#copy.image
    return { success: current && !gap, version, stateHash, gap }
  }

  #take(update: StorageUpdate): Outcome {
    const before = this.metadataVersion
    // CONTROLLER_CHANGED is a delta without commands: its version and hash tell whether something is missing or wrong.
    const outcome =
      update.updateType === 'FULL_SNAPSHOT' && update.snapshot !== undefined
        ? this.#copy.applySnapshot(update.clusterId, update.recoveryEpoch, update.snapshot)
        : this.#copy.applyDelta(update)
    if (this.metadataVersion > before) {
      this.#parts.events.metadata({ version: this.metadataVersion, by: 'push' })
      void this.#expandIsrs()
    }
    return outcome
  }

  /** Returns false when the message is of an older term. */
  #heard(controller: KnownController): boolean {
    const before = this.#copy.controller
    if (!this.#copy.heardController(controller)) return false
    if (before?.term === controller.term && before.url === controller.url) return true
    this.#parts.events.controllerFound({
      controllerId: controller.id,
      url: controller.url,
      term: controller.term,
    })
    this.#wake(0)
    return true
  }

  // The loop.

  #wake(delayMs: number): void {
    if (this.#stopping) return
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.timer(delayMs, () => void this.#turn())
  }

  /** One turn: find the controller if it is unknown, register if that is due, else heartbeat. Never throws. */
  async #turn(): Promise<void> {
    if (this.#turning) return
    this.#turning = true
    const controller = await this.#currentController()
    try {
      if (controller !== null && this.#brokerEpoch === null) await this.#register(controller)
      if (controller !== null && this.#brokerEpoch !== null) await this.#heartbeat(controller, false)
    } catch (error) {
      this.#lost(controller, messageOf(error))
    }
    this.#turning = false
    const settled = this.#brokerEpoch !== null && this.#status === 'ONLINE' && this.#knowsController()
    this.#wake(settled ? this.#options.heartbeatIntervalMs : RETRY_MS)
  }

  #knowsController(): boolean {
    const { controller } = this.#copy
    return controller !== null && controller.url !== ''
  }

  async #currentController(): Promise<KnownController | null> {
    const { controller } = this.#copy
    if (controller !== null && controller.url !== '') return controller
    const found = await this.#parts.client.findController()
    if (found !== null) this.#heard(found)
    return found
  }

  /** Who did not answer is forgotten, unless a push has named another controller in the meantime. */
  #lost(asked: KnownController | null, reason: string): void {
    if (asked === null || this.#copy.controller?.url !== asked.url) return
    this.#parts.events.controllerLost({ url: asked.url, reason })
    this.#copy.forgetController()
  }

  async #register({ url }: KnownController): Promise<void> {
    const { brokerId, host, port, rack, incarnationId, previousBrokerEpoch, pairedMetadataServiceId } =
      this.#options
    const body = {
      brokerId,
      host,
      port,
      rack,
      incarnationId,
      ...(previousBrokerEpoch === null ? {} : { previousBrokerEpoch }),
      ...(pairedMetadataServiceId === null ? {} : { pairedMetadataServiceId }),
    }
    const answer = await this.#post(`${url}/api/v1/metadata/brokers`, body)
    if (answer.status === 200 || answer.status === 201) {
      this.#brokerEpoch = (answer.body as { brokerEpoch: number }).brokerEpoch
      this.#lastRefusal = ''
      this.#parts.events.registered({ brokerId, brokerEpoch: this.#brokerEpoch })
      return
    }
    const failure = failureOf(answer)
    if (answer.status === 503) throw new Error(failure.message)
    if (this.#lastRefusal !== failure.code) this.#parts.events.registrationRefused(failure)
    this.#lastRefusal = failure.code
  }

  async #heartbeat(controller: KnownController, wantShutdown: boolean): Promise<void> {
    const { brokerId } = this.#options
    const body = {
      brokerId,
      timestamp: this.#parts.clock.epoch(),
      metadataVersion: this.metadataVersion,
      brokerEpoch: this.#brokerEpoch,
      ...(wantShutdown ? { wantShutdown } : {}),
    }
    const answer = await this.#timedBeat(`${controller.url}/api/v1/metadata/heartbeat/${brokerId}`, body)
    if (answer.status === 404 || answer.status === 409) {
      // Unregistered, or registered again by somebody else: the next turn registers anew.
      this.#brokerEpoch = null
      return
    }
    if (answer.status !== 200) throw new Error(failureOf(answer).message)
    const { brokerStatus, currentVersion } = answer.body as { brokerStatus: string; currentVersion: number }
    const news = brokerStatus !== this.#status && (brokerStatus === 'ONLINE' || this.#status === 'ONLINE')
    if (news) this.#parts.events.status({ brokerId, status: brokerStatus })
    this.#status = brokerStatus
    if (currentVersion > this.metadataVersion && !wantShutdown) await this.#pull(false)
    void this.#expandIsrs()
  }

  async #timedBeat(url: string, body: object): Promise<HttpAnswer> {
    const { clock } = this.#parts
    const sentAt = clock.monotonic()
    try {
      const answer = await this.#post(url, body)
      this.measures.heartbeatAnswered(answer.status, clock.monotonic() - sentAt)
      return answer
    } catch (error) {
      this.measures.heartbeats.failed += 1
      throw error
    }
  }

  /** Brings replicas that caught up back into the ISRs of the partitions that this node leads. */
  async #expandIsrs(): Promise<void> {
    const { controller, image } = this.#copy
    if (
      this.#expanding ||
      this.#stopping ||
      this.#status !== 'ONLINE' ||
      controller === null ||
      controller.url === ''
    )
      return
    const { brokerId } = this.#options
    const changes = isrExpansions(image, brokerId)
    if (changes.length === 0) return
    this.#expanding = true
    try {
      // What is refused was out of date; newer metadata is on its way, and brings us here again.
      await this.#post(`${controller.url}/api/v1/metadata/partitions/alter`, {
        brokerId,
        brokerEpoch: this.#brokerEpoch,
        changes,
      })
    } catch {
      // A controller that does not answer is noticed, and told, by the next heartbeat.
    } finally {
      this.#expanding = false
    }
  }

  #post(url: string, body: object) {
    return this.#parts.client.send({
      method: 'POST',
      url,
      body: JSON.stringify(body),
      timeoutMs: REQUEST_TIMEOUT_MS,
    })
  }

  // Pulling.

  /** One pull at a time. `whole`: what is here disagrees with the controller, and is replaced. */
  #pull(whole: boolean): Promise<void> {
    this.#pulling ??= this.#pullFromAny(whole).finally(() => {
      this.#pulling = null
    })
    return this.#pulling
  }

  async #pullFromAny(whole: boolean): Promise<void> {
    for (const url of this.#pullOrder()) {
      try {
        await this.#pullFrom(url, whole)
        return
      } catch (error) {
        this.measures.pulls.failed += 1
        this.#parts.events.metadataRefused({ reason: `${url}: ${messageOf(error)}` })
      }
    }
  }

  /** The paired node first, then the controller, then whoever is left. */
  #pullOrder(): string[] {
    const paired = this.#parts.client.nodes.find(
      ({ id }) => id === this.#options.pairedMetadataServiceId,
    )?.url
    const others = this.#parts.client.nodes.map(({ url }) => url)
    const order = [paired, this.#copy.controller?.url, ...others].filter(
      url => url !== undefined && url !== '',
    )
    return [...new Set(order as string[])]
  }

  async #pullFrom(url: string, whole: boolean): Promise<void> {
    const before = this.metadataVersion
    if (!whole && this.#copy.clusterId !== null && (await this.#pullDelta(url)) === 'applied') {
      this.measures.pulls.delta += 1
      if (this.metadataVersion > before)
        this.#parts.events.metadata({ version: this.metadataVersion, by: 'pull' })
      return
    }
    const answer = await this.#get(`${url}/api/v1/metadata/sync`)
    const { clusterId, recoveryEpoch, ...view } = answer as ImageView & {
      clusterId: string | null
      recoveryEpoch: number
    }
    if (clusterId === null) throw new Error('it belongs to no cluster yet')
    if (!this.#copy.isOurs(clusterId))
      throw new Error(`it belongs to cluster ${clusterId}, this node to ${this.#copy.clusterId}`)
    if (this.#copy.applySnapshot(clusterId, recoveryEpoch, view) === 'applied') {
      this.measures.pulls.snapshot += 1
      this.#parts.events.metadata({ version: this.metadataVersion, by: 'snapshot' })
    }
  }

  async #pullDelta(url: string): Promise<Outcome> {
    const answer = (await this.#get(`${url}/api/v1/metadata/sync?since=${this.metadataVersion}`)) as Delta & {
      snapshot?: string
    }
    return answer.snapshot === undefined ? this.#copy.applyDelta(answer) : 'gap'
  }

  async #get(url: string): Promise<unknown> {
    const answer = await this.#parts.client.send({ method: 'GET', url, timeoutMs: 10 * REQUEST_TIMEOUT_MS })
    if (answer.status !== 200) throw new Error(failureOf(answer).message)
    return answer.body
  }

  // What this node says of itself.

  status() {
    return { ...this.summary(), partitions: this.#partitions() }
  }

  /** The same without its partitions. */
  summary() {
    const { brokerId, incarnationId, host, port, rack } = this.#options
    const { image, controller, clusterId } = this.#copy
    return {
      brokerId,
      incarnationId,
      host,
      port,
      rack,
      clusterId,
      brokerEpoch: this.#brokerEpoch,
      status: this.#status,
      metadataVersion: image.version,
      stateHash: image.stateHash,
      controller:
        controller === null
          ? null
          : { controllerId: controller.id, url: controller.url, term: controller.term },
    }
  }

  /** Partitions that this node leads, and all that it has a replica of. */
  get partitionCounts(): { leaders: number; replicas: number } {
    return this.#copy.image.countsOf(this.#options.brokerId)
  }

  /** Storage nodes hold no records yet: their logs are empty, and say so. */
  #partitions() {
    const { image } = this.#copy
    return image.rowsWithReplicaOn(this.#options.brokerId).map(row => {
      const partition = image.partition(row)
      const topic = image.topicById(partition.topicId)!.name
      const { id, leader, leaderEpoch } = partition
      return {
        topic,
        partition: id,
        role: this.#roleIn(partition),
        leader,
        leaderEpoch,
        leo: 0,
        highWatermark: 0,
        lag: 0,
      }
    })
  }

  #roleIn({ leader }: Partition): 'LEADER' | 'FOLLOWER' {
    return leader === this.#options.brokerId ? 'LEADER' : 'FOLLOWER'
  }

  readiness(): { ready: boolean; reasons: string[] } {
    const reasons: string[] = []
    if (this.#copy.controller === null || this.#copy.controller.url === '')
      reasons.push('no controller is known')
    if (this.#brokerEpoch === null) reasons.push('not registered')
    else if (this.#status !== 'ONLINE') reasons.push(`status is ${this.#status}`)
    return { ready: reasons.length === 0, reasons }
  }
}
