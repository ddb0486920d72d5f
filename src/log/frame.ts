import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { ByteReader, MalformedBytes, readU64, writeU64 } from '../base/bytes.ts'

/**
 * One batch of records, or a part of a batch that is too large for one write; written in one piece.
 *
 * ```
 *  0  u32  bytes of the whole frame, a multiple of 8
 *  4  u32  chain: CRC-32 of everything behind this field, seeded with the chain value of the frame before
 *  8  u64  batch: number of the frame, grows by one from frame to frame, across segments
 * 16  u64  truncateFrom: records from this index on are void; 0 = none. In a reset: all are, and the next one has this index
 * 24  u64  first index of the records in this frame; 0 = no records
 * 32  u32  number of records
 * 36  u32  bytes of the state, 0xFFFFFFFF = the frame carries none
 * 40  u16  mask, XORed over everything from 48 on, two bytes at a time
 * 42  u8   bits: 1 = the first of its batch, 2 = the last (nearly always both), 4 = a reset
 * 43  u8   0xFF
 * 44  u32  CRC-32 of the header, 0 to 3 and 8 to 43
 * 48  state, then the records: each u32 length, u32 CRC-32, payload; then 0xFF up to a multiple of 8
 * ```
 *
 * The chain makes a stale, missing or misplaced frame as visible as a damaged one. Segments are filled with zeros before
 * use, and `mask` is chosen so that no sector of a frame is all zero: a zero sector inside a frame is proof that the
 * write did not finish. Where the frame ends must be certain for that, so the header has a checksum of its own.
 */
export type Frame = {
  readonly batch: number
  readonly first: boolean
  readonly last: boolean
  readonly reset: boolean
  readonly truncateFrom: number
  readonly firstIndex: number
  readonly records: readonly Buffer[]
  readonly state: Buffer | null
}

export type LocatedRecord = { readonly offset: number; readonly bytes: number }
export type DecodedFrame = Frame & {
  readonly bytes: number
  readonly chain: number
  readonly mask: number
  /** Where each payload lies, from the start of the frame. */
  readonly located: readonly LocatedRecord[]
}

export const SECTOR_BYTES = 512
export const FRAME_ALIGNMENT = 8
const HEADER_BYTES = 48
export const RECORD_HEADER_BYTES = 8
const NO_STATE = 0xffff_ffff
const FIRST = 1
const LAST = 2
const RESET = 4

export function frameBytes(frame: Pick<Frame, 'records' | 'state'>): number {
  let bytes = HEADER_BYTES + (frame.state?.length ?? 0)
  for (const record of frame.records) bytes += RECORD_HEADER_BYTES + record.length
  return Math.ceil(bytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT
}

/** Encodes a frame that is to lie at `position` of its segment. Returns its bytes, chain value and payload offsets. */
export function encodeFrame(frame: Frame, chainBefore: number, position: number) {
  const bytes = frameBytes(frame)
  const buffer = Buffer.allocUnsafe(bytes)
  buffer.writeUInt32LE(bytes, 0)
  writeU64(buffer, frame.batch, 8)
  writeU64(buffer, frame.truncateFrom, 16)
  writeU64(buffer, frame.records.length === 0 ? 0 : frame.firstIndex, 24)
  buffer.writeUInt32LE(frame.records.length, 32)
  buffer.writeUInt32LE(frame.state?.length ?? NO_STATE, 36)
  buffer[42] = (frame.first ? FIRST : 0) | (frame.last ? LAST : 0) | (frame.reset ? RESET : 0)
  buffer[43] = 0xff
  const located = writeBody(buffer, frame)
  const mask = chooseMask(buffer, position)
  applyMaskTo(buffer.subarray(HEADER_BYTES), mask, HEADER_BYTES)
  buffer.writeUInt16LE(mask, 40)
  buffer.writeUInt32LE(headerChecksum(buffer, 0), 44)
  const chain = crc32(buffer.subarray(8), chainBefore)
  buffer.writeUInt32LE(chain, 4)
  return { buffer, chain, mask, located }
}

function writeBody(buffer: Buffer, frame: Frame): LocatedRecord[] {
  let offset = HEADER_BYTES
  if (frame.state !== null) offset += frame.state.copy(buffer, offset)
  const located: LocatedRecord[] = []
  for (const record of frame.records) {
    buffer.writeUInt32LE(record.length, offset)
    buffer.writeUInt32LE(crc32(record), offset + 4)
    located.push({ offset: offset + RECORD_HEADER_BYTES, bytes: record.length })
    offset += RECORD_HEADER_BYTES + record.copy(buffer, offset + RECORD_HEADER_BYTES)
  }
  buffer.fill(0xff, offset)
  return located
}

/**
 * The least mask under which no sector of the frame becomes all zero; nearly always 0, which changes nothing. A sector
 * rules out one mask at most, so that there is one for every frame of fewer sectors than there are masks.
 */
function chooseMask(buffer: Buffer, position: number): number {
  const taken = new Set<number>()
  for (const [start, end] of sectors(position, buffer.length)) {
    if (start < HEADER_BYTES) continue
    const pair = repeatedPair(buffer, start, end)
    if (pair !== null) taken.add(pair)
  }
  let mask = 0
  while (taken.has(mask)) mask += 1
  assert(mask <= 0xffff, 'a frame has fewer sectors than there are masks')
  return mask
}

/** Masks, or unmasks, all bytes; the first of them lies at `offset`, counted from the start of a frame or segment. */
export function applyMaskTo(bytes: Buffer, mask: number, offset: number): void {
  if (mask === 0) return
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= (offset + i) % 2 === 0 ? mask & 0xff : mask >>> 8
}

/** The parts of `[position, position + bytes)` that lie in one sector each, relative to `position`. */
function* sectors(position: number, bytes: number): Generator<[number, number]> {
  let start = 0
  while (start < bytes) {
    const end = Math.min(bytes, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES))
    yield [start, end]
    start = end
  }
}

/** The two bytes that fill all of `[start, end)` again and again, as a number; null if there are none. */
function repeatedPair(buffer: Buffer, start: number, end: number): number | null {
  const pair = buffer.readUInt16LE(start)
  if (buffer.readUInt16LE(end - 2) !== pair) return null
  return buffer.subarray(start + 2, end).equals(buffer.subarray(start, end - 2)) ? pair : null
}

/** True when some sector of the `bytes` from `position` on is all zero: the write that should fill it never finished. */
export function hasZeroSector(buffer: Buffer, position: number, bytes: number): boolean {
  for (const [start, end] of sectors(position, bytes)) {
    if (repeatedPair(buffer, position + start, position + end) === 0) return true
  }
  return false
}

/** What the frame header at `position` says; null if no sound one is there. */
export function headerAt(segment: Buffer, position: number): { bytes: number; batch: number } | null {
  if (position + HEADER_BYTES > segment.length) return null
  const bytes = segment.readUInt32LE(position)
  const possible =
    bytes >= HEADER_BYTES && bytes % FRAME_ALIGNMENT === 0 && position + bytes <= segment.length
  if (!possible || segment.readUInt32LE(position + 44) !== headerChecksum(segment, position)) return null
  return { bytes, batch: readU64(segment, position + 8) }
}

function headerChecksum(buffer: Buffer, position: number): number {
  const length = crc32(buffer.subarray(position, position + 4))
  return crc32(buffer.subarray(position + 8, position + 44), length)
}

/** From `position` to the end of the last sector that a frame header there lies in. */
export function headerSectorBytes(segment: Buffer, position: number): number {
  const end = Math.ceil((position + HEADER_BYTES) / SECTOR_BYTES) * SECTOR_BYTES
  return Math.min(end, segment.length) - position
}

/** The frame at `position`, or null if what lies there is not the frame that follows `chainBefore` and `batch`. */
export function decodeFrame(
  segment: Buffer,
  position: number,
  chainBefore: number,
  batch: number,
): DecodedFrame | null {
  const header = headerAt(segment, position)
  if (header === null || header.batch !== batch) return null
  const frame = Buffer.from(segment.subarray(position, position + header.bytes))
  const chain = frame.readUInt32LE(4)
  if (crc32(frame.subarray(8), chainBefore) !== chain) return null
  try {
    return { ...readBody(frame), ...header, chain }
  } catch (error) {
    if (error instanceof MalformedBytes) return null
    throw error
  }
}

/** Reads a frame of its own buffer, unmasking it in place. Throws {@link MalformedBytes}. */
function readBody(frame: Buffer) {
  const count = frame.readUInt32LE(32)
  const stateBytes = frame.readUInt32LE(36)
  const mask = frame.readUInt16LE(40)
  applyMaskTo(frame.subarray(HEADER_BYTES), mask, HEADER_BYTES)
  const reader = new ByteReader(frame.subarray(HEADER_BYTES))
  const state = stateBytes === NO_STATE ? null : reader.bytes(stateBytes)
  const records: Buffer[] = []
  const located: LocatedRecord[] = []
  for (let i = 0; i < count; i++) {
    const length = reader.u32()
    const crc = reader.u32()
    located.push({ offset: frame.length - reader.remaining, bytes: length })
    const record = reader.bytes(length)
    if (crc32(record) !== crc) throw new MalformedBytes('a record fails its checksum')
    records.push(record)
  }
  return {
    first: (frame[42]! & FIRST) !== 0,
    last: (frame[42]! & LAST) !== 0,
    reset: (frame[42]! & RESET) !== 0,
    truncateFrom: readU64(frame, 16),
    firstIndex: readU64(frame, 24),
    records,
    state,
    located,
    mask,
  }
}
