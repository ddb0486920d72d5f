import type { Clock } from '../io/clock.ts'
import type { SessionAnswer } from '../io/session.ts'
import { type BrokerStatus, isActiveStatus } from '../metadata/broker.ts'
import type { ControllerRequest, ControllerSession } from './controller-session.ts'
import type { BrokerEvents } from './events.ts'
import type { ExpandHint } from './isr-changes.ts'
import type { BrokerMeasures } from './measures.ts'
import { failureOf } from './metadata-client.ts'
import type { MetadataCopy } from './metadata-copy.ts'

const TIMEOUT_MS = 3_000

/** What the controller said to a heartbeat; `forgotten`: it knows no such registration. */
export type HeartbeatAnswer = { readonly kind: 'forgotten' } | Heard

export type Heard = {
  readonly kind: 'heard'
  readonly currentVersion: number
  readonly instructions: readonly string[]
  /** Replicas that say they have caught up, in partitions that this node leads. */
  readonly expandIsr: readonly ExpandHint[]
  /** What the heartbeat said that is here. */
  readonly said: { readonly version: number; readonly stateHash: string }
}

/** The heartbeats of this process, and what the controller makes of them. */
export class Heartbeats {
  readonly #brokerId: number
  readonly #copy: MetadataCopy
  readonly #session: ControllerSession
  readonly #clock: Clock
  readonly #events: BrokerEvents
  readonly #measures: BrokerMeasures
  #status: BrokerStatus | 'STARTING' = 'STARTING'

  constructor(
    brokerId: number,
    parts: {
      copy: MetadataCopy
      session: ControllerSession
      clock: Clock
      events: BrokerEvents
      measures: BrokerMeasures
    },
  ) {
    this.#brokerId = brokerId
    this.#copy = parts.copy
    this.#session = parts.session
    this.#clock = parts.clock
    this.#events = parts.events
    this.#measures = parts.measures
  }

  /** What the controller said last that this broker is. */
  get status(): BrokerStatus | 'STARTING' {
    return this.#status
  }

  /** It takes part: it may lead, and be in ISRs. */
  get isActive(): boolean {
    return this.#status !== 'STARTING' && isActiveStatus(this.#status)
  }

  /** Throws when no answer comes, or not from a controller. */
  async beat(
    url: string,
    body: {
      brokerEpoch: number
      wantShutdown?: true
      pairedMetadataServiceId: number | null
      resources?: Readonly<Record<string, number>>
    },
  ): Promise<HeartbeatAnswer> {
    const { image, head } = this.#copy
    const { version, stateHash } = image
    const answer = await this.#timed(url, {
      name: 'heartbeat',
      path: `/api/v1/metadata/heartbeat/${this.#brokerId}`,
      body: {
        brokerId: this.#brokerId,
        timestamp: this.#clock.epoch(),
        metadataVersion: version,
        ...(head === null ? {} : { recoveryEpoch: head.recoveryEpoch }),
        stateHash,
        ...body,
      },
      timeoutMs: TIMEOUT_MS,
    })
    if (answer.status === 404 || answer.status === 409) return { kind: 'forgotten' }
    if (answer.status !== 200) throw new Error(failureOf(answer).message)
    const {
      brokerStatus,
      currentVersion,
      instructions,
      expandIsr = [],
    } = answer.body as {
      brokerStatus: BrokerStatus
      currentVersion: number
      instructions: string[]
      expandIsr?: ExpandHint[]
    }
    this.#became(brokerStatus)
    return { kind: 'heard', currentVersion, instructions, expandIsr, said: { version, stateHash } }
  }

  async #timed(url: string, request: ControllerRequest): Promise<SessionAnswer> {
    const sentAt = this.#clock.monotonic()
    try {
      const answer = await this.#session.post(url, request)
      this.#measures.heartbeatAnswered(answer.status, this.#clock.monotonic() - sentAt)
      return answer
    } catch (error) {
      this.#measures.heartbeats.failed += 1
      throw error
    }
  }

  #became(status: BrokerStatus): void {
    const news = status !== this.#status && (status === 'ONLINE' || this.#status === 'ONLINE')
    if (news) this.#events.status({ brokerId: this.#brokerId, status })
    this.#status = status
  }
}
