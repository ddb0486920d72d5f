import { messageOf } from '../base/errors.ts'
import { httpUrl } from '../base/http-url.ts'
import type { Clock } from '../io/clock.ts'
import { authorize, type ClusterKey } from '../io/cluster-key.ts'
import type { HttpClient } from '../io/http-client.ts'
import type { Broker } from '../metadata/broker.ts'
import type { AcceptedCommand } from '../metadata/change-ring.ts'
import { type ImageView, renderImage } from '../metadata/render.ts'
import { delta } from './delta.ts'
import type { ControllerEvents } from './events.ts'
import type { Replica } from './replica.ts'

/** The controller as storage nodes are told of it. */
export type ControllerIdentity = {
  readonly clusterId: string
  readonly recoveryEpoch: number
  readonly controllerTerm: number
  readonly controllerId: number
  readonly controllerUrl: string
}

export type StorageUpdate = ControllerIdentity & {
  readonly updateType: 'FULL_SNAPSHOT' | 'DELTA' | 'CONTROLLER_CHANGED'
  readonly fromVersion: number
  readonly version: number
  readonly stateHash: string | undefined
  readonly timestamp: number
  readonly commands?: readonly { version: number; commandType: string; commandData: string }[]
  readonly changes?: readonly unknown[]
  readonly snapshot?: ImageView
}

/** Per storage node: one request under way, and what the node said it has. */
type Subscriber = {
  broker: Broker
  /** Null until the node has answered in this term. */
  version: number | null
  busy: boolean
  failures: number
  retryAt: number
}

export type PushStatus = {
  readonly brokerId: number
  /** What the node was last known to have; null: it has not answered in this term. */
  readonly version: number | null
  /** Pushes that failed since the last one that did not. */
  readonly failures: number
}

export const STORAGE_METADATA_PATH = '/api/v1/storage/metadata'
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 5_000
const PUSH_TIMEOUT_MS = 5_000
/** Larger images are not pushed whole: the node is told the version, sees the gap and pulls. */
const SNAPSHOT_PARTITIONS_MAX = 1_000
const UPDATE_BYTES_MAX = 400_000

/**
 * Brings new metadata to every storage node after each commit: what the node lacks, coalesced, one request under way
 * per node. A node is first told who the controller is (CONTROLLER_CHANGED), and answers with the version it has.
 */
export class Publisher {
  readonly #identity: ControllerIdentity
  readonly #replica: Replica
  readonly #key: ClusterKey
  readonly #http: HttpClient
  readonly #clock: Clock
  readonly #events: ControllerEvents
  readonly #tally: { done: number; failed: number }
  readonly #subscribers = new Map<number, Subscriber>()
  #stopped = false
  #scheduled = false

  constructor(
    identity: ControllerIdentity,
    parts: {
      replica: Replica
      key: ClusterKey
      http: HttpClient
      clock: Clock
      events: ControllerEvents
      tally: { done: number; failed: number }
    },
  ) {
    this.#identity = identity
    this.#replica = parts.replica
    this.#key = parts.key
    this.#http = parts.http
    this.#clock = parts.clock
    this.#events = parts.events
    this.#tally = parts.tally
  }

  /** To be called after every commit; what one turn of the loop commits is looked at once. */
  publish(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.afterPending(() => {
      this.#scheduled = false
      if (!this.#stopped) this.#sendToAll()
    })
  }

  /** Looks who is registered now, and sends to everyone who lacks something. */
  #sendToAll(): void {
    for (const broker of this.#replica.image.brokers()) this.#subscribe(broker)
    for (const [brokerId, subscriber] of this.#subscribers) {
      if (this.#replica.image.broker(brokerId) === undefined) this.#subscribers.delete(brokerId)
      else this.#send(subscriber)
    }
  }

  /** What each storage node was last known to have; null: it has not answered in this term. */
  acknowledged(): Map<number, number | null> {
    return new Map([...this.#subscribers].map(([brokerId, { version }]) => [brokerId, version]))
  }

  status(): PushStatus[] {
    return [...this.#subscribers.values()].map(({ broker, version, failures }) => ({
      brokerId: broker.brokerId,
      version,
      failures,
    }))
  }

  stop(): void {
    this.#stopped = true
  }

  /** A new incarnation knows nothing yet; the same one may have amended its address. */
  #subscribe(broker: Broker): void {
    const known = this.#subscribers.get(broker.brokerId)
    if (known?.broker.brokerEpoch === broker.brokerEpoch) {
      known.broker = broker
      return
    }
    this.#subscribers.set(broker.brokerId, { broker, version: null, busy: false, failures: 0, retryAt: 0 })
  }

  #send(subscriber: Subscriber): void {
    const upToDate = subscriber.version !== null && subscriber.version >= this.#replica.image.version
    if (subscriber.busy || upToDate || this.#clock.monotonic() < subscriber.retryAt) return
    subscriber.busy = true
    void this.#exchange(subscriber).finally(() => {
      subscriber.busy = false
      this.#again(subscriber)
    })
  }

  /** The image may have moved on while the request was under way. */
  #again(subscriber: Subscriber): void {
    if (this.#stopped || this.#subscribers.get(subscriber.broker.brokerId) !== subscriber) return
    const waitMs = subscriber.retryAt - this.#clock.monotonic()
    if (waitMs > 0) this.#clock.timer(waitMs, () => this.#again(subscriber))
    else this.#send(subscriber)
  }

  async #exchange(subscriber: Subscriber): Promise<void> {
    const { host, port } = subscriber.broker
    const url = `${httpUrl(host, port)}${STORAGE_METADATA_PATH}`
    const body = JSON.stringify(this.#update(subscriber))
    const authorization = authorize(this.#key, this.#clock.epoch(), {
      method: 'POST',
      path: STORAGE_METADATA_PATH,
      body,
    })
    try {
      const answer = await this.#http.send({
        method: 'POST',
        url,
        body,
        headers: { authorization },
        timeoutMs: PUSH_TIMEOUT_MS,
      })
      const { version } = (answer.body ?? {}) as { version?: unknown }
      if (answer.status !== 200 || typeof version !== 'number')
        throw new Error(`it answered ${answer.status}`)
      this.#succeeded(subscriber, url, version)
    } catch (error) {
      this.#failed(subscriber, url, messageOf(error))
    }
  }

  #succeeded(subscriber: Subscriber, url: string, version: number): void {
    this.#tally.done += 1
    if (subscriber.failures > 0)
      this.#events.pushRecovered({ brokerId: subscriber.broker.brokerId, url, version })
    // A node that has a gap pulls by itself; asking it again at once would only be in its way.
    const stuck = subscriber.version === version && version < this.#replica.image.version
    subscriber.failures = 0
    subscriber.version = version
    subscriber.retryAt = stuck ? this.#clock.monotonic() + RETRY_MS_MIN : 0
  }

  #failed(subscriber: Subscriber, url: string, reason: string): void {
    this.#tally.failed += 1
    subscriber.failures += 1
    // Of a broker that is OFFLINE nothing else is expected.
    const surprising = subscriber.failures === 1 && this.#replica.image.isActive(subscriber.broker.brokerId)
    if (surprising) this.#events.pushFailed({ brokerId: subscriber.broker.brokerId, url, reason })
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(subscriber.failures, 10))
    subscriber.retryAt = this.#clock.monotonic() + delayMs
  }

  #update({ broker, version: fromVersion }: Subscriber): StorageUpdate {
    const { image, ring } = this.#replica
    const { version, stateHash, time: timestamp } = image
    const common = { ...this.#identity, version, stateHash, timestamp }
    if (fromVersion === null) return { ...common, updateType: 'CONTROLLER_CHANGED', fromVersion: version }
    const commands = ring.since(fromVersion)
    if (commands === null) {
      return image.partitionCount > SNAPSHOT_PARTITIONS_MAX
        ? { ...common, updateType: 'DELTA', fromVersion: version, commands: [] }
        : { ...common, updateType: 'FULL_SNAPSHOT', fromVersion: 0, snapshot: renderImage(image) }
    }
    const part = firstBytes(commands, UPDATE_BYTES_MAX)
    const whole = part.length === commands.length
    // Short of the newest version there is no hash to compare with; the rest follows with the next update.
    const upTo = whole ? common : { ...common, version: part.at(-1)!.version, stateHash: undefined }
    // Our storage nodes replay commands: the loss of a broker costs them 200 bytes. Others are shown the rows.
    return broker.incarnationId === null
      ? { ...common, updateType: 'DELTA', fromVersion, changes: delta(image, commands) }
      : { ...upTo, updateType: 'DELTA', fromVersion, commands: part.map(bare) }
  }
}

/** The oldest commands that fit, at least one. */
function firstBytes(commands: readonly AcceptedCommand[], bytesMax: number): readonly AcceptedCommand[] {
  let bytes = 0
  const end = commands.findIndex((command, i) => {
    bytes += command.commandData.length
    return i > 0 && bytes > bytesMax
  })
  return end < 0 ? commands : commands.slice(0, end)
}

function bare({
  version,
  commandType,
  commandData,
}: {
  version: number
  commandType: string
  commandData: string
}) {
  return { version, commandType, commandData }
}
