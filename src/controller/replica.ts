import { FatalError, messageOf } from '../base/errors.ts'
import type { Restoration, StateMachine } from '../consensus/state-machine.ts'
import type { Clock } from '../io/clock.ts'
import type { Change } from '../metadata/change.ts'
import { ChangeRing } from '../metadata/change-ring.ts'
import { type Command, decodeCommand } from '../metadata/command.ts'
import { type FirstResult, IdempotencyKeys } from '../metadata/idempotency.ts'
import { Image } from '../metadata/image.ts'
import { type Applied, applyOnce } from '../metadata/metadata.ts'
import { RecentHashes } from '../metadata/recent-hashes.ts'
import { SnapshotReader, writeImage, writeSnapshot } from '../metadata/snapshot.ts'
import { type Touched, touchedBy } from '../metadata/touched.ts'
import { entryOf, untold } from './history/entry.ts'
import { History } from './history/history.ts'
import { isHistory, readHistory, saveHistory } from './history/saved-history.ts'

/** Of the history, in a snapshot; less where snapshots are due so often that it would decide when. */
const SAVED_HISTORY_BYTES = 1024 * 1024

/** How much of the past is kept. */
export type ReplicaBounds = {
  /** Of the newest commands, for who asks what changed. */
  readonly ringBytes?: number
  /** Of the history that goes into a snapshot; never more than {@link SAVED_HISTORY_BYTES}. */
  readonly savedHistoryBytes?: number
}

type Waiter = { readonly version: number; readonly resolve: () => void }

/** This node's copy of the metadata: the image, what changed lately, and who waits for a version of it. */
export class Replica implements StateMachine {
  #image = new Image()
  #keys = new IdempotencyKeys()
  #ring = new ChangeRing(0)
  #hashes = new RecentHashes()
  #history = new History(0)
  readonly #clock: Clock
  readonly #bounds: ReplicaBounds
  readonly #waiters = new Set<Waiter>()
  readonly #listeners: ((command: Command, changes: readonly Change[]) => void)[] = []

  constructor(clock: Clock, bounds: ReplicaBounds = {}) {
    this.#clock = clock
    this.#bounds = bounds
    this.#begin(null)
  }

  /** What is known of the past of the image, which begins now. */
  #begin(past: History | null): void {
    const { version, hashLanes } = this.#image
    this.#ring = new ChangeRing(version, this.#bounds.ringBytes)
    this.#hashes = new RecentHashes()
    this.#hashes.add(version, hashLanes)
    this.#history = past ?? new History(version)
  }

  get image(): Image {
    return this.#image
  }

  /** The newest changes of the image. */
  get ring(): ChangeRing {
    return this.#ring
  }

  /** What the newest commands did, for people. */
  get history(): History {
    return this.#history
  }

  /** The state hashes that the image had lately. */
  get hashes(): RecentHashes {
    return this.#hashes
  }

  /** Who waits for a version now. */
  get waiting(): number {
    return this.#waiters.size
  }

  apply(index: number, type: string, data: Uint8Array): Applied {
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()
    const command = decode(index, type, text)
    let touched: Touched = { topics: [], brokers: [] }
    const applied = applyOnce(this.image, this.#keys, command, index, changes => {
      touched = touchedBy(this.image, changes)
      this.#tell(command, changes, touched, index)
    })
    if ('rejected' in applied || applied.changes.length === 0) return applied
    this.ring.add({ version: index, commandType: type, commandData: text, ...touched })
    this.#hashes.add(index, this.#image.hashLanes)
    for (const listener of this.#listeners) listener(command, applied.changes)
    this.#wake()
    return applied
  }

  /** A history that cannot be told is no reason to stop: what is told depends on nobody, and nobody on it. */
  #tell(command: Command, changes: readonly Change[], touched: Touched, version: number): void {
    const moment = { version, time: Math.max(this.image.time, command.time) }
    try {
      this.#history.add(entryOf(this.image, command, changes, touched, moment))
    } catch (error) {
      this.#history.add(untold(command, touched, moment, messageOf(error)))
    }
  }

  /** What the first request with this key came to, if it is known. */
  firstResult(key: string, time: number): FirstResult | null {
    return this.#keys.find(key, Math.max(this.#image.time, time))
  }

  capture(): Iterable<Uint8Array> {
    const { entries, from } = this.#history
    const past = { entries: [...entries], from }
    return withHistory(writeSnapshot(this.#image, this.#keys), () =>
      saveHistory(past, Math.min(this.#bounds.savedHistoryBytes ?? SAVED_HISTORY_BYTES, SAVED_HISTORY_BYTES)),
    )
  }

  /** The pieces of the image alone, as {@link capture} gives them of the whole state. */
  captureImage(): Iterable<Uint8Array> {
    return writeImage(this.#image)
  }

  restore(): Restoration {
    const reader = new SnapshotReader()
    let past: History | null = null
    return {
      take: piece => {
        if (isHistory(piece)) past = readHistory(piece)
        else reader.take(piece)
      },
      end: () => void reader.finish(),
      install: () => {
        const { image, keys } = reader.finish()
        this.#image = image
        this.#keys = keys
        this.#begin(past)
        this.#wake()
      },
    }
  }

  /** Calls back after every command that changed the image. */
  onChange(listener: (command: Command, changes: readonly Change[]) => void): void {
    this.#listeners.push(listener)
  }

  /** True once the image has reached `version`; false if it did not within `timeoutMs`. */
  reached(version: number, timeoutMs: number): Promise<boolean> {
    if (this.image.version >= version) return Promise.resolve(true)
    return new Promise(resolve => {
      const waiter: Waiter = { version, resolve: () => settle(true) }
      const timer = this.#clock.timer(timeoutMs, () => settle(false))
      const settle = (reached: boolean): void => {
        timer.cancel()
        this.#waiters.delete(waiter)
        resolve(reached)
      }
      this.#waiters.add(waiter)
    })
  }

  #wake(): void {
    for (const waiter of this.#waiters) if (this.image.version >= waiter.version) waiter.resolve()
  }
}

/** Second, so that what ends a snapshot is still its end, and whoever breaks off has begun with the state and releases it. */
function* withHistory(state: Iterable<Uint8Array>, history: () => Uint8Array): Generator<Uint8Array> {
  let told = false
  for (const piece of state) {
    yield piece
    if (!told) yield history()
    told = true
  }
}

/** An entry that this release cannot read may not be skipped: other nodes apply it, and the images would part. */
function decode(index: number, type: string, text: string): Command {
  let command: Command | null
  try {
    command = decodeCommand(type, text)
  } catch (error) {
    throw new FatalError(`log entry ${index} (${type}) is not readable: ${messageOf(error)}`)
  }
  if (command !== null) return command
  throw new FatalError(
    `log entry ${index} is a ${type}, which this release does not know. Start the release that wrote it, or a later one.`,
  )
}
