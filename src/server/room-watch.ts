import type { Clock, Timer } from '../io/clock.ts'
import type { Disk } from '../io/disk.ts'

type Events = { lowDisk(bytes: number, least: number): void; roomAgain(): void }

const LOOK_MS = 1_000
/** Proposals are taken again when so much more is free than the least: not for every file that comes and goes. */
const MARGIN = 1.25

/**
 * Looks how much room is left on the disk, and has proposals refused before it runs out: a log that cannot be written ends
 * the process, and what the log still has to take is not only what this node proposes.
 */
export class RoomWatch {
  readonly #options: { readonly folder: string; readonly freeBytesMin: number }
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #events: Events
  readonly #refuse: (reason: string | null) => void
  #low = false
  /** As it was last looked at; null: it was not yet. */
  freeBytes: number | null = null
  #timer: Timer

  constructor(
    options: { readonly folder: string; readonly freeBytesMin: number },
    { disk, clock }: { readonly disk: Disk; readonly clock: Clock },
    events: Events,
    refuse: (reason: string | null) => void,
  ) {
    this.#options = options
    this.#disk = disk
    this.#clock = clock
    this.#events = events
    this.#refuse = refuse
    this.#timer = clock.timer(0, () => this.#look())
  }

  get isLow(): boolean {
    return this.#low
  }

  stop(): void {
    this.#timer.cancel()
  }

  #look(): void {
    const { folder, freeBytesMin } = this.#options
    const free = this.#disk.freeBytes(folder)
    this.freeBytes = free
    if (!this.#low && free < freeBytesMin) this.#becomeLow(free)
    else if (this.#low && free >= freeBytesMin * MARGIN) this.#becomeRoomy()
    this.#timer = this.#clock.timer(LOOK_MS, () => this.#look())
  }

  #becomeLow(free: number): void {
    const { freeBytesMin } = this.#options
    this.#low = true
    this.#events.lowDisk(free, freeBytesMin)
    this.#refuse(
      `the disk of the controller has ${free} bytes left, of which ${freeBytesMin} are its reserve; make room, or hand ` +
        'leadership to another metadata node (dmq quorum transfer)',
    )
  }

  #becomeRoomy(): void {
    this.#low = false
    this.#events.roomAgain()
    this.#refuse(null)
  }
}
