import { crc32 } from 'node:zlib'
import { ByteReader, MalformedBytes, readU64, writeU64 } from '../base/bytes.ts'

/**
 * One batch of records, written in one piece and durable as one.
 *
 * ```
 *  0  u32  bytes of the whole frame, a multiple of 8
 *  4  u32  chain: CRC-32 of everything behind this field, seeded with the chain value of the frame before
 *  8  u64  batch: grows by one from frame to frame, across segments
 * 16  u64  truncateFrom: records from this index on are void; 0 = none
 * 24  u64  first index of the records in this frame; 0 = no records
 * 32  u32  number of records
 * 36  u32  bytes of the state, 0xFFFFFFFF = the frame carries none
 * 40  u8   mask, XORed over everything from 48 on; 41 to 47 are 0xFF
 * 48  state, then the records: each u32 length, u32 CRC-32, payload; then 0xFF up to a multiple of 8
 * ```
 *
 * The chain makes a stale, missing or misplaced frame as visible as a damaged one. Segments are filled with zeros before
 * use, and `mask` is chosen so that no sector of a frame is all zero: a zero sector inside a frame is proof that the
 * write did not finish.
 */
export type Frame = {
  readonly batch: number
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

export function frameBytes(frame: Omit<Frame, 'batch'>): number {
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
  writeU64(buffer, frame.firstIndex, 24)
  buffer.writeUInt32LE(frame.records.length, 32)
  buffer.writeUInt32LE(frame.state?.length ?? NO_STATE, 36)
  buffer.fill(0xff, 40, HEADER_BYTES)
  const located = writeBody(buffer, frame)
  const mask = chooseMask(buffer, position)
  applyMaskTo(buffer.subarray(HEADER_BYTES), mask)
  buffer[40] = mask
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

/** The least mask under which no sector of the frame becomes all zero; nearly always 0, which changes nothing. */
function chooseMask(buffer: Buffer, position: number): number {
  const uniform = new Set<number>()
  for (const [start, end] of sectors(position, buffer.length)) {
    if (start < HEADER_BYTES) continue
    const value = buffer[start]!
    if (isFilledWith(buffer, value, start, end)) uniform.add(value)
  }
  for (let mask = 0; mask < 256; mask++) if (!uniform.has(mask)) return mask
  throw new MalformedBytes('a frame cannot hold a sector of every byte value')
}

/** Masks, or unmasks, all bytes. */
export function applyMaskTo(bytes: Buffer, mask: number): void {
  if (mask !== 0) for (let i = 0; i < bytes.length; i++) bytes[i]! ^= mask
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

function isFilledWith(buffer: Buffer, value: number, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buffer[i] !== value) return false
  return true
}

/** True when some sector of the `bytes` from `position` on is all zero: the write that should fill it never finished. */
export function hasZeroSector(buffer: Buffer, position: number, bytes: number): boolean {
  for (const [start, end] of sectors(position, bytes)) {
    if (isFilledWith(buffer, 0, position + start, position + end)) return true
  }
  return false
}

/** The length that a frame header claims, if it can be one. */
export function claimedBytes(segment: Buffer, position: number): number | null {
  if (position + HEADER_BYTES > segment.length) return null
  const bytes = segment.readUInt32LE(position)
  const possible =
    bytes >= HEADER_BYTES && bytes % FRAME_ALIGNMENT === 0 && position + bytes <= segment.length
  return possible ? bytes : null
}

/** The batch number at `position`, if a whole frame with a sound checksum for *some* chain could be there; else null. */
export function batchAt(segment: Buffer, position: number): number | null {
  const bytes = claimedBytes(segment, position)
  if (bytes === null) return null
  try {
    readBody(Buffer.from(segment.subarray(position, position + bytes)))
    return readU64(segment, position + 8)
  } catch {
    return null
  }
}

/** The frame at `position`, or null if what lies there is not the frame that follows `chainBefore` and `batch`. */
export function decodeFrame(
  segment: Buffer,
  position: number,
  chainBefore: number,
  batch: number,
): DecodedFrame | null {
  const bytes = claimedBytes(segment, position)
  if (bytes === null) return null
  const chain = segment.readUInt32LE(position + 4)
  if (crc32(segment.subarray(position + 8, position + bytes), chainBefore) !== chain) return null
  const frame = Buffer.from(segment.subarray(position, position + bytes))
  const decoded = readBody(frame)
  return decoded.batch === batch ? { ...decoded, bytes, chain, mask: frame[40]! } : null
}

/** Reads a frame of its own buffer, unmasking it in place. Throws {@link MalformedBytes}. */
function readBody(frame: Buffer) {
  const count = frame.readUInt32LE(32)
  const stateBytes = frame.readUInt32LE(36)
  applyMaskTo(frame.subarray(HEADER_BYTES), frame[40]!)
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
    batch: readU64(frame, 8),
    truncateFrom: readU64(frame, 16),
    firstIndex: readU64(frame, 24),
    records,
    state,
    located,
  }
}
