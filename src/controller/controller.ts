import { DmqError } from '../base/errors.ts'
import type { Consensus, Leadership } from '../consensus/consensus.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { ClusterKey } from '../io/cluster-key.ts'
import type { HttpClient } from '../io/http-client.ts'
import type { Random } from '../io/random.ts'
import type { Broker, BrokerRegistration } from '../metadata/broker.ts'
import { type Command, encodeCommand } from '../metadata/command.ts'
import { PARTITIONS_PER_REQUEST_MAX } from '../metadata/commands/create-topic.ts'
import { isRepeat } from '../metadata/commands/register-broker.ts'
import type { IsrChange } from '../metadata/commands/update-isr.ts'
import type { Plan } from '../metadata/decision.ts'
import { type Idempotency, replay } from '../metadata/idempotency.ts'
import { type Applied, preview } from '../metadata/metadata.ts'
import type { ControllerEvents } from './events.ts'
import { liveIncarnation } from './incarnation-probe.ts'
import { placeRoundRobin } from './placement.ts'
import { Publisher } from './publisher.ts'
import type { Replica } from './replica.ts'
import { Sessions } from './sessions.ts'
import { tell } from './story.ts'

export type ControllerOptions = {
  readonly nodeId: number
  readonly url: string
  readonly sessionTimeoutMs: number
}

export type ControllerParts = {
  readonly consensus: Consensus
  readonly replica: Replica
  readonly clock: Clock
  readonly random: Random
  readonly key: ClusterKey
  readonly http: HttpClient
  readonly events: ControllerEvents
}

export type Heartbeat = {
  readonly brokerEpoch?: number
  readonly metadataVersion: number
  readonly wantFence?: boolean
  readonly wantShutdown?: boolean
}

export type TopicRequest = {
  readonly topicName: string
  readonly config: Readonly<Record<string, string>>
} & (
  | { readonly numPartitions: number; readonly replicationFactor: number }
  | { readonly assignments: readonly (readonly number[])[] }
)

export type PartitionsRequest = {
  readonly topicName: string
  readonly numPartitions: number
  readonly assignments?: readonly (readonly number[])[]
}

/** A command without its time: the controller stamps it. */
type Intent = Command extends infer C ? (C extends Command ? Omit<C, 'time'> : never) : never

/** How a write is to be done. */
export type Write = {
  readonly timeoutMs: number
  /** The sender may repeat it: it is done once, and a repeat gets the first result. */
  readonly idempotency?: Idempotency
  /** Called before such a result is given: `version` is where the first request was decided. */
  readonly onReplay?: (version: number) => void
}

/** Soft state of one leadership. */
type Reign = {
  readonly term: number
  readonly sessions: Sessions
  readonly publisher: Publisher
  /** Brokers whose OFFLINE is proposed and not yet decided. */
  readonly fencing: Set<number>
  timer: Timer
}

const CHECK_INTERVAL_MS = 200
const SESSION_COMMAND_TIMEOUT_MS = 5_000

/**
 * The door of the room: what the metadata node does while it is the controller. Every decision reads the image and
 * becomes one command; nothing but applying that command writes the image.
 */
export class Controller {
  readonly #options: ControllerOptions
  readonly #parts: ControllerParts
  /** Soft state that lives as long as one leadership; null while another node is the controller. */
  #reign: Reign | null = null

  constructor(options: ControllerOptions, parts: ControllerParts) {
    this.#options = options
    this.#parts = parts
    parts.replica.onChange((command, changes) => {
      if (this.#reign === null) return
      this.#reign.publisher.publish()
      tell(parts.events, parts.replica.image, command, changes)
    })
  }

  /** Takes up or lays down the duties of the controller. Called with every change of leadership. */
  leadershipChanged(leadership: Leadership): void {
    const goesOn = leadership.ready && this.#reign?.term === leadership.term
    if (goesOn) return
    this.#end()
    if (leadership.ready) this.#begin(leadership)
  }

  stop(): void {
    this.#end()
  }

  // Topics.

  async createTopic(request: TopicRequest, write: Write): Promise<void> {
    await this.#submit(write, () => this.#topicCommand(request))
  }

  /** Throws what creating it would throw. */
  validateTopic(request: TopicRequest): void {
    planOf(preview(this.#parts.replica.image, this.#stamp(this.#topicCommand(request))))
  }

  #topicCommand(request: TopicRequest): Intent {
    this.#assertController()
    const { topicName, config } = request
    // Where the name is taken anyway, that is what must be said, even when there are too few brokers as well.
    if (this.#parts.replica.image.topic(topicName) !== undefined) throw topicExists(topicName)
    const assignments =
      'assignments' in request
        ? request.assignments
        : this.#place(request.numPartitions, request.replicationFactor)
    return { type: 'CreateTopicCommand', topicName, topicId: this.#parts.random.uuid(), assignments, config }
  }

  async deleteTopic(topicName: string, write: Write): Promise<void> {
    await this.#submit(write, () => ({ type: 'DeleteTopicCommand', topicName }))
  }

  async updateTopicConfig(
    topicName: string,
    config: Readonly<Record<string, string | null>>,
    write: Write,
  ): Promise<void> {
    await this.#submit(write, () => ({ type: 'UpdateTopicConfigCommand', topicName, config }))
  }

  async createPartitions(request: PartitionsRequest, write: Write): Promise<void> {
    await this.#submit(write, () => this.#partitionsCommand(request))
  }

  #partitionsCommand({ topicName, numPartitions, assignments }: PartitionsRequest): Intent {
    const topic = this.#parts.replica.image.topic(topicName)
    if (topic === undefined)
      throw new DmqError('UNKNOWN_TOPIC', `topic ${JSON.stringify(topicName)} does not exist`)
    const from = topic.rows.length
    const added = numPartitions - from
    if (added <= 0) {
      throw new DmqError(
        'INVALID_PARTITIONS',
        `topic ${topicName} has ${from} partitions; numPartitions is the new total and must be larger, ${numPartitions} was given`,
      )
    }
    if (added > PARTITIONS_PER_REQUEST_MAX) {
      const most = `${added} partitions would be added; one request adds at most ${PARTITIONS_PER_REQUEST_MAX}`
      throw new DmqError('INVALID_PARTITIONS', most)
    }
    if (assignments !== undefined && assignments.length !== added) {
      throw new DmqError(
        'INVALID_REPLICA_ASSIGNMENT',
        `${added} partitions are added, assignments has ${assignments.length}`,
      )
    }
    const lists = assignments ?? this.#place(added, topic.replicationFactor)
    return { type: 'CreatePartitionsCommand', topicName, from, assignments: lists }
  }

  /** Each placement begins where the partitions so far leave off, so that many small topics spread like one large. */
  #place(partitions: number, replicationFactor: number): number[][] {
    const { image } = this.#parts.replica
    return placeRoundRobin(image.brokers(), { partitions, replicationFactor, start: image.partitionCount })
  }

  /** The leader of partitions sets their ISRs. One result for each: the partition as it is now, or why not. */
  async alterPartitions(brokerId: number, brokerEpoch: number, changes: readonly IsrChange[], write: Write) {
    const applied = await this.#submit(write, () => ({
      type: 'UpdateISRCommand',
      brokerId,
      brokerEpoch,
      changes,
    }))
    this.#reign?.sessions.heard(brokerId, this.#now())
    return applied.results ?? []
  }

  // Brokers.

  /** Returns whether the registration was new (else it repeated one that is in force). */
  async registerBroker(
    registration: BrokerRegistration,
    previousBrokerEpoch: number | null,
    write: Write,
  ): Promise<boolean> {
    const reign = this.#assertController()
    const before = this.#parts.replica.image.broker(registration.brokerId)
    const repeat = before !== undefined && isRepeat(before, registration)
    if (before !== undefined && !repeat) await this.#refuseDuplicate(before, registration)
    // Before the commit: were it applied after the timeout, the session of an earlier process must not count for this one.
    reign.sessions.heard(registration.brokerId, this.#now())
    await this.#submit(write, () => ({ type: 'RegisterBrokerCommand', ...registration, previousBrokerEpoch }))
    reign.sessions.heard(registration.brokerId, this.#now())
    return !repeat
  }

  /** While the session of another process lasts, only proof that the process is gone lets a new one in at once. */
  async #refuseDuplicate(before: Broker, registration: BrokerRegistration): Promise<void> {
    const { brokerId, host, port, status } = before
    const live = this.#reign?.sessions.isLive(brokerId, this.#now()) === true && status === 'ONLINE'
    if (!live || before.incarnationId === null) return
    const found = await liveIncarnation(this.#parts.http, before)
    if (found === 'gone' || found === registration.incarnationId) return
    throw new DmqError(
      'DUPLICATE_BROKER',
      `broker ${brokerId} is registered by another process at ${host}:${port}, which was heard ` +
        `${Math.round(this.heardAgeMs(brokerId) ?? 0)} ms ago. Stop that process, or give this one another id.`,
      { brokerId, host, port },
    )
  }

  async unregisterBroker(brokerId: number, force: boolean, write: Write): Promise<void> {
    await this.#submit(write, () => ({ type: 'UnregisterBrokerCommand', brokerId, force }))
  }

  /** A sign of life. Brings the broker ONLINE when it may be, OFFLINE when it asks to stop. */
  async heartbeat(brokerId: number, heartbeat: Heartbeat): Promise<Broker> {
    const { sessions } = this.#assertController()
    const broker = this.#knownBroker(brokerId, heartbeat.brokerEpoch)
    sessions.heard(brokerId, this.#now())
    const stopping = heartbeat.wantFence === true || heartbeat.wantShutdown === true
    if (stopping && broker.status === 'ONLINE') await this.#setStatus(broker, 'OFFLINE', 'it asked to stop')
    const caughtUp = broker.incarnationId === null || heartbeat.metadataVersion >= broker.brokerEpoch
    if (!stopping && broker.status === 'OFFLINE' && caughtUp)
      await this.#setStatus(broker, 'ONLINE', 'heartbeats arrive')
    return this.#parts.replica.image.broker(brokerId) ?? broker
  }

  #knownBroker(brokerId: number, epoch: number | undefined): Broker {
    const broker = this.#parts.replica.image.broker(brokerId)
    if (broker === undefined) {
      throw new DmqError(
        'UNKNOWN_BROKER',
        `broker ${brokerId} is not registered. Register it with POST /api/v1/metadata/brokers.`,
      )
    }
    if (epoch === undefined && broker.incarnationId !== null) {
      throw new DmqError(
        'INVALID_REQUEST',
        `brokerEpoch is missing: broker ${brokerId} registered with an incarnation, so its heartbeats carry the epoch it got`,
      )
    }
    if (epoch === undefined || epoch === broker.brokerEpoch) return broker
    throw new DmqError(
      'STALE_BROKER_EPOCH',
      `broker epoch ${epoch} was given, broker ${brokerId} has epoch ${broker.brokerEpoch}: register again`,
    )
  }

  /** Milliseconds since the last sign of life; null where this node does not know. */
  heardAgeMs(brokerId: number): number | null {
    return this.#reign?.sessions.heardAgeMs(brokerId, this.#now()) ?? null
  }

  #setStatus({ brokerId, brokerEpoch }: Broker, status: 'ONLINE' | 'OFFLINE', reason: string): Promise<Plan> {
    return this.#propose(
      { type: 'UpdateBrokerStatusCommand', brokerId, brokerEpoch, status, reason },
      { timeoutMs: SESSION_COMMAND_TIMEOUT_MS },
    )
  }

  #checkSessions(): void {
    if (this.#reign === null) return
    const { sessions, fencing } = this.#reign
    const online = this.#parts.replica.image.brokers().filter(broker => broker.status === 'ONLINE')
    for (const brokerId of sessions.expired(
      online.map(broker => broker.brokerId),
      this.#now(),
      CHECK_INTERVAL_MS,
    )) {
      if (fencing.has(brokerId)) continue
      fencing.add(brokerId)
      const reason = `no heartbeat for ${this.#options.sessionTimeoutMs} ms`
      // Leadership may be lost meanwhile: then the next controller decides anew.
      this.#setStatus(this.#parts.replica.image.broker(brokerId)!, 'OFFLINE', reason)
        .catch(() => {})
        .finally(() => fencing.delete(brokerId))
    }
    this.#reign.timer = this.#parts.clock.timer(CHECK_INTERVAL_MS, () => this.#checkSessions())
  }

  // Leadership.

  #begin({ term }: Leadership): void {
    const { consensus, clock } = this.#parts
    const { clusterId, recoveryEpoch } = consensus.status()
    const identity = {
      clusterId: clusterId ?? '',
      recoveryEpoch,
      controllerTerm: term,
      controllerId: this.#options.nodeId,
      controllerUrl: this.#options.url,
    }
    const sessions = new Sessions(this.#options.sessionTimeoutMs, this.#now())
    const publisher = new Publisher(identity, this.#parts)
    const timer = clock.timer(CHECK_INTERVAL_MS, () => this.#checkSessions())
    this.#reign = { term, sessions, publisher, timer, fencing: new Set() }
    publisher.publish()
  }

  #end(): void {
    this.#reign?.publisher.stop()
    this.#reign?.timer.cancel()
    this.#reign = null
  }

  #assertController() {
    if (this.#reign === null) throw new DmqError('NOT_CONTROLLER', 'this node is not the controller')
    return this.#reign
  }

  #now(): number {
    return this.#parts.clock.monotonic()
  }

  #stamp(intent: Intent): Command {
    return { ...intent, time: this.#parts.clock.epoch() } as Command
  }

  /** Decides what to do, and does it; a repeat of a keyed write gets the first result. Rejections are thrown. */
  async #submit(write: Write, decide: () => Intent): Promise<Plan> {
    this.#assertController()
    const { idempotency } = write
    if (idempotency === undefined) return this.#propose(decide(), write)
    const first = this.#parts.replica.firstResult(idempotency.key, this.#parts.clock.epoch())
    if (first !== null) return planOf(replay(first, idempotency), write)
    return this.#propose(this.#intentOrRejection(decide), write)
  }

  /** What is refused here goes into the log as well, where the request has a key: a repeat must not fare differently. */
  #intentOrRejection(decide: () => Intent): Intent {
    try {
      return decide()
    } catch (error) {
      if (!(error instanceof DmqError) || error.code === 'NOT_CONTROLLER') throw error
      const { code: rejected, message, details } = error
      return {
        type: 'NoteRejectionCommand',
        rejected,
        message,
        ...(details === undefined ? {} : { details }),
      }
    }
  }

  /** Resolves when the command is applied here. */
  async #propose(intent: Intent, write: Write): Promise<Plan> {
    this.#assertController()
    const { idempotency, timeoutMs } = write
    const command = { ...this.#stamp(intent), ...(idempotency === undefined ? {} : { idempotency }) }
    const { result } = await this.#parts.consensus.propose(
      command.type,
      Buffer.from(encodeCommand(command)),
      timeoutMs,
    )
    return planOf(result as Applied, write)
  }
}

function topicExists(name: string): DmqError {
  return new DmqError('TOPIC_ALREADY_EXISTS', `topic ${name} exists already`)
}

function planOf(applied: Applied, { onReplay }: Pick<Write, 'onReplay'> = {}): Plan {
  if (applied.replayed !== undefined) onReplay?.(applied.replayed)
  if ('rejected' in applied) throw new DmqError(applied.rejected, applied.message, applied.details)
  return applied
}
