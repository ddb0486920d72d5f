import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import type { Disk, DiskFile } from '../io/disk.ts'
import { applyMaskTo, encodeFrame, frameBytes, RECORD_HEADER_BYTES, SECTOR_BYTES } from './frame.ts'
import { GroupCommit } from './group-commit.ts'
import type { Location, LocationTable } from './location-table.ts'
import { type Batch, DamagedLog, type Log } from './log.ts'
import { type Recovered, recover } from './recovery.ts'
import {
  encodeSegmentHeader,
  FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  type Segment,
  type SegmentHeader,
  segmentName,
  stateBytesMax,
} from './segment.ts'

export type SegmentedLogOptions = {
  readonly disk: Disk
  readonly folder: string
  /** Names the node and its data directory; a log written under another name is refused. */
  readonly owner: string
  /** Of segments to come, a multiple of a sector; those that exist keep their size. */
  readonly segmentBytes?: number
}

const SEGMENT_BYTES = 16 * 1024 * 1024
/** A write takes about this much at most; what waits behind it goes with the next. */
const WRITE_BYTES_MAX = 4 * 1024 * 1024
const ZEROS = Buffer.alloc(1024 * 1024)
const PREPARED = 'prepared.segment'

/** A frame that is on disk, and counts when the last one of its batch is. */
type WrittenFrame = {
  readonly resetTo: number | null
  readonly truncateFrom: number | null
  readonly state: Buffer | null
  readonly locations: readonly Location[]
}

/** The log as a chain of segments (`segment.ts`) of frames (`frame.ts`), recovered by the table in `recovery.ts`. */
export class SegmentedLog implements Log {
  readonly #disk: Disk
  readonly #folder: string
  readonly #owner: string
  readonly #segmentBytes: number
  readonly #table: LocationTable
  readonly torn: Recovered['torn']
  #state: Buffer | null
  #nextBatch: number
  #chain: number
  /** One write at a time: frame N + 1 is not begun before frame N is durable (recovery rests on it). */
  readonly #commits: GroupCommit
  #preparing: Promise<DiskFile> | null = null
  #closing: Promise<void> | null = null

  static async open(options: SegmentedLogOptions): Promise<SegmentedLog> {
    options.disk.makeFolder(options.folder)
    const log = new SegmentedLog(options, await recover(options.disk, options.folder, options.owner))
    if (log.#table.segments.length === 0) await log.#roll()
    return log
  }

  private constructor(options: SegmentedLogOptions, recovered: Recovered) {
    this.#disk = options.disk
    this.#folder = options.folder
    this.#owner = options.owner
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES
    assert(this.#segmentBytes % SECTOR_BYTES === 0, 'a segment is made of whole sectors')
    this.#table = recovered.table
    this.torn = recovered.torn
    this.#state = recovered.state
    this.#nextBatch = recovered.nextBatch
    this.#chain = recovered.chain
    this.#commits = new GroupCommit(recovered.table.lastIndex, batch => this.#writeInParts(batch))
  }

  get firstIndex(): number {
    return this.#table.firstIndex
  }

  get lastIndex(): number {
    return this.#table.lastIndex
  }

  get state(): Buffer | null {
    return this.#state
  }

  append(batch: Batch): Promise<void> {
    const stateMax = stateBytesMax(this.#owner)
    assert((batch.state?.length ?? 0) <= stateMax, `a state has at most ${stateMax} bytes`)
    return this.#commits.append(batch, this.firstIndex)
  }

  /**
   * What is too large for one frame goes to disk in several. None of them counts before the last one is there, so that
   * a vote or a commit index is never without the entries it covers, nor an entry without the term it came in.
   */
  async #writeInParts(batch: Batch): Promise<void> {
    const written: WrittenFrame[] = []
    let rest = batch
    for (let last = false; !last; ) {
      const count = this.#countThatFits(rest.records)
      last = count === rest.records.length
      const part = { ...rest, records: rest.records.slice(0, count), state: last ? rest.state : null }
      written.push(await this.#writeFrame(part, written.length === 0, last))
      const firstIndex = rest.firstIndex + count
      rest = { ...rest, resetTo: null, truncateFrom: null, firstIndex, records: rest.records.slice(count) }
    }
    for (const frame of written) this.#take(frame)
  }

  #countThatFits(records: readonly Buffer[]): number {
    const bytesMax = Math.min(WRITE_BYTES_MAX, (this.#segmentBytes - SEGMENT_HEADER_BYTES) / 2)
    let bytes = 0
    for (const [count, record] of records.entries()) {
      bytes += record.length + RECORD_HEADER_BYTES
      if (bytes > bytesMax && count > 0) return count
    }
    return records.length
  }

  async #writeFrame(batch: Batch, first: boolean, last: boolean): Promise<WrittenFrame> {
    const bytes = frameBytes(batch)
    assert(SEGMENT_HEADER_BYTES + bytes <= this.#segmentBytes, `a frame of ${bytes} bytes fits in a segment`)
    if (!this.#takes(bytes)) await this.#roll()
    const segment = this.#segment
    const start = segment.end
    const reset = batch.resetTo !== null
    const truncateFrom = batch.resetTo === null ? (batch.truncateFrom ?? 0) : batch.resetTo + 1
    const frame = { ...batch, reset, truncateFrom, batch: this.#nextBatch, first, last }
    const { buffer, chain, mask, located } = encodeFrame(frame, this.#chain, start)
    await segment.file.writeDurably(buffer, start)
    this.#chain = chain
    this.#nextBatch += 1
    segment.end += bytes
    if (segment.end > segment.header.bytes / 2) void this.#prepareNext()
    const locations = located.map(({ offset, bytes }) => ({ segment, offset: start + offset, bytes, mask }))
    return { resetTo: batch.resetTo, truncateFrom: batch.truncateFrom, state: batch.state, locations }
  }

  #take({ resetTo, truncateFrom, state, locations }: WrittenFrame): void {
    if (resetTo !== null) this.#table.reset(resetTo + 1)
    if (truncateFrom !== null) this.#table.truncate(truncateFrom)
    for (const location of locations) this.#table.add(location)
    this.#state = state ?? this.#state
  }

  /** The newest segment has room for a frame of so many bytes, and is of a format in which every frame may be. */
  #takes(bytes: number): boolean {
    const { header, end } = this.#segment
    return header.format === FORMAT_VERSION && end + bytes <= header.bytes
  }

  get #segment(): Segment {
    return this.#table.segments.at(-1)!
  }

  /** Begins the next segment: header on disk first, then its name, and only then frames. */
  async #roll(): Promise<void> {
    const file = await this.#prepareNext()
    this.#preparing = null
    const header: SegmentHeader = {
      format: FORMAT_VERSION,
      sequence: (this.#table.segments.at(-1)?.header.sequence ?? 0) + 1,
      baseIndex: this.#table.lastIndex + 1,
      firstBatch: this.#nextBatch,
      chain: this.#chain,
      bytes: this.#segmentBytes,
      owner: this.#owner,
      state: this.#state,
    }
    const path = join(this.#folder, segmentName(header))
    await file.writeDurably(encodeSegmentHeader(header), 0)
    this.#disk.rename(join(this.#folder, PREPARED), path)
    this.#disk.syncFolder(this.#folder)
    this.#table.addSegment({ header, path, file, end: SEGMENT_HEADER_BYTES })
  }

  #prepareNext(): Promise<DiskFile> {
    this.#preparing ??= prepareSegment(this.#disk, this.#folder, this.#segmentBytes)
    // Too early to despair: when the segment is needed, there may be room for it.
    this.#preparing.catch(() => {
      this.#preparing = null
    })
    return this.#preparing
  }

  read(from: number, to: number, bytesMax: number): Buffer[] {
    assert(
      from >= this.firstIndex && from <= to && to <= this.lastIndex,
      `records ${from}-${to} are in the log`,
    )
    const records: Buffer[] = []
    let bytes = 0
    for (let index = from; index <= to; index++) {
      const record = this.#readOne(index)
      bytes += record.length
      if (records.length > 0 && bytes > bytesMax) break
      records.push(record)
    }
    return records
  }

  #readOne(index: number): Buffer {
    const { segment, offset, bytes, mask } = this.#table.at(index)
    const buffer = Buffer.allocUnsafe(bytes + RECORD_HEADER_BYTES)
    const start = offset - RECORD_HEADER_BYTES
    const count = segment.file.read(buffer, start)
    applyMaskTo(buffer, mask, start)
    const record = buffer.subarray(RECORD_HEADER_BYTES)
    const sound =
      count === buffer.length && buffer.readUInt32LE(0) === bytes && buffer.readUInt32LE(4) === crc32(record)
    if (sound) return record
    throw new DamagedLog(
      `${segment.path}: record ${index} at offset ${start} fails its checksum; the disk is failing`,
    )
  }

  /** Oldest first, each one for good before the next: what a crash leaves has no gap. */
  dropBefore(index: number): Promise<void> {
    // Never in the middle of a batch: its first frames may lie in a segment that no record is in yet.
    return this.#commits.between(async () => {
      for (const { path, file } of this.#table.dropBefore(index)) {
        file.close()
        this.#disk.remove(path)
        this.#disk.syncFolder(this.#folder)
      }
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeOnce()
    return this.#closing
  }

  async #closeOnce(): Promise<void> {
    await this.#commits.close()
    const prepared = await this.#preparing?.catch(() => null)
    prepared?.close()
    for (const segment of this.#table.segments) segment.file.close()
  }
}

/** A file of zeros that are really on disk: appending to it later changes no file size and allocates no block. */
async function prepareSegment(disk: Disk, folder: string, bytes: number): Promise<DiskFile> {
  const path = join(folder, PREPARED)
  if (disk.exists(path)) {
    const file = disk.open(path, 'existing')
    if (file.size === bytes) return file
    file.close()
    disk.remove(path)
  }
  const aside = `${path}.tmp`
  if (disk.exists(aside)) disk.remove(aside)
  const file = disk.open(aside, 'create')
  for (let position = 0; position < bytes; position += ZEROS.length) {
    await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, bytes - position)), position)
  }
  await file.sync()
  disk.rename(aside, path)
  disk.syncFolder(folder)
  return file
}
