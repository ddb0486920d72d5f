import { join } from 'node:path'
import type { Disk } from '../io/disk.ts'
import {
  batchAt,
  claimedBytes,
  type DecodedFrame,
  decodeFrame,
  FRAME_ALIGNMENT,
  hasZeroSector,
  SECTOR_BYTES,
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
 * use. So an unfinished write can only be the very last frame, and it leaves a sector of zeros inside it. Everything
 * else that is wrong was right once: starting on it could forget a vote or an acknowledged entry.
 *
 * | found                                                                  | done                                  |
 * |------------------------------------------------------------------------|---------------------------------------|
 * | no segment                                                             | a new, empty log                      |
 * | frames, then zeros to the end of the last segment                      | opened                                |
 * | last segment: a bad frame with a zero sector, nothing valid behind it  | torn: copied aside, cut, opened       |
 * | last segment: a bad frame without a zero sector                        | refused                               |
 * | a bad frame with a valid frame of the same or a later batch behind it  | refused                               |
 * | a bad frame in an earlier segment                                      | refused                               |
 * | a segment missing, doubled, or not following the chain of the one before | refused                             |
 * | record indexes that do not follow each other                           | refused                               |
 * | a damaged segment header                                               | refused                               |
 * | a segment of another owner                                             | refused                               |
 * | a segment of an unknown format version                                 | refused                               |
 * | a prepared or half-prepared segment                                    | reused, or filled again               |
 */
export type Recovered = {
  readonly table: LocationTable
  readonly state: Buffer | null
  readonly nextBatch: number
  readonly chain: number
  /** Where a torn frame was cut off, if one was. */
  readonly torn: { readonly path: string; readonly offset: number; readonly copy: string } | null
}

type Cursor = {
  table: LocationTable
  state: Buffer | null
  nextBatch: number
  chain: number
  nextIndex: number
}

export async function recover(disk: Disk, folder: string, owner: string): Promise<Recovered> {
  const names = disk.list(folder).filter(isSegmentName)
  const cursor: Cursor = { table: new LocationTable(), state: null, nextBatch: 1, chain: 0, nextIndex: 1 }
  let torn: Recovered['torn'] = null
  for (const [position, name] of names.entries()) {
    const path = join(folder, name)
    const bytes = disk.readFile(path)
    const header = checkedHeader(bytes, path, owner)
    checkSequence(cursor, header, path, position)
    const segment: Segment = { header, path, file: disk.open(path, 'existing'), end: SEGMENT_HEADER_BYTES }
    cursor.table.addSegment(segment)
    readFrames(cursor, segment, bytes)
    if (isZero(bytes, segment.end)) continue
    if (position < names.length - 1) refuse(cursor, segment, 'a frame before the newest segment is damaged')
    torn = await cutTornFrame(disk, cursor, segment, bytes)
  }
  const { table, state, nextBatch, chain } = cursor
  return { table, state, nextBatch, chain, torn }
}

function checkedHeader(bytes: Buffer, path: string, owner: string): SegmentHeader {
  const header = decodeSegmentHeader(bytes)
  if (header === null)
    throw new DamagedLog(
      `${path}: the segment header (bytes 0 to ${SEGMENT_HEADER_BYTES}) is damaged. ${REMEDY}`,
    )
  if ('unknownVersion' in header) {
    throw new DamagedLog(
      `${path}: log format ${header.unknownVersion}, this release reads format ${FORMAT_VERSION}. Start the release that wrote it.`,
    )
  }
  if (header.owner !== owner) {
    throw new DamagedLog(
      `${path}: written by ${header.owner}, opened as ${owner}. Point each node to its own data directory.`,
    )
  }
  return header
}

function checkSequence(cursor: Cursor, header: SegmentHeader, path: string, position: number): void {
  const first = position === 0
  if (first) {
    cursor.state = header.state
    cursor.nextBatch = header.firstBatch
    cursor.chain = header.chain
    cursor.nextIndex = header.baseIndex
    if (header.sequence === 1) return
    throw new DamagedLog(
      `${path}: the log begins with segment ${header.sequence}, segment 1 is missing. ${REMEDY}`,
    )
  }
  const expected = cursor.table.segments.at(-1)!.header.sequence + 1
  if (header.sequence !== expected) {
    throw new DamagedLog(
      `${path}: segment ${expected} is expected here, this one is ${header.sequence}. ${REMEDY}`,
    )
  }
  if (
    header.chain !== cursor.chain ||
    header.firstBatch !== cursor.nextBatch ||
    header.baseIndex !== cursor.nextIndex
  ) {
    throw new DamagedLog(
      `${path}: does not follow the end of the segment before it, at record ${cursor.nextIndex - 1}. ${REMEDY}`,
    )
  }
}

function readFrames(cursor: Cursor, segment: Segment, bytes: Buffer): void {
  for (;;) {
    const frame = decodeFrame(bytes, segment.end, cursor.chain, cursor.nextBatch)
    if (frame === null) return
    if (frame.truncateFrom !== 0) {
      cursor.table.truncate(frame.truncateFrom)
      cursor.nextIndex = Math.min(cursor.nextIndex, frame.truncateFrom)
    }
    addRecords(cursor, segment, frame)
    cursor.state = frame.state ?? cursor.state
    cursor.chain = frame.chain
    cursor.nextBatch += 1
    segment.end += frame.bytes
  }
}

function addRecords(cursor: Cursor, segment: Segment, frame: DecodedFrame): void {
  if (frame.records.length === 0) return
  if (frame.firstIndex !== cursor.nextIndex) {
    refuse(
      cursor,
      segment,
      `record ${cursor.nextIndex} is expected, the frame begins with ${frame.firstIndex}`,
    )
  }
  for (const { offset, bytes } of frame.located) cursor.table.add(segment.end + offset, bytes, frame.mask)
  cursor.nextIndex += frame.records.length
}

/** What follows the last good frame is the one write that never finished, or damage. Only the first may be cut. */
async function cutTornFrame(
  disk: Disk,
  cursor: Cursor,
  segment: Segment,
  bytes: Buffer,
): Promise<Recovered['torn']> {
  if (validFrameBehind(bytes, segment.end, cursor.nextBatch)) {
    refuse(cursor, segment, 'a frame is damaged, and valid frames lie behind it')
  }
  const claimed = claimedBytes(bytes, segment.end)
  const inFirstSector = SECTOR_BYTES - (segment.end % SECTOR_BYTES)
  if (!hasZeroSector(bytes, segment.end, claimed ?? inFirstSector)) {
    refuse(cursor, segment, 'the last frame is damaged, and not by a write that was cut short')
  }
  const copy = `${segment.path}.torn-${segment.end}`
  disk.replaceFile(copy, bytes.subarray(segment.end))
  await segment.file.write(Buffer.alloc(bytes.length - segment.end), segment.end)
  await segment.file.sync()
  return { path: segment.path, offset: segment.end, copy }
}

function validFrameBehind(bytes: Buffer, from: number, batch: number): boolean {
  for (let position = from; position < bytes.length; position += FRAME_ALIGNMENT) {
    const found = batchAt(bytes, position)
    if (found !== null && found >= batch && (position > from || found > batch)) return true
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

function refuse(cursor: Cursor, segment: Segment, what: string): never {
  const records = `records from ${cursor.nextIndex} on`
  throw new DamagedLog(`${segment.path}: at offset ${segment.end}, ${records}: ${what}. ${REMEDY}`)
}
