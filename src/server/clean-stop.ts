import { join } from 'node:path'
import type { Disk } from '../io/disk.ts'

export type CleanStopProof = {
  /** The epoch that the last process held which knew that it was registered. */
  readonly brokerEpoch: number
  /**
   * A later process, which had sent its registration and stopped before it heard of it. That registration may count, now or
   * later, and then that epoch is of no use any more; but the process has taken nothing, and the next one goes on as it.
   */
  readonly incarnationId?: string
}

/**
 * The proof of a clean stop, written as the very last thing, and taken away by the next process that serves. One that registers
 * without it may have lost data that it acknowledged.
 */
export class CleanStop {
  readonly #disk: Disk
  readonly #folder: string
  readonly #path: string
  #taken: CleanStopProof | null = null

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
    this.#path = join(folder, 'clean-stop.json')
  }

  /** `brokerEpoch` null: this process does not know of a registration. What it found holds still. */
  note(brokerEpoch: number | null, incarnationId: string): void {
    const proof = brokerEpoch === null ? this.#taken && { ...this.#taken, incarnationId } : { brokerEpoch }
    if (proof !== null) this.#disk.replaceFile(this.#path, Buffer.from(JSON.stringify(proof)))
  }

  /** What the process before left, if it stopped cleanly. */
  look(): CleanStopProof | null {
    return this.#disk.exists(this.#path) ? proofIn(this.#disk.readFile(this.#path)) : null
  }

  /**
   * The same, which is there no more. It can be taken once: were it there again after a loss of power, the
   * next process would go on as this one, which had records that are lost.
   */
  take(): CleanStopProof | null {
    if (!this.#disk.exists(this.#path)) return null
    this.#taken = this.look()
    this.#disk.remove(this.#path)
    this.#disk.syncFolder(this.#folder)
    return this.#taken
  }
}

/** Null where it is damaged. */
function proofIn(bytes: Uint8Array): CleanStopProof | null {
  try {
    const { brokerEpoch, incarnationId } = JSON.parse(bytes.toString()) as Record<string, unknown>
    if (typeof brokerEpoch !== 'number') return null
    return typeof incarnationId === 'string' ? { brokerEpoch, incarnationId } : { brokerEpoch }
  } catch {
    return null
  }
}
