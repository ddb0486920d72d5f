import { join } from 'node:path'
import type { Disk } from '../io/disk.ts'

/**
 * The proof of a clean stop: the broker epoch, written as the very last thing, and taken away at the next start. A
 * process that registers without it may have lost data that it acknowledged.
 */
export class CleanStop {
  readonly #disk: Disk
  readonly #path: string
  #taken: number | null = null

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#path = join(folder, 'clean-stop.json')
  }

  /** `brokerEpoch` null: this process is not registered, and has taken nothing: the proof that it found holds still. */
  note(brokerEpoch: number | null): void {
    const epoch = brokerEpoch ?? this.#taken
    if (epoch === null) return
    this.#disk.replaceFile(this.#path, Buffer.from(JSON.stringify({ brokerEpoch: epoch })))
  }

  /** The epoch of the process before, if it stopped cleanly. It can be taken once. */
  takeEpoch(): number | null {
    if (!this.#disk.exists(this.#path)) return null
    const bytes = this.#disk.readFile(this.#path)
    this.#disk.remove(this.#path)
    try {
      const { brokerEpoch } = JSON.parse(bytes.toString()) as { brokerEpoch?: unknown }
      this.#taken = typeof brokerEpoch === 'number' ? brokerEpoch : null
    } catch {
      this.#taken = null
    }
    return this.#taken
  }
}
