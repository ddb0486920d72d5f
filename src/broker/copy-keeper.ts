import { messageOf } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { CopyFile } from './copy-file.ts'
import type { BrokerEvents } from './events.ts'
import type { MetadataCopy } from './metadata-copy.ts'

const SAVE_MS_MIN = 2_000
/** Writing takes at most one part in so many of the time. */
const REST_FACTOR = 20

/**
 * Keeps the copy on disk close behind the one in memory: it is written some time after a change, never twice at once, and
 * once more at a clean stop. A disk that takes nothing is told, and costs only the copy.
 */
export class CopyKeeper {
  readonly #copy: MetadataCopy
  readonly #file: CopyFile
  readonly #clock: Clock
  readonly #events: BrokerEvents
  #savedVersion = -1
  #savedHash = ''
  #timer: Timer | null = null
  #saving: Promise<void> | null = null
  #restMs = SAVE_MS_MIN
  #stopped = false

  constructor(parts: { copy: MetadataCopy; file: CopyFile; clock: Clock; events: BrokerEvents }) {
    this.#copy = parts.copy
    this.#file = parts.file
    this.#clock = parts.clock
    this.#events = parts.events
  }

  /** What the process before had, if there is something to be had. */
  async load(): Promise<void> {
    try {
      const found = await this.#file.load()
      if (found === null) return
      this.#copy.install(found.head, found.image)
      this.#savedVersion = found.head.version
      this.#savedHash = found.head.stateHash
      this.#events.metadata({ version: found.head.version, by: 'disk' })
    } catch (error) {
      this.#events.copyDamaged({ reason: messageOf(error) })
    }
  }

  /** The version that is on disk; null: none. */
  get savedVersion(): number | null {
    return this.#savedVersion < 0 ? null : this.#savedVersion
  }

  /** To be called after every change of the copy. */
  changed(): void {
    if (this.#stopped || this.#timer !== null || this.#saving !== null) return
    this.#timer = this.#clock.timer(this.#restMs, () => {
      this.#timer = null
      void this.#save().then(() => {
        if (this.#isDue()) this.changed()
      })
    })
  }

  /** Writes what is not written yet. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#saving
    if (this.#isDue()) await this.#save()
  }

  #isDue(): boolean {
    const { head } = this.#copy
    return head !== null && (head.version !== this.#savedVersion || head.stateHash !== this.#savedHash)
  }

  #save(): Promise<void> {
    this.#saving = this.#write().finally(() => {
      this.#saving = null
    })
    return this.#saving
  }

  async #write(): Promise<void> {
    const { head, image } = this.#copy
    if (head === null) return
    const began = this.#clock.monotonic()
    try {
      await this.#file.save(head, image)
      this.#savedVersion = head.version
      this.#savedHash = head.stateHash
    } catch (error) {
      this.#events.copyNotSaved({ reason: `${this.#file.path}: ${messageOf(error)}` })
    }
    this.#restMs = Math.max(SAVE_MS_MIN, REST_FACTOR * (this.#clock.monotonic() - began))
  }
}
