import { deferred } from '../base/deferred.ts'
import { DmqError, messageOf } from '../base/errors.ts'
import { httpUrl } from '../base/http-url.ts'
import type { Clock } from '../io/clock.ts'
import { authorize, type ClusterKey } from '../io/cluster-key.ts'
import type { HttpSender } from '../io/http-client.ts'
import type { Broker } from '../metadata/broker.ts'
import type { BrokerLinks, LinkAnswer } from './broker-links.ts'
import type { ControllerEvents } from './events.ts'
import type { Replica } from './replica.ts'
import { type ControllerIdentity, updateFor } from './storage-update.ts'
import { type Acknowledged, newSubscriber, type Subscriber } from './subscriber.ts'

export type PublisherParts = {
  readonly replica: Replica
  readonly key: ClusterKey
  readonly http: HttpSender
  readonly clock: Clock
  readonly links: BrokerLinks
  readonly events: ControllerEvents
  /** Pushes of all leaderships of this process. */
  readonly tally: { done: number; failed: number }
}

export type PushStatus = {
  readonly brokerId: number
  /** What the node was last known to have; null: it has not answered in this term. */
  readonly version: number | null
  /** Pushes that failed since the last one that did not. */
  readonly failures: number
}

export const STORAGE_METADATA_PATH = '/api/v1/storage/metadata'
/** The same request on a session. */
export const STORAGE_METADATA = 'metadata'
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 5_000
/** A node that fetches the whole image is asked so often whether it has it. */
const REPAIR_RETRY_MS = 250
const PUSH_TIMEOUT_MS = 5_000
/** Whoever has a version for so long that the controller lacks has it from nowhere. */
const AHEAD_MS = 5_000

/**
 * Brings new metadata to every storage node after each commit: what the node lacks, coalesced, one request under way
 * per node, on its session if it holds one and by HTTP if not. A node is first told who the controller is
 * (CONTROLLER_CHANGED), and answers with the version it has. Every answer says the state hash as well: a node that has
 * another one than this node had at the same version is named, and told to fetch the whole image.
 */
export class Publisher {
  readonly #identity: ControllerIdentity
  readonly #parts: PublisherParts
  readonly #subscribers = new Map<number, Subscriber>()
  readonly #unlisten: () => void
  #stopped = false
  #scheduled = false

  constructor(identity: ControllerIdentity, parts: PublisherParts) {
    this.#identity = identity
    this.#parts = parts
    this.#unlisten = parts.links.onOpened(brokerId => this.#retryNow(brokerId))
  }

  /** To be called after every commit; what one turn of the loop commits is looked at once. */
  publish(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#parts.clock.afterPending(() => {
      this.#scheduled = false
      if (!this.#stopped) this.#sendToAll()
    })
  }

  /** Looks who is registered now, and sends to everyone who lacks something. */
  #sendToAll(): void {
    const { image } = this.#parts.replica
    for (const broker of image.brokers()) this.#subscribe(broker)
    for (const [brokerId, subscriber] of this.#subscribers) {
      if (image.broker(brokerId) === undefined) this.#forget(subscriber)
      else this.#send(subscriber)
    }
  }

  /** What the storage node was last known to have; 0: it has not answered in this term. */
  versionOf(brokerId: number): number {
    return this.#subscribers.get(brokerId)?.version ?? 0
  }

  status(): PushStatus[] {
    return this.subscribers().map(({ broker, version, failures }) => ({
      brokerId: broker.brokerId,
      version,
      failures,
    }))
  }

  /** By broker id. */
  subscribers(): readonly Readonly<Subscriber>[] {
    return [...this.#subscribers.values()].sort((a, b) => a.broker.brokerId - b.broker.brokerId)
  }

  /** Sends everything to a storage node, whatever it has. Resolves with its answer; throws when it does not take it. */
  pushAll(brokerId: number): Promise<Acknowledged> {
    const broker = this.#parts.replica.image.broker(brokerId)
    if (broker === undefined) throw new DmqError('UNKNOWN_BROKER', `broker ${brokerId} is not registered`)
    this.#subscribe(broker)
    const answer = deferred<Acknowledged>()
    this.#subscribers.get(brokerId)!.whole.push(answer)
    this.#retryNow(brokerId)
    return answer.promise
  }

  /** A storage node says what it has. Returns false when that is not what this node had at the same version. */
  reported(brokerId: number, version: number, stateHash: string): boolean {
    const subscriber = this.#subscribers.get(brokerId)
    if (subscriber === undefined) return true
    subscriber.stateHash = stateHash
    // A version that this node has not reached was one of before a recovery of the cluster: it counts no more.
    const { version: known } = subscriber
    if (known === null || version > known || known > this.#parts.replica.image.version)
      subscriber.version = version
    this.#compare(subscriber, version, stateHash)
    if (subscriber.repair) this.#send(subscriber)
    return !subscriber.repair
  }

  /** What a storage node has is of before a recovery. It is told who the controller is until it has seen that, and pulled. */
  reportedOther(brokerId: number): void {
    const subscriber = this.#subscribers.get(brokerId)
    if (subscriber === undefined) return
    subscriber.version = null
    this.#send(subscriber)
  }

  stop(): void {
    this.#stopped = true
    this.#unlisten()
    for (const subscriber of this.#subscribers.values()) this.#forget(subscriber)
  }

  /** A new incarnation knows nothing yet; the same one may have amended its address. */
  #subscribe(broker: Broker): void {
    const known = this.#subscribers.get(broker.brokerId)
    if (known?.broker.brokerEpoch === broker.brokerEpoch) {
      known.broker = broker
      return
    }
    if (known !== undefined) this.#forget(known)
    this.#subscribers.set(broker.brokerId, newSubscriber(broker, known))
  }

  #forget(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber.broker.brokerId)
    subscriber.timer?.cancel()
    const reason = 'it registered anew, was removed, or this node is not the controller any more'
    for (const waiting of subscriber.whole.splice(0)) waiting.reject(new Error(reason))
  }

  #retryNow(brokerId: number): void {
    const subscriber = this.#subscribers.get(brokerId)
    if (subscriber === undefined) return
    subscriber.retryAt = 0
    this.#send(subscriber)
  }

  #send(subscriber: Subscriber): void {
    if (this.#stopped || subscriber.busy || !this.#lacks(subscriber)) return
    if (this.#parts.clock.monotonic() < subscriber.retryAt) return
    subscriber.busy = true
    void this.#exchange(subscriber).finally(() => {
      subscriber.busy = false
      this.#again(subscriber)
    })
  }

  #lacks({ version, repair, whole }: Subscriber): boolean {
    return version === null || version < this.#parts.replica.image.version || repair || whole.length > 0
  }

  /** The image may have moved on while the request was under way. */
  #again(subscriber: Subscriber): void {
    if (this.#stopped || this.#subscribers.get(subscriber.broker.brokerId) !== subscriber) return
    const waitMs = subscriber.retryAt - this.#parts.clock.monotonic()
    subscriber.timer?.cancel()
    if (waitMs > 0) subscriber.timer = this.#parts.clock.timer(waitMs, () => this.#again(subscriber))
    else this.#send(subscriber)
  }

  async #exchange(subscriber: Subscriber): Promise<void> {
    const { clock, replica } = this.#parts
    const { host, port } = subscriber.broker
    const url = `${httpUrl(host, port)}${STORAGE_METADATA_PATH}`
    const body = updateFor(this.#identity, replica, subscriber)
    // Who asks for everything from now on is not served by this request.
    const whole = subscriber.whole.splice(0)
    subscriber.lastPushAt = clock.epoch()
    try {
      const answer = await this.#deliver(subscriber.broker, url, body)
      const { version, stateHash } = (answer.body ?? {}) as { version?: unknown; stateHash?: unknown }
      if (answer.status !== 200 || typeof version !== 'number')
        throw new Error(`it answered ${answer.status}${toldBy(answer.body)}`)
      const hash = typeof stateHash === 'string' ? stateHash : null
      this.#succeeded(subscriber, url, version, hash)
      for (const waiting of whole) waiting.resolve({ version, stateHash: hash })
    } catch (error) {
      this.#failed(subscriber, url, messageOf(error))
      for (const waiting of whole) waiting.reject(error)
    }
  }

  #deliver({ brokerId, brokerEpoch }: Broker, url: string, body: string): Promise<LinkAnswer> {
    const { links, http, key, clock } = this.#parts
    const link = links.of(brokerId, brokerEpoch)
    if (link !== undefined) return link.request(STORAGE_METADATA, body, PUSH_TIMEOUT_MS)
    const request = { method: 'POST' as const, path: STORAGE_METADATA_PATH, body }
    const authorization = authorize(key, clock.epoch(), request)
    return http.send({ method: 'POST', url, body, headers: { authorization }, timeoutMs: PUSH_TIMEOUT_MS })
  }

  #succeeded(subscriber: Subscriber, url: string, version: number, stateHash: string | null): void {
    const { clock, events, replica } = this.#parts
    const { brokerId } = subscriber.broker
    this.#parts.tally.done += 1
    if (subscriber.failures > 0) events.pushRecovered({ brokerId, url, version })
    // A node that has a gap pulls by itself; asking it again at once would only be in its way.
    const stuck = subscriber.version === version && version < replica.image.version
    subscriber.failures = 0
    subscriber.lastFailure = null
    subscriber.failureIsTold = false
    subscriber.lastAckAt = clock.epoch()
    subscriber.version = version
    subscriber.stateHash = stateHash
    subscriber.retryAt = stuck ? clock.monotonic() + RETRY_MS_MIN : 0
    if (stateHash !== null) this.#compare(subscriber, version, stateHash)
    if (subscriber.repair) subscriber.retryAt = clock.monotonic() + REPAIR_RETRY_MS
  }

  /** Plain clients keep no hash of ours; what they say is shown, and nothing follows from it. */
  #compare(subscriber: Subscriber, version: number, stateHash: string): void {
    if (subscriber.broker.incarnationId === null) return
    const { replica, events, clock } = this.#parts
    const agrees = this.#isAheadForLong(subscriber, version)
      ? false
      : replica.hashes.agrees(version, stateHash)
    if (agrees === null) return
    const begins = !agrees && !subscriber.repair
    subscriber.repair = !agrees
    if (!begins) return
    const expected = replica.hashes.at(version) ?? `none: version ${version} is not reached yet`
    subscriber.divergences += 1
    subscriber.lastDivergence = { at: clock.epoch(), version, stateHash, expected }
    events.diverged({ kind: 'storage', nodeId: subscriber.broker.brokerId, version, stateHash, expected })
  }

  /** For a moment another metadata node may have applied more than this one, and a storage node have it from there. */
  #isAheadForLong(subscriber: Subscriber, version: number): boolean {
    const { replica, clock } = this.#parts
    const ahead = version > replica.image.version
    subscriber.aheadSince = ahead ? (subscriber.aheadSince ?? clock.monotonic()) : null
    return subscriber.aheadSince !== null && clock.monotonic() - subscriber.aheadSince >= AHEAD_MS
  }

  #failed(subscriber: Subscriber, url: string, reason: string): void {
    const { clock, events, replica } = this.#parts
    this.#parts.tally.failed += 1
    subscriber.failures += 1
    subscriber.lastFailure = reason
    const { brokerId } = subscriber.broker
    // Of a broker that is OFFLINE nothing else is expected; it may become active while it still takes nothing.
    if (!subscriber.failureIsTold && replica.image.isActive(brokerId)) {
      subscriber.failureIsTold = true
      events.pushFailed({ brokerId, url, reason })
    }
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(subscriber.failures, 10))
    subscriber.retryAt = clock.monotonic() + delayMs
  }
}

/** What a refusal says. */
function toldBy(body: unknown): string {
  const { error } = (body ?? {}) as { error?: { message?: unknown } }
  return typeof error?.message === 'string' ? `: ${error.message}` : ''
}
