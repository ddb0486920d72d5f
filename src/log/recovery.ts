import { join } from 'node:path'
import type { Disk } from '../io/disk.ts'
import {
  type DecodedFrame,
  decodeFrame,
  FRAME_ALIGNMENT,
  hasZeroSector,
  headerAt,
  headerSectorBytes,
} from './frame.ts'
import { LocationTable } from './location-table.ts'
import { DamagedLog } from './log.ts'
import {
  decodeSegmentHeader,
  FORMAT_VERSION,
  isSegmentName,
  SEGMENT_HEADER_BYTES,
  type Segment,
  type SegmentHeader,
} from './segment.ts'

/**
 * What a log may look like when it is opened, and what is done about it. One row, one test (`recovery.test.ts`).
 *
 * A write of frame N + 1 begins only after the sync of frame N has returned, and segments are full of zeros before
 * use. So an unfinished write can only be the very last frame, it leaves a sector of zeros inside it, and nothing lies
 * behind it. Everything else that is wrong was right once: starting on it could forget a vote or an acknowledged entry.
 *
 * | found                                                                  | done                                  |
 * |------------------------------------------------------------------------|---------------------------------------|
 * | no segment                                                             | a new, empty log                      |
 * | frames, then zeros to the end of the last segment                      | opened                                |
 * | a batch of several frames whose last frame is missing                  | opened without the batch              |
 * | last segment: a bad frame with a zero sector, nothing valid behind it  | torn: copied aside, cut, opened       |
 * | last segment: a bad frame without a zero sector                        | refused                               |
 * | a bad frame with a valid frame of the same or a later batch behind it  | refused                               |
 * | a bad frame in an earlier segment                                      | refused                               |
 * | older segments are gone (dropped behind a snapshot)                    | opened; who needs them must refuse    |
 * | the oldest segment begins inside a batch (those before it are dropped)  | opened with the rest of the batch     |
 * | a segment missing in between, doubled, or not following the chain of the one before | refused                  |
 * | record indexes that do not follow each other                           | refused                               |
 * | a damaged segment header                                               | refused                               |
 * | a segment file longer or shorter than its header says                  | refused                               |
 * | a segment of another owner                                             | refused                               |
 * | a segment of an unknown format version                                 | refused                               |
 * | a prepared or half-prepared segment                                    | reused, or filled again               |
 *
 * What damage cannot be told from an unfinished write: a sector that the disk itself turned to zeros, if the last frame
 * reaches into it. Then every frame that reaches into that sector is taken for unfinished.
 */
export type Recovered = {
  readonly table: LocationTable
  readonly state: Buffer | null
  readonly nextBatch: number
  readonly chain: number
  /** Where a torn frame was cut off, if one was. */
  readonly torn: { readonly path: string; readonly offset: number; readonly copy: string } | null
}

type FoundFrame = { readonly segment: Segment; readonly position: number; readonly frame: DecodedFrame }

type Cursor = {
  table: LocationTable
  state: Buffer | null
  nextBatch: number
  chain: number
  nextIndex: number
  /** The frames of the batch that is being read; they count when its last one is there. */
  parts: FoundFrame[]
}

export async function recover(disk: Disk, folder: string, owner: string): Promise<Recovered> {
  const names = disk.list(folder).filter(isSegmentName)
  const cursor: Cursor = {
    table: new LocationTable(),
    state: null,
    nextBatch: 1,
    chain: 0,
    nextIndex: 1,
    parts: [],
  }
  let torn: Recovered['torn'] = null
  for (const [position, name] of names.entries()) {
    const newest = position === names.length - 1
    const path = join(folder, name)
    const bytes = disk.readFile(path)
    const header = checkedHeader(cursor, bytes, path, owner)
    if (position === 0) beginAt(cursor, header)
    checkSequence(cursor, header, path)
    const file = disk.open(path, 'existing')
    const segment: Segment = { header, path, file, end: SEGMENT_HEADER_BYTES }
    cursor.table.addSegment(segment)
    const lastFrame = readFrames(cursor, segment, bytes)
    if (newest) await makeDurable(disk, folder, segment, bytes, lastFrame)
    if (isZero(bytes, segment.end)) continue
    if (!newest) refuse(cursor, path, segment.end, 'a frame before the newest segment is damaged')
    torn = await cutTornFrame(disk, cursor, segment, bytes)
  }
  const { table, state, nextBatch, chain } = cursor
  return { table, state, nextBatch, chain, torn }
}

function checkedHeader(cursor: Cursor, bytes: Buffer, path: string, owner: string): SegmentHeader {
  const header = decodeSegmentHeader(bytes)
  if (header === null) {
    refuse(cursor, path, 0, `the segment header (bytes 0 to ${SEGMENT_HEADER_BYTES}) is damaged`)
  }
  if ('unknownVersion' in header) {
    throw new DamagedLog(
      `${path}: log format ${header.unknownVersion}, this release reads formats 1 to ${FORMAT_VERSION}. Start the release that wrote it.`,
    )
  }
  if (header.owner !== owner) {
    throw new DamagedLog(
      `${path}: written by ${header.owner}, opened as ${owner}. Point each node to its own data directory.`,
    )
  }
  if (header.bytes !== bytes.length) {
    const end = Math.min(header.bytes, bytes.length)
    refuse(cursor, path, end, `the file has ${bytes.length} bytes, it was made with ${header.bytes}`)
  }
  return header
}

/** Segments before the oldest one were dropped: its header says how they ended. */
function beginAt(cursor: Cursor, header: SegmentHeader): void {
  cursor.state = header.state
  cursor.chain = header.chain
  cursor.nextBatch = header.firstBatch
  cursor.nextIndex = header.baseIndex
}

function checkSequence(cursor: Cursor, header: SegmentHeader, path: string): void {
  const before = cursor.table.segments.at(-1)?.header.sequence
  if (before !== undefined && header.sequence !== before + 1) {
    refuse(cursor, path, 0, `segment ${before + 1} is expected here, this one is ${header.sequence}`)
  }
  const follows =
    header.chain === cursor.chain &&
    header.firstBatch === cursor.nextBatch &&
    header.baseIndex === cursor.nextIndex
  if (!follows) refuse(cursor, path, 0, 'the segment does not follow the end of the one before it')
}

/** Reads frames while they are good. Returns where the last of them begins. */
function readFrames(cursor: Cursor, segment: Segment, bytes: Buffer): number {
  let last = segment.end
  for (;;) {
    const frame = decodeFrame(bytes, segment.end, cursor.chain, cursor.nextBatch)
    if (frame === null) return last
    // A batch that was begun and not finished was never acknowledged: the next one begins anew.
    if (frame.first) cursor.parts = []
    cursor.parts.push({ segment, position: segment.end, frame })
    if (frame.last) takeBatch(cursor)
    cursor.chain = frame.chain
    cursor.nextBatch += 1
    last = segment.end
    segment.end += frame.bytes
  }
}

function takeBatch(cursor: Cursor): void {
  const { segment, position, frame } = cursor.parts[0]!
  const oldest = segment === cursor.table.segments[0] && position === SEGMENT_HEADER_BYTES
  if (oldest && !frame.first) beginWith(cursor, frame)
  for (const part of cursor.parts) takeFrame(cursor, part)
  cursor.parts = []
}

/** The frames before it are gone with their segment, and so are the records that they brought or voided. */
function beginWith(cursor: Cursor, { firstIndex }: DecodedFrame): void {
  cursor.table.reset(firstIndex)
  cursor.nextIndex = firstIndex
}

function takeFrame(cursor: Cursor, { segment, position, frame }: FoundFrame): void {
  if (frame.reset) {
    cursor.table.reset(frame.truncateFrom)
    cursor.nextIndex = frame.truncateFrom
  } else if (frame.truncateFrom !== 0) {
    cursor.table.truncate(frame.truncateFrom)
    cursor.nextIndex = Math.min(cursor.nextIndex, frame.truncateFrom)
  }
  if (frame.records.length > 0 && frame.firstIndex !== cursor.nextIndex) {
    const what = `record ${cursor.nextIndex} is expected, the frame begins with ${frame.firstIndex}`
    refuse(cursor, segment.path, position, what)
  }
  const mask = frame.mask
  for (const { offset, bytes } of frame.located) {
    cursor.table.add({ segment, offset: position + offset, bytes, mask })
  }
  cursor.nextIndex += frame.records.length
  cursor.state = frame.state ?? cursor.state
}

/**
 * What was read may be in the memory of the system only, if the process before this one was killed. And if its sync
 * failed, the system holds those pages for written: a sync alone would do nothing. So the last frame is written again.
 */
async function makeDurable(
  disk: Disk,
  folder: string,
  segment: Segment,
  bytes: Buffer,
  lastFrame: number,
): Promise<void> {
  await segment.file.write(bytes.subarray(lastFrame, segment.end), lastFrame)
  await segment.file.sync()
  disk.syncFolder(folder)
}

/** What follows the last good frame is the one write that never finished, or damage. Only the first may be cut. */
async function cutTornFrame(
  disk: Disk,
  cursor: Cursor,
  segment: Segment,
  bytes: Buffer,
): Promise<Recovered['torn']> {
  const damage = damageAt(bytes, segment.end, cursor.nextBatch)
  if (damage !== null) refuse(cursor, segment.path, segment.end, damage)
  const copy = `${segment.path}.torn-${segment.end}`
  disk.replaceFile(copy, bytes.subarray(segment.end))
  await segment.file.write(Buffer.alloc(bytes.length - segment.end), segment.end)
  await segment.file.sync()
  return { path: segment.path, offset: segment.end, copy }
}

/** What is wrong at `position`; null if it is an unfinished write. */
function damageAt(bytes: Buffer, position: number, batch: number): string | null {
  const header = headerAt(bytes, position)
  const end = position + (header?.bytes ?? headerSectorBytes(bytes, position))
  const behind = header === null ? hasHeaderBehind(bytes, position, batch) : !isZero(bytes, end)
  if (behind) return 'a frame is damaged, and it is not the last one'
  const unfinished =
    (header === null || header.batch === batch) && hasZeroSector(bytes, position, end - position)
  return unfinished ? null : 'the last frame is damaged, and not by a write that was cut short'
}

/** Without a header nobody knows where the frame ends: any sound header behind it may be that of a later frame. */
function hasHeaderBehind(bytes: Buffer, from: number, batch: number): boolean {
  for (let position = from; position < bytes.length; position += FRAME_ALIGNMENT) {
    const header = headerAt(bytes, position)
    if (header !== null && header.batch >= batch) return true
  }
  return false
}

const ZEROS = Buffer.alloc(64 * 1024)

function isZero(bytes: Buffer, from: number): boolean {
  for (let start = from; start < bytes.length; start += ZEROS.length) {
    const part = bytes.subarray(start, start + ZEROS.length)
    if (!part.equals(ZEROS.subarray(0, part.length))) return false
  }
  return true
}

const REMEDY =
  'The log is refused, because the lost part may hold votes or acknowledged entries. Restore this data directory from ' +
  'a copy of the disk; do not delete parts of it. While a majority of the metadata nodes runs, the cluster goes on without this node.'

function refuse(cursor: Cursor, path: string, offset: number, what: string): never {
  throw new DamagedLog(
    `${path}: at offset ${offset}, records from ${cursor.nextIndex} on: ${what}. ${REMEDY}`,
  )
}
