import { DmqError, messageOf } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { Disk } from '../io/disk.ts'
import type { Respond, SessionDialer } from '../io/session.ts'
import { ControllerSession } from './controller-session.ts'
import { CopyFile } from './copy-file.ts'
import { CopyKeeper } from './copy-keeper.ts'
import type { BrokerEvents } from './events.ts'
import { type Heard, type HeartbeatAnswer, Heartbeats } from './heartbeats.ts'
import { IsrReporter } from './isr-reporter.ts'
import { KeyCheck } from './key-check.ts'
import { BrokerMeasures } from './measures.ts'
import type { MetadataClient } from './metadata-client.ts'
import { type KnownController, MetadataCopy, type Outcome, type StorageUpdate } from './metadata-copy.ts'
import { PAIR_TIMEOUT_MS, Pairing } from './pairing.ts'
import { Puller } from './puller.ts'
import { Registration, type RegistrationOptions } from './registration.ts'
import { partitionOf, partitionsOf } from './storage-status.ts'

export type StorageNodeOptions = RegistrationOptions & {
  /** Which metadata node to pull from first; null: this node chooses one. */
  readonly pairedMetadataServiceId: number | null
  /** How long a pair that fails is waited for before another one takes its place. */
  readonly pairTimeoutMs?: number
  readonly heartbeatIntervalMs: number
  /** Of the copy of the metadata. */
  readonly folder: string
}

export type StorageNodeParts = {
  readonly client: MetadataClient
  readonly dialer: SessionDialer
  /** Answers what the controller asks on the session. */
  readonly respond: Respond
  readonly disk: Disk
  readonly clock: Clock
  readonly events: BrokerEvents
  /** Where the metadata goes; a new one by default. */
  readonly copy?: MetadataCopy
  /** What this node says of ISRs, for one that knows more of its replicas than that they are assigned. */
  readonly isrs?: (session: ControllerSession) => Pick<IsrReporter, 'report' | 'expand'>
}

const RETRY_MS = 200
/** Whether the pair is there is found out so often, at least; more often where it is soon given up. */
const PROBE_MS_MAX = 10_000
const PROBES_PER_TIMEOUT = 6
/** A controlled shutdown takes no longer, and asks so often whether it is complete. */
const LEAVE_MS_MAX = 5_000
const LEAVE_AGAIN_MS = 100

/**
 * The door of the room: a storage node. It finds the controller, registers, holds a session with it, heartbeats, and keeps
 * a copy of the metadata from pushes and pulls, in memory and on disk. One loop; pushes only change the copy, and wake the
 * loop when they leave a gap.
 */
export class StorageNode {
  readonly #options: StorageNodeOptions
  readonly #parts: StorageNodeParts
  readonly #copy: MetadataCopy
  readonly measures = new BrokerMeasures()
  readonly #keeper: CopyKeeper
  readonly #pairing: Pairing
  readonly #registration: Registration
  readonly #key: KeyCheck
  readonly #session: ControllerSession
  readonly #heartbeats: Heartbeats
  readonly #isrs: Pick<IsrReporter, 'report' | 'expand'>
  readonly #puller: Puller
  #timer: Timer | null = null
  #stopping = false
  #turning = false
  #turnAgain = false
  /** The version that the controller had at the last heartbeat. */
  #heardVersion = 0
  #probedAt = 0

  constructor(options: StorageNodeOptions, parts: StorageNodeParts) {
    this.#options = options
    this.#parts = parts
    const { client, clock, events, disk } = parts
    const { brokerId } = options
    const copy = parts.copy ?? new MetadataCopy()
    this.#copy = copy
    const pause = (): Promise<void> => new Promise(resolve => clock.afterPending(resolve))
    const file = new CopyFile(disk, options.folder, pause)
    this.#keeper = new CopyKeeper({ copy, file, clock, events })
    this.#pairing = new Pairing(
      client.nodes,
      brokerId,
      options.pairedMetadataServiceId,
      options.pairTimeoutMs,
    )
    this.#registration = new Registration(options, client, events)
    this.#key = new KeyCheck(parts)
    this.#session = new ControllerSession({
      ...parts,
      lost: () => this.#wake(0),
      refused: (url, reason) => events.sessionRefused({ url, reason }),
      keyShown: (url, finding) => this.#key.shown(url, finding),
    })
    this.#heartbeats = new Heartbeats(brokerId, {
      ...parts,
      copy,
      session: this.#session,
      measures: this.measures,
    })
    this.#isrs = parts.isrs?.(this.#session) ?? new IsrReporter(brokerId, this.#session)
    this.#puller = new Puller({
      ...parts,
      copy,
      pairing: this.#pairing,
      measures: this.measures,
      changed: () => this.#changed(),
      diverged: () => this.#reportCopy(),
    })
  }

  get brokerEpoch(): number | null {
    return this.#registration.brokerEpoch
  }

  get metadataVersion(): number {
    return this.#copy.image.version
  }

  /** Takes up the metadata that the process before left on disk. */
  load(): Promise<void> {
    return this.#keeper.load()
  }

  start(): void {
    this.#probedAt = this.#parts.clock.monotonic()
    this.#wake(0)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#timer?.cancel()
    // Where nobody answers there is nobody to take leave of.
    await this.#leave().catch(() => {})
    this.#session.close('the storage node is stopping')
    await this.#keeper.stop()
  }

  /** Controlled shutdown: asks to stop, until the controller says that whoever leads instead knows, or that took too long. */
  async #leave(): Promise<void> {
    const { clock } = this.#parts
    const end = clock.monotonic() + LEAVE_MS_MAX
    for (;;) {
      const url = this.#controllerUrl()
      const answer = url === null ? null : await this.#beat(url, true)
      if (answer?.kind !== 'heard' || answer.instructions.includes('SHUT_DOWN')) return
      if (clock.monotonic() > end) return
      await new Promise<void>(resolve => clock.timer(LEAVE_AGAIN_MS, resolve))
    }
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
    const { version, stateHash } = this.#copy.image
    const gap = outcome === 'gap' || outcome === 'diverged'
    if (outcome === 'gap') void this.#puller.pull(update.version)
    if (outcome === 'diverged') void this.#puller.replace(update.version)
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
      this.#changed()
    }
    return outcome
  }

  #changed(): void {
    this.#keeper.changed()
    this.#reportIsrs([])
  }

  #reportIsrs(hints: Heard['expandIsr']): void {
    const url = this.#controllerUrl()
    const { brokerEpoch } = this
    if (this.#stopping || url === null || brokerEpoch === null || !this.#heartbeats.isActive) return
    const { image } = this.#copy
    void this.#isrs.report(image, { url, brokerEpoch })
    void this.#isrs.expand(image, hints, { url, brokerEpoch })
  }

  /** Returns false when the message is of an older term. */
  #heard(controller: KnownController): boolean {
    const before = this.#copy.controller
    if (!this.#copy.heardController(controller)) return false
    if (before?.term === controller.term && before.url === controller.url) return true
    const { id: controllerId, url, term } = controller
    this.#parts.events.controllerFound({ controllerId, url, term })
    // Whatever waits for an answer of the old one need not wait any more.
    if (before !== null && before.url !== url)
      this.#session.close('this storage node follows another controller')
    this.#wake(0)
    return true
  }

  // The loop.

  #wake(delayMs: number): void {
    if (this.#stopping) return
    if (this.#turning) this.#turnAgain = true
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.timer(delayMs, () => void this.#turn())
  }

  /** One turn: find the controller if it is unknown, register if that is due, else heartbeat. Never throws. */
  async #turn(): Promise<void> {
    if (this.#turning) return
    this.#turning = true
    const controller = await this.#currentController()
    // Whom it has just found it turns to now, and not once more.
    this.#turnAgain = false
    try {
      if (controller !== null) await this.#serve(controller.url)
    } catch (error) {
      this.#lost(controller, messageOf(error))
    }
    this.#turning = false
    const settled = this.readiness().ready
    this.#wake(this.#turnAgain ? 0 : settled ? this.#options.heartbeatIntervalMs : RETRY_MS)
    void this.#probe()
  }

  async #serve(url: string): Promise<void> {
    this.#pair()
    const amendable = { clusterId: this.#copy.clusterId, pairedMetadataServiceId: this.#pairing.pairedId }
    if (await this.#isStranger(url)) return
    if (this.#registration.isDue(amendable)) await this.#registration.register(url, amendable)
    const answer = await this.#beat(url, false)
    // Unregistered, or registered again by somebody else: the next turn registers anew.
    if (answer?.kind === 'forgotten') this.#registration.forget()
    if (answer?.kind !== 'heard') return
    await this.#catchUp(answer)
    this.#reportIsrs(answer.expandIsr)
  }

  /** Who has another cluster key than the controller has no business with it. */
  async #isStranger(url: string): Promise<boolean> {
    const { brokerId, incarnationId } = this.#options
    if (this.brokerEpoch === null || this.#key.isStranger)
      await this.#key.ask(url, { brokerId, incarnationId, brokerEpoch: this.brokerEpoch ?? 0 })
    return this.#key.isStranger
  }

  /** Null while none is known. */
  #controllerUrl(): string | null {
    const url = this.#copy.controller?.url ?? ''
    return url === '' ? null : url
  }

  async #currentController(): Promise<KnownController | null> {
    if (this.#controllerUrl() !== null) return this.#copy.controller
    const found = await this.#parts.client.findController()
    if (found !== null) this.#heard(found)
    // A push may have named a newer one in the meantime.
    return this.#controllerUrl() === null ? null : this.#copy.controller
  }

  /** Who did not answer is forgotten, unless a push has named another controller in the meantime. */
  #lost(asked: KnownController | null, reason: string): void {
    if (asked === null || this.#copy.controller?.url !== asked.url) return
    this.#parts.events.controllerLost({ url: asked.url, reason })
    this.#session.close('the storage node gets no answer')
    this.#copy.forgetController()
  }

  /** Null: it is not registered, and there is nothing to say. */
  async #beat(url: string, wantShutdown: boolean): Promise<HeartbeatAnswer | null> {
    const { brokerEpoch } = this
    if (brokerEpoch === null) return null
    const { brokerId, incarnationId, resources } = this.#options
    if (!wantShutdown) this.#session.follow(url, { brokerId, brokerEpoch, incarnationId })
    return this.#heartbeats.beat(url, {
      brokerEpoch,
      pairedMetadataServiceId: this.#pairing.pairedId,
      ...(wantShutdown ? { wantShutdown } : {}),
      ...(resources === undefined ? {} : { resources: resources() }),
    })
  }

  /** Pushes bring what is new; a pull is for what they have not brought from one heartbeat to the next. */
  async #catchUp({ currentVersion, instructions, said }: Heard): Promise<void> {
    const expected = this.#heartbeats.isActive ? this.#heardVersion : currentVersion
    this.#heardVersion = currentVersion
    const wrong = instructions.includes('PULL_SNAPSHOT') && this.#copy.isAt(said)
    if (wrong) await this.#puller.replace(currentVersion)
    else if (this.#puller.isWrong || this.metadataVersion < expected) await this.#puller.pull(expected)
  }

  /** Tells the controller what is here before it is replaced: who was wrong, and with what, is known there. */
  async #reportCopy(): Promise<void> {
    const url = this.#controllerUrl()
    const { brokerEpoch } = this
    if (url === null || brokerEpoch === null) return
    const pairedMetadataServiceId = this.#pairing.pairedId
    await this.#heartbeats.beat(url, { brokerEpoch, pairedMetadataServiceId }).catch(() => {})
  }

  #pair(): void {
    const before = this.#pairing.pairedId
    this.#pairing.review(this.#copy.image.brokers(), this.#parts.clock.monotonic())
    const metadataServiceId = this.#pairing.pairedId
    if (metadataServiceId !== null && metadataServiceId !== before)
      this.#parts.events.paired({ metadataServiceId, before })
  }

  async #probe(): Promise<void> {
    const now = this.#parts.clock.monotonic()
    const { pairTimeoutMs = PAIR_TIMEOUT_MS } = this.#options
    const everyMs = Math.min(PROBE_MS_MAX, pairTimeoutMs / PROBES_PER_TIMEOUT)
    if (this.#stopping || now - this.#probedAt < everyMs) return
    this.#probedAt = now
    await this.#puller.probe()
  }

  // What this node says of itself.

  status() {
    return { ...this.summary(), partitions: partitionsOf(this.#copy.image, this.#options.brokerId) }
  }

  /** Null: this node holds no replica of it. */
  partition(topic: string, id: number) {
    return partitionOf(this.#copy.image, this.#options.brokerId, topic, id)
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
      brokerEpoch: this.brokerEpoch,
      status: this.#heartbeats.status,
      metadataVersion: image.version,
      stateHash: image.stateHash,
      savedMetadataVersion: this.#keeper.savedVersion,
      pairedMetadataServiceId: this.#pairing.pairedId,
      controller:
        controller === null
          ? null
          : { controllerId: controller.id, url: controller.url, term: controller.term },
      session: this.#session.isOpen,
    }
  }

  /** Partitions that this node leads, and all that it has a replica of. */
  get partitionCounts(): { leaders: number; replicas: number } {
    return this.#copy.image.countsOf(this.#options.brokerId)
  }

  readiness(): { ready: boolean; reasons: string[] } {
    const reasons: string[] = []
    if (this.#key.fault !== null) reasons.push(this.#key.fault)
    if (this.#controllerUrl() === null) reasons.push('no controller is known')
    if (this.brokerEpoch === null) reasons.push('not registered')
    else if (!this.#heartbeats.isActive) reasons.push(`status is ${this.#heartbeats.status}`)
    return { ready: reasons.length === 0, reasons }
  }
}
