import { crc32 } from 'node:zlib'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { DiskFile } from '../io/disk.ts'
import { DamagedLog } from './log.ts'

/**
 * A snapshot of the state behind the log, in one file that is written once and never changed:
 *
 * ```
 *  0  8 bytes  magic
 *  8  u32      format version
 * 12  u32      bytes of the head
 * 16  u32      CRC-32 of the head
 * 20  head     what the writer wants to know again before it reads the pieces
 *     pieces   each u32 length (not 0), u32 CRC-32 of the piece, seeded with the value of the one before; payload
 *     u32 0, u32 value of the last piece: the end
 * ```
 *
 * The value of the last piece is the checksum of the file: it covers head and pieces, and their order.
 */
export const SNAPSHOT_FORMAT = 1
const MAGIC = Buffer.from('DMQSNAP\n')
const FIXED_BYTES = 20
const PIECE_HEADER_BYTES = 8

const WRITE_BYTES = 1024 * 1024

/**
 * Writes head and pieces, pulling one piece at a time; `pause` is awaited after each, so that whoever makes them from a
 * living state decides how often. Not durable before the file is synced.
 */
export async function writeSnapshot(
  file: DiskFile,
  head: Uint8Array,
  pieces: Iterable<Uint8Array>,
  pause: () => Promise<void>,
): Promise<{ bytes: number; checksum: number }> {
  let checksum = crc32(head)
  let position = 0
  let waiting = [encodeHead(head, checksum)]
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(waiting)
    waiting = []
    await file.write(bytes, position)
    position += bytes.length
  }
  for (const piece of pieces) {
    checksum = crc32(piece, checksum)
    waiting.push(pieceHeader(piece.length, checksum), piece as Buffer)
    if (waiting.reduce((sum, part) => sum + part.length, 0) >= WRITE_BYTES) await flush()
    await pause()
  }
  waiting.push(pieceHeader(0, checksum))
  await flush()
  return { bytes: position, checksum }
}

function encodeHead(head: Uint8Array, checksum: number): Buffer {
  const writer = new ByteWriter(FIXED_BYTES + head.length)
  writer.bytes(MAGIC)
  writer.u32(SNAPSHOT_FORMAT)
  writer.u32(head.length)
  writer.u32(checksum)
  writer.bytes(head)
  return writer.finish()
}

function pieceHeader(length: number, checksum: number): Buffer {
  const header = Buffer.alloc(PIECE_HEADER_BYTES)
  header.writeUInt32LE(length, 0)
  header.writeUInt32LE(checksum, 4)
  return header
}

/** The head, and the checksum that the end of the file claims. Throws {@link DamagedLog}. */
export function readHead(
  file: DiskFile,
  path: string,
): { head: Buffer; checksum: number; firstPiece: number } {
  const fixed = readExactly(file, path, 0, FIXED_BYTES)
  const reader = new ByteReader(fixed)
  if (!Buffer.from(reader.bytes(MAGIC.length)).equals(MAGIC)) throw damaged(path, 'it is no snapshot')
  const version = reader.u32()
  if (version !== SNAPSHOT_FORMAT) {
    const text = `${path}: snapshot format ${version}, this release reads format ${SNAPSHOT_FORMAT}`
    throw new DamagedLog(`${text}. Start the release that wrote it.`)
  }
  const length = reader.u32()
  const headChecksum = reader.u32()
  if (FIXED_BYTES + length + PIECE_HEADER_BYTES > file.size) throw damaged(path, 'it is too short')
  const head = readExactly(file, path, FIXED_BYTES, length)
  if (crc32(head) !== headChecksum) throw damaged(path, 'its head fails its checksum')
  const end = readExactly(file, path, file.size - PIECE_HEADER_BYTES, PIECE_HEADER_BYTES)
  if (end.readUInt32LE(0) !== 0) throw damaged(path, 'it has no end')
  return { head, checksum: end.readUInt32LE(4), firstPiece: FIXED_BYTES + length }
}

/** The pieces in order, each checked. Throws {@link DamagedLog} at the first that is not what was written. */
export function* readPieces(file: DiskFile, path: string): Generator<Buffer> {
  const { head, firstPiece } = readHead(file, path)
  const { size } = file
  let checksum = crc32(head)
  for (let position = firstPiece; ; ) {
    const header = readExactly(file, path, position, PIECE_HEADER_BYTES)
    position += PIECE_HEADER_BYTES
    const length = header.readUInt32LE(0)
    const claimed = header.readUInt32LE(4)
    if (length === 0) {
      if (claimed === checksum && position === size) return
      throw damaged(path, 'its end does not fit its pieces')
    }
    if (position + length > size) throw damaged(path, 'a piece reaches behind its end')
    const payload = readExactly(file, path, position, length)
    checksum = crc32(payload, checksum)
    if (checksum !== claimed) throw damaged(path, `the piece at offset ${position} fails its checksum`)
    position += length
    yield payload
  }
}

function readExactly(file: DiskFile, path: string, position: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes)
  if (file.read(buffer, position) !== bytes) throw damaged(path, 'it is too short')
  return buffer
}

function damaged(path: string, what: string): DamagedLog {
  return new DamagedLog(`${path}: the snapshot is damaged: ${what}`)
}
