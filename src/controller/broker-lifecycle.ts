import { DmqError } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { HttpSender } from '../io/http-client.ts'
import { type Broker, type BrokerRegistration, type Drain, isActiveStatus } from '../metadata/broker.ts'
import { isRepeat, notRegistered } from '../metadata/commands/register-broker.ts'
import { type BrokerReport, BrokerReports } from './broker-reports.ts'
import type { ControllerEvents } from './events.ts'
import { liveIncarnation } from './incarnation-probe.ts'
import type { Lateness } from './lateness.ts'
import { LossWatch } from './loss-watch.ts'
import { ownWrite, type Proposer, type Write } from './proposer.ts'
import type { Replica } from './replica.ts'
import { Sessions } from './sessions.ts'

export type Heartbeat = BrokerReport & {
  readonly brokerEpoch?: number
  readonly wantFence?: boolean
  readonly wantShutdown?: boolean
}

/** What the controller tells a broker to do with the answer to a heartbeat. */
export type HeartbeatVerdict = {
  readonly broker: Broker
  /** Its controlled shutdown is complete: it leads nothing, and whoever leads instead knows. */
  readonly mayStop: boolean
}

type Parts = {
  readonly proposer: Proposer
  readonly replica: Replica
  readonly clock: Clock
  readonly http: HttpSender
  readonly events: ControllerEvents
  /** The version that a broker has acknowledged; 0: none. */
  readonly pushedVersion: (brokerId: number) => number
  /** Heartbeats of a broker begin to be late. */
  readonly becameLate: (brokerId: number) => void
}

const CHECK_INTERVAL_MS = 200

/**
 * Brokers come, live, stop and die. Heartbeats are soft state of one leadership; what follows from them is a command. A new
 * controller gives every broker a full session, and looks at each of them at once.
 */
export class BrokerLifecycle {
  readonly reports = new BrokerReports()
  readonly #parts: Parts
  readonly #sessionTimeoutMs: number
  readonly #sessions: Sessions
  readonly #losses: LossWatch
  /** Brokers whose OFFLINE is proposed and not yet decided. */
  readonly #fencing = new Set<number>()
  #late = new Set<number>()
  /** Controlled shutdowns: the version that all others must have before the broker may stop, and since when it waits. */
  readonly #shutdowns = new Map<
    number,
    { readonly epoch: number; readonly version: number; readonly since: number }
  >()
  #timer: Timer

  constructor(sessionTimeoutMs: number, parts: Parts) {
    this.#parts = parts
    this.#sessionTimeoutMs = sessionTimeoutMs
    this.#sessions = new Sessions(sessionTimeoutMs, this.#now())
    this.#losses = this.#lossWatch()
    this.#timer = parts.clock.timer(CHECK_INTERVAL_MS, () => this.#checkSessions())
    void this.#losses.lookAtAll(this.#unfenced().filter(({ incarnationId }) => incarnationId !== null))
  }

  #lossWatch(): LossWatch {
    const { clock, http, replica, events } = this.#parts
    return new LossWatch({
      clock,
      http,
      broker: brokerId => replica.image.broker(brokerId),
      unfenced: () => this.#unfenced().length,
      heardSince: (brokerId, time) =>
        (this.#sessions.heardAgeMs(brokerId, this.#now()) ?? Infinity) < this.#now() - time,
      dead: (broker, reason) => this.#fence(broker, reason, 'lost connection'),
      suspectsItself: brokerIds => events.manyLost({ brokerIds }),
    })
  }

  end(): void {
    this.#timer.cancel()
    this.#losses.stop()
  }

  // Registration.

  /** Returns whether the registration was new (else it repeated one that is in force). */
  async register(
    registration: BrokerRegistration,
    previousBrokerEpoch: number | null,
    write: Write,
  ): Promise<boolean> {
    const { brokerId } = registration
    const before = this.#parts.replica.image.broker(brokerId)
    const repeat = before !== undefined && isRepeat(before, registration)
    if (before !== undefined && !repeat) await this.#refuseDuplicate(before, registration)
    // Before the commit: were it applied after the timeout, the session of an earlier process must not count for this one.
    this.#sessions.heard(brokerId, this.#now())
    if (!repeat) this.reports.forget(brokerId)
    await this.#parts.proposer.submit(write, () => ({
      type: 'RegisterBrokerCommand',
      ...registration,
      previousBrokerEpoch,
    }))
    this.#sessions.heard(brokerId, this.#now())
    return !repeat
  }

  /** While the session of another process lasts, only proof that the process is gone lets a new one in at once. */
  async #refuseDuplicate(before: Broker, registration: BrokerRegistration): Promise<void> {
    const { brokerId, host, port, status } = before
    const live = this.#sessions.isLive(brokerId, this.#now()) && status !== 'OFFLINE'
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

  async unregister(brokerId: number, force: boolean, write: Write): Promise<void> {
    await this.#parts.proposer.submit(write, () => ({ type: 'UnregisterBrokerCommand', brokerId, force }))
    this.#sessions.forget(brokerId)
    this.reports.forget(brokerId)
  }

  async drain(brokerId: number, mode: Drain['mode'] | null, write: Write): Promise<void> {
    await this.#parts.proposer.submit(write, () => ({ type: 'DrainBrokerCommand', brokerId, mode }))
  }

  // Signs of life.

  /** A sign of life that says nothing else. */
  heard(brokerId: number): void {
    this.#sessions.heard(brokerId, this.#now())
  }

  /** The connection of a broker ended without a word. */
  connectionLost(brokerId: number, brokerEpoch: number): void {
    const broker = this.#parts.replica.image.broker(brokerId)
    if (broker?.brokerEpoch === brokerEpoch && broker.status !== 'OFFLINE')
      this.#losses.lost(brokerId, brokerEpoch)
  }

  /** Brings the broker ONLINE when it may be, and through its shutdown when it asks to stop. */
  async heartbeat(brokerId: number, heartbeat: Heartbeat): Promise<HeartbeatVerdict> {
    const broker = this.known(brokerId, heartbeat.brokerEpoch)
    this.#sessions.heard(brokerId, this.#now())
    this.reports.heard(brokerId, reportOf(heartbeat))
    if (heartbeat.wantFence === true) await this.#setStatus(broker, 'OFFLINE', 'it asked to be fenced')
    else if (heartbeat.wantShutdown === true) return this.#shutDown(broker)
    else await this.#unfence(broker, heartbeat.metadataVersion)
    return { broker: this.#current(broker), mayStop: false }
  }

  async #unfence(broker: Broker, metadataVersion: number): Promise<void> {
    const caughtUp = broker.incarnationId === null || metadataVersion >= broker.brokerEpoch
    if (broker.status === 'OFFLINE' && caughtUp) await this.#setStatus(broker, 'ONLINE', 'heartbeats arrive')
  }

  /** Controlled shutdown (KIP-841): it leaves every ISR and leads nothing; it stops when those who lead instead know. */
  async #shutDown(broker: Broker): Promise<HeartbeatVerdict> {
    const { brokerId, brokerEpoch: epoch } = broker
    const begins = isActiveStatus(broker.status)
    if (begins) await this.#setStatus(broker, 'SHUTTING_DOWN', 'it asked to stop')
    // A broker that was fenced on the way and came back begins anew: what others knew then says nothing about now.
    if (begins || this.#shutdowns.get(brokerId)?.epoch !== epoch)
      this.#shutdowns.set(brokerId, { epoch, version: this.#parts.replica.image.version, since: this.#now() })
    const mayStop = this.#othersKnow(brokerId)
    if (mayStop) {
      await this.#setStatus(this.#current(broker), 'OFFLINE', 'it stopped')
      this.#shutdowns.delete(brokerId)
    }
    return { broker: this.#current(broker), mayStop }
  }

  /** Every active broker has applied what the shutdown changed; one that hangs is not waited for longer than a session. */
  #othersKnow(brokerId: number): boolean {
    const { version, since } = this.#shutdowns.get(brokerId)!
    if (this.#now() - since > this.#sessionTimeoutMs) return true
    return this.#parts.replica.image
      .brokers()
      .filter(
        other => other.brokerId !== brokerId && other.incarnationId !== null && isActiveStatus(other.status),
      )
      .every(({ brokerId: other }) => this.#versionOf(other) >= version)
  }

  /** By its last heartbeat, or its answer to the last push. */
  #versionOf(brokerId: number): number {
    const reported = this.reports.of(brokerId)?.metadataVersion ?? 0
    return Math.max(reported, this.#parts.pushedVersion(brokerId))
  }

  /** Throws UNKNOWN_BROKER and STALE_BROKER_EPOCH. */
  known(brokerId: number, epoch: number | undefined): Broker {
    const broker = this.#parts.replica.image.broker(brokerId)
    if (broker === undefined) throw new DmqError('UNKNOWN_BROKER', ...notRegistered(brokerId))
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
    return this.#sessions.heardAgeMs(brokerId, this.#now())
  }

  get sessionCount(): number {
    return this.#sessions.liveCount(this.#now())
  }

  /** Its heartbeats are late, and it is not fenced yet. */
  isUnreachable(broker: Broker): boolean {
    return this.lateness(broker) !== null
  }

  /** Null: it is not UNREACHABLE. */
  lateness({ brokerId, status }: Broker): Lateness | null {
    const sessionTimeoutMs = this.#sessionTimeoutMs
    const silentMs = this.#sessions.silentMs(brokerId, this.#now())
    if (!isActiveStatus(status) || silentMs === null || silentMs <= sessionTimeoutMs / 2) return null
    return { heardAgeMs: this.heardAgeMs(brokerId), silentMs, sessionTimeoutMs }
  }

  /** Those of which that holds now. */
  unreachable(): number[] {
    const brokers = this.#parts.replica.image.brokers().filter(broker => this.isUnreachable(broker))
    return brokers.map(({ brokerId }) => brokerId)
  }

  #tellLate(): void {
    const late = new Set(this.unreachable())
    for (const brokerId of late.difference(this.#late)) this.#parts.becameLate(brokerId)
    this.#late = late
  }

  // Fencing.

  #checkSessions(): void {
    const unfenced = this.#unfenced().map(({ brokerId }) => brokerId)
    for (const brokerId of this.#sessions.expired(unfenced, this.#now(), CHECK_INTERVAL_MS)) {
      const broker = this.#parts.replica.image.broker(brokerId)!
      const stopping = broker.status === 'SHUTTING_DOWN'
      this.#fence(
        broker,
        stopping ? 'it stopped' : `no heartbeat for ${this.#sessionTimeoutMs} ms`,
        'session timeout',
      )
    }
    this.#tellLate()
    this.#timer = this.#parts.clock.timer(CHECK_INTERVAL_MS, () => this.#checkSessions())
  }

  #fence(broker: Broker, reason: string, by: string): void {
    const { brokerId } = broker
    if (this.#fencing.has(brokerId)) return
    this.#fencing.add(brokerId)
    // Leadership may be lost meanwhile: then the next controller decides anew.
    this.#setStatus(broker, 'OFFLINE', reason, by)
      .catch(() => {})
      .finally(() => this.#fencing.delete(brokerId))
  }

  async #setStatus(
    { brokerId, brokerEpoch }: Broker,
    status: 'ONLINE' | 'SHUTTING_DOWN' | 'OFFLINE',
    reason: string,
    by = 'heartbeat',
  ): Promise<void> {
    const command = { type: 'UpdateBrokerStatusCommand', brokerId, brokerEpoch, status, reason } as const
    await this.#parts.proposer.propose(command, ownWrite(by))
  }

  #unfenced(): Broker[] {
    return this.#parts.replica.image.brokers().filter(({ status }) => status !== 'OFFLINE')
  }

  #current(broker: Broker): Broker {
    return this.#parts.replica.image.broker(broker.brokerId) ?? broker
  }

  #now(): number {
    return this.#parts.clock.monotonic()
  }
}

function reportOf({ metadataVersion, resources, health }: Heartbeat): BrokerReport {
  return {
    metadataVersion,
    ...(resources === undefined ? {} : { resources }),
    ...(health === undefined ? {} : { health }),
  }
}
