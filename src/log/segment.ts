import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { DiskFile } from '../io/disk.ts'

/**
 * A segment is one file of fixed size, filled with zeros before use: a header, then frames up to the first zero.
 *
 * ```
 *  0  8 bytes  magic
 *  8  u32      format version
 * 12  u32      CRC-32 of everything behind this field, up to HEADER_BYTES
 * 16  u64      sequence: 1, 2, 3, ... without a gap
 * 24  u64      index of the next record when the segment was begun
 * 32  u64      batch number of its first frame
 * 40  u32      chain value of the last frame before it
 * 44  u32      bytes of this file, a multiple of a sector
 * 48  blob     owner: the node and data directory that write this log
 *     blob     state: a copy of the newest one, so that older segments can go
 * ```
 */
export const SEGMENT_HEADER_BYTES = 4096
/** 1: no resets. 2: frames may be resets. */
export const FORMAT_VERSION = 2
const MAGIC = Buffer.from('DMQLOG\r\n')
/** All of a header but the bytes of the owner and of the state. */
const FIXED_BYTES = 48 + 4 + 1 + 4

export type SegmentHeader = {
  /** Who only reads older formats must not find newer frames behind this header: it refuses the file by this number. */
  readonly format: number
  readonly sequence: number
  readonly baseIndex: number
  readonly firstBatch: number
  readonly chain: number
  readonly bytes: number
  readonly owner: string
  readonly state: Buffer | null
}

export type Segment = {
  readonly header: SegmentHeader
  readonly path: string
  readonly file: DiskFile
  /** Where the next frame goes. */
  end: number
}

export function segmentName(header: SegmentHeader): string {
  return `${String(header.sequence).padStart(10, '0')}-${String(header.baseIndex).padStart(16, '0')}.log`
}

export function isSegmentName(name: string): boolean {
  return /^\d{10}-\d{16}\.log$/.test(name)
}

/** A larger state would find no place in the header of the next segment. */
export function stateBytesMax(owner: string): number {
  return SEGMENT_HEADER_BYTES - FIXED_BYTES - Buffer.byteLength(owner)
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const writer = new ByteWriter(SEGMENT_HEADER_BYTES)
  writer.bytes(MAGIC)
  writer.u32(header.format)
  writer.u32(0)
  writer.u64(header.sequence)
  writer.u64(header.baseIndex)
  writer.u64(header.firstBatch)
  writer.u32(header.chain)
  writer.u32(header.bytes)
  writer.text(header.owner)
  writer.u8(header.state === null ? 0 : 1)
  writer.blob(header.state ?? Buffer.alloc(0))
  assert(writer.length <= SEGMENT_HEADER_BYTES, 'the segment header fits in its place')
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  writer.finish().copy(bytes)
  bytes.writeUInt32LE(crc32(bytes.subarray(16)), 12)
  return bytes
}

/** Null when the bytes are not a sound header; an unknown version is told apart so that it can be named. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | { unknownVersion: number } | null {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null
  const format = bytes.readUInt32LE(8)
  if (format < 1 || format > FORMAT_VERSION) return { unknownVersion: format }
  if (crc32(bytes.subarray(16, SEGMENT_HEADER_BYTES)) !== bytes.readUInt32LE(12)) return null
  const reader = new ByteReader(bytes.subarray(16, SEGMENT_HEADER_BYTES))
  const sequence = reader.u64()
  const baseIndex = reader.u64()
  const firstBatch = reader.u64()
  const chain = reader.u32()
  const length = reader.u32()
  const owner = reader.text()
  const hasState = reader.u8() === 1
  const state = Buffer.from(reader.blob())
  return {
    format,
    sequence,
    baseIndex,
    firstBatch,
    chain,
    bytes: length,
    owner,
    state: hasState ? state : null,
  }
}
