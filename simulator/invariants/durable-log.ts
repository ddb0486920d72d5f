import { decodeEntry, decodeHardState } from '../../src/consensus/entry-codec.ts'
import { type DecodedFrame, decodeFrame } from '../../src/log/frame.ts'
import {
  decodeSegmentHeader,
  isSegmentName,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from '../../src/log/segment.ts'
import {
  BEFORE_FIRST,
  BLANK_HARD_STATE,
  type EntryId,
  type HardState,
  isInternal,
} from '../../src/raft/entry.ts'
import { type Configuration, configurationOf } from '../../src/raft/voters.ts'
import type { MemoryDisk } from '../../test/unit/log/memory-disk.ts'

/** An entry as it lies on the device. */
export type StoredEntry = { readonly term: number; readonly type: string; readonly record: Buffer }

export interface DurableLogObserver {
  /** Entries from `from` on are about to go; the log still has them. */
  cut(log: DurableLog, from: number): void
  added(log: DurableLog, index: number): void
  saved(log: DurableLog, before: HardState, after: HardState): void
  /** The committed entries up to `index`, which a snapshot stands for. */
  covered(index: number): readonly StoredEntry[]
}

/** The device that a log lies on. */
export type LogDevice = {
  readonly device: MemoryDisk
  readonly folder: string
  readonly snapshotFolder: string
}

/**
 * What the device holds for certain, whatever the process on it believes: the log read from synced sectors alone. It is
 * read on from where the last look ended, since synced frames stay. What rots later was durable all the same.
 *
 * What a snapshot on the device stands for counts as held: entries behind which the log begins anew, and those that were
 * dropped. They are the committed ones, or the snapshot would not be.
 */
export class DurableLog {
  readonly entries: StoredEntry[] = []
  /** Those among the entries, oldest first. */
  configurations: Configuration[] = []
  /** The last entry that the newest snapshot on the device covers. */
  snapshotIndex = 0
  hardState: HardState = BLANK_HARD_STATE
  /** Index of `entries[0]`. */
  first = 1
  readonly #source: LogDevice
  readonly #observer: DurableLogObserver
  #stale = true
  #segment: SegmentHeader | null = null
  #path = ''
  #position = 0
  #chain = 0
  #nextBatch = 1
  #parts: DecodedFrame[] = []
  /** The records that the frames come to, whatever snapshots say; the first of them, and states not told yet. */
  readonly #onDevice: StoredEntry[] = []
  #deviceFirst = 1
  readonly #states: HardState[] = []

  constructor(source: LogDevice, observer: DurableLogObserver) {
    this.#source = source
    this.#observer = observer
  }

  get lastIndex(): number {
    return this.first + this.entries.length - 1
  }

  /** How many there have been. */
  get segments(): number {
    return this.#segment?.sequence ?? 0
  }

  get last(): EntryId {
    const entry = this.entries.at(-1)
    return entry === undefined ? BEFORE_FIRST : { index: this.lastIndex, term: entry.term }
  }

  at(index: number): StoredEntry | undefined {
    return this.entries[index - this.first]
  }

  /** The device has changed since the last look. */
  stale(): void {
    this.#stale = true
  }

  refresh(): void {
    if (!this.#stale) return
    this.#stale = false
    do this.#readFrames()
    while (this.#nextSegment())
    this.#show(this.#asAStartFindsIt())
  }

  /** A start begins the log anew behind a snapshot that it does not lead to; what was dropped a snapshot stands for. */
  #asAStartFindsIt(): readonly StoredEntry[] {
    const { device, snapshotFolder } = this.#source
    const held = [...this.#observer.covered(this.#deviceFirst - 1), ...this.#onDevice]
    const name = device.durableList(snapshotFolder).findLast(file => /\.(taken|received)$/.test(file))
    if (name === undefined) return held
    const [index, term] = name.split(/[-.]/).map(Number) as [number, number]
    this.snapshotIndex = index
    return held[index - 1]?.term === term ? held : this.#observer.covered(index)
  }

  /** Tells what became of the log since the last look. */
  #show(held: readonly StoredEntry[]): void {
    // Only the newest state goes with the newest entries.
    for (const state of this.#states.splice(0, this.#states.length - 1)) this.#save(state)
    const parts = this.entries.findIndex(
      (entry, i) => held[i] !== entry && !held[i]?.record.equals(entry.record),
    )
    if (parts >= 0) this.#cut(parts + 1)
    for (const entry of held.slice(this.entries.length)) {
      this.entries.push(entry)
      this.#addConfiguration(entry)
      this.#observer.added(this, this.lastIndex)
    }
    const newest = this.#states.pop()
    if (newest !== undefined) this.#save(newest)
  }

  #addConfiguration({ type, record }: StoredEntry): void {
    if (!isInternal(type)) return
    const configuration = configurationOf(decodeEntry(this.lastIndex, record))
    if (configuration !== null) this.configurations.push(configuration)
  }

  #readFrames(): void {
    if (this.#segment === null) return
    const bytes = this.#source.device.durableFile(this.#path)
    if (bytes === null) return
    for (;;) {
      const frame = decodeFrame(bytes, this.#position, this.#chain, this.#nextBatch)
      if (frame === null) return
      if (frame.first) this.#parts = []
      this.#parts.push(frame)
      this.#position += frame.bytes
      this.#chain = frame.chain
      this.#nextBatch += 1
      if (frame.last) this.#takeBatch()
    }
  }

  /** Moves on to the segment behind this one, once its name and header are on the device. */
  #nextSegment(): boolean {
    const { device, folder } = this.#source
    const after = this.#segment?.sequence ?? 0
    const name = device
      .durableList(folder)
      .find(name => isSegmentName(name) && Number(name.slice(0, 10)) > after)
    const bytes = name === undefined ? null : device.durableFile(`${folder}/${name}`)
    const header = bytes === null ? null : decodeSegmentHeader(bytes)
    if (header === null || 'unknownVersion' in header) return false
    // Those in between were dropped before anybody looked: what they led to is committed.
    if (header.sequence > after + 1) this.#skipTo(header)
    this.#segment = header
    this.#path = `${folder}/${name}`
    this.#position = SEGMENT_HEADER_BYTES
    this.#chain = header.chain
    this.#nextBatch = header.firstBatch
    return true
  }

  #skipTo({ baseIndex, state }: SegmentHeader): void {
    this.#cutDevice(baseIndex)
    if (baseIndex > this.#deviceNext) this.#resetDevice(baseIndex)
    if (state !== null) this.#states.push(decodeHardState(state))
    this.#parts = []
  }

  #takeBatch(): void {
    const parts = this.#parts
    this.#parts = []
    for (const frame of parts) {
      if (frame.reset) this.#resetDevice(frame.truncateFrom)
      else if (frame.truncateFrom !== 0) this.#cutDevice(frame.truncateFrom)
      for (const record of frame.records) {
        const { term, type } = decodeEntry(this.#deviceNext, record)
        this.#onDevice.push({ term, type, record })
      }
      if (frame.state !== null) this.#states.push(decodeHardState(frame.state))
    }
  }

  get #deviceNext(): number {
    return this.#deviceFirst + this.#onDevice.length
  }

  #resetDevice(next: number): void {
    this.#deviceFirst = next
    this.#onDevice.length = 0
  }

  #cutDevice(from: number): void {
    if (from < this.#deviceFirst) this.#resetDevice(from)
    else this.#onDevice.length = Math.min(this.#onDevice.length, from - this.#deviceFirst)
  }

  #cut(from: number): void {
    this.#observer.cut(this, from)
    this.entries.length = Math.max(0, from - this.first)
    this.configurations = this.configurations.filter(({ index }) => index < from)
  }

  #save(after: HardState): void {
    const before = this.hardState
    this.hardState = after
    this.#observer.saved(this, before, after)
  }
}
