import { deferred } from '../base/deferred.ts'
import { messageOf } from '../base/errors.ts'
import type { Clock } from '../io/clock.ts'
import type { MirrorAddress } from './address.ts'
import { type MirrorSource, nextBatch, type Position } from './batch.ts'
import type { MirrorEvents } from './events.ts'
import { Pruning } from './pruning.ts'
import { type MirrorIdentity, MirrorRefusal, MirrorStore } from './store.ts'
import type { Step } from './tables.ts'

export type MirrorParts = {
  readonly source: MirrorSource
  readonly clock: Clock
  readonly events: MirrorEvents
  /** Rows of the history that are older (epoch milliseconds of their commands) are deleted; left out: none. */
  readonly historyMs?: number
}

export type MirrorLag = {
  /** Log entries between the mirrored version and that of the image. */
  readonly versions: number
  /** Since the oldest change that is not mirrored; 0: all of them are. */
  readonly ms: number
  readonly connected: boolean
}

/** Between two transactions: what comes meanwhile shares the next one. */
const PAUSE_MS = 20
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 2_000
/** What was refused may be put right by an operator. */
const REFUSED_RETRY_MS = 30_000

/** Thrown where this node is not the controller any more: the transaction is rolled back. */
class Stopped extends Error {}

/** Keeps the tables up with the image for as long as this node is the controller. */
export class Follower {
  readonly #address: MirrorAddress
  readonly #identity: MirrorIdentity
  readonly #parts: MirrorParts
  readonly #pruning: Pruning
  readonly #over: Promise<void>
  #stopped = false
  #store: MirrorStore | null = null
  #connected = false
  /** Why it does not work; null while it does. */
  #trouble: string | null = null
  #failures = 0
  #mirrored: number
  /** Monotonic; null: everything is mirrored. */
  #behindSince: number | null
  /** Ends a wait for the next change; null: nobody waits for one. */
  #awaken: (() => void) | null = null
  /** Ends a pause. */
  #resume: (() => void) | null = null
  #waking = false

  constructor(address: MirrorAddress, identity: MirrorIdentity, parts: MirrorParts) {
    this.#address = address
    this.#identity = identity
    this.#parts = parts
    this.#pruning = new Pruning(parts.historyMs ?? null, parts.clock)
    // Until the database has answered, the lag is counted from here.
    this.#mirrored = parts.source.image.version
    this.#behindSince = parts.clock.monotonic()
    this.#over = this.#run()
  }

  /** After every change of the image. */
  wake(): void {
    this.#behindSince ??= this.#parts.clock.monotonic()
    if (this.#waking) return
    this.#waking = true
    this.#parts.clock.afterPending(() => {
      this.#waking = false
      this.#awaken?.()
    })
  }

  lag(): MirrorLag {
    const { source, clock } = this.#parts
    return {
      versions: Math.max(0, source.image.version - this.#mirrored),
      ms: this.#behindSince === null ? 0 : clock.monotonic() - this.#behindSince,
      connected: this.#connected,
    }
  }

  /** What is under way is rolled back. Resolves when the database has been left. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#awaken?.()
    this.#resume?.()
    await this.#store?.close().catch(() => {})
    await this.#over
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const store = new MirrorStore(this.#address)
      this.#store = store
      try {
        await store.prepare()
        await this.#follow(store)
      } catch (error) {
        if (!this.#stopped) this.#failed(error)
      }
      this.#connected = false
      await store.close().catch(() => {})
      await this.#pause(this.#retryMs())
    }
  }

  async #follow(store: MirrorStore): Promise<void> {
    if (this.#stopped) return
    let position = await store.claim(this.#identity)
    this.#connected = true
    if (this.#failures === 0)
      this.#parts.events.following({ address: this.#address.shown, version: position.version })
    this.#arrived(position)
    if (this.#isCurrent(position)) this.#works(position)
    for (;;) {
      await this.#changed(position)
      if (this.#stopped) return
      await this.#pruning.step(store, this.#identity)
      if (!this.#isCurrent(position)) position = await this.#advance(store, position)
      await this.#pause(PAUSE_MS)
    }
  }

  async #advance(store: MirrorStore, from: Position): Promise<Position> {
    const { source, clock, events } = this.#parts
    const begun = clock.monotonic()
    const batch = nextBatch(source, from, this.#identity.recoveryEpoch)
    let rows = 0
    const told = (step: Step) => {
      if (this.#stopped) throw new Stopped()
      rows += 'rows' in step ? step.rows.length : 0
      return 'rows' in step && step.rows.length === 0 ? this.#giveWay() : undefined
    }
    try {
      const position = await store.write(this.#identity, from, batch, { time: clock.epoch(), told })
      // What came later than that has waited since then at most.
      this.#behindSince = begun
      this.#arrived(position)
      this.#works(position)
      const { version } = position
      if (position === batch.to)
        events.written({ fromVersion: from.version, version, rows, ms: clock.monotonic() - begun })
      return position
    } finally {
      batch.release()
    }
  }

  #arrived(position: Position): void {
    this.#refuseRegress(position)
    this.#mirrored = position.recoveryEpoch === this.#identity.recoveryEpoch ? position.version : 0
    if (this.#isCurrent(position)) this.#behindSince = null
    else this.#behindSince ??= this.#parts.clock.monotonic()
  }

  /** There is nothing to write, or it was written: an answer to a question alone does not end an outage. */
  #works({ version }: Position): void {
    this.#failures = 0
    if (this.#trouble === null) return
    this.#trouble = null
    this.#parts.events.recovered({ address: this.#address.shown, version })
  }

  #isCurrent({ version, recoveryEpoch }: Position): boolean {
    return version === this.#parts.source.image.version && recoveryEpoch === this.#identity.recoveryEpoch
  }

  /** A version that this cluster has not reached: its disks were put back to an earlier state. */
  #refuseRegress({ version, recoveryEpoch }: Position): void {
    const { image } = this.#parts.source
    if (recoveryEpoch !== this.#identity.recoveryEpoch || version <= image.version) return
    throw new MirrorRefusal(
      `it is at version ${version}, and the cluster at ${image.version}: the cluster was put back to an earlier state. Empty the ` +
        'table mirror_state to have the mirror written anew.',
    )
  }

  /** Or something old is to be deleted. */
  async #changed(position: Position): Promise<void> {
    while (!this.#stopped && this.#isCurrent(position) && !this.#pruning.isDue) {
      const { promise, resolve } = deferred<void>()
      this.#awaken = resolve
      const due = this.#pruning.whenDue(resolve)
      await promise
      this.#awaken = null
      due?.cancel()
    }
  }

  #failed(error: unknown): void {
    const { events } = this.#parts
    const reason = messageOf(error)
    const refused = error instanceof MirrorRefusal
    const event = { address: this.#address.shown, reason }
    this.#failures = refused ? Number.POSITIVE_INFINITY : Math.min(this.#failures, 20) + 1
    const told = this.#trouble !== null && (!refused || this.#trouble === reason)
    this.#trouble = refused ? reason : (this.#trouble ?? reason)
    if (told) return
    if (!refused) events.failed(event)
    else if (error.deposed) events.deposed(event)
    else events.refused(event)
  }

  #retryMs(): number {
    return Number.isFinite(this.#failures)
      ? Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures)
      : REFUSED_RETRY_MS
  }

  /** Ends early when this is stopped. */
  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return
    const { promise, resolve } = deferred<void>()
    this.#resume = resolve
    const timer = this.#parts.clock.timer(ms, resolve)
    await promise
    this.#resume = null
    timer.cancel()
  }

  async #giveWay(): Promise<void> {
    const { promise, resolve } = deferred<void>()
    this.#parts.clock.afterPending(resolve)
    await promise
  }
}
