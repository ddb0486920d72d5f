import { crc32 } from 'node:zlib'
import { ByteWriter } from './bytes.ts'

/**
 * A head and pieces as one stream of bytes, each checked by itself and in its place:
 *
 * ```
 *  0  8 bytes  magic
 *  8  u32      format version
 * 12  u32      bytes of the head
 * 16  u32      CRC-32 of the head
 * 20  head     JSON
 *     pieces   each u32 length (not 0), u32 CRC-32 of the piece, seeded with the value of the one before; payload
 *     u32 0, u32 value of the last piece: the end
 * ```
 *
 * So a stream that was cut off, changed on the way or put together from two is never taken for a whole one.
 */
const MAGIC = Buffer.from('DMQPIECE')
const FORMAT = 1
const FIXED_BYTES = 20
const PIECE_HEADER_BYTES = 8
/** Longer ones are never written: what claims to be one is damaged. */
const PIECE_BYTES_MAX = 256 * 1024 * 1024

/** The bytes of head and pieces, made as they are pulled. Who gives up early gives up the pieces, too. */
export function* encodePieces(head: object, pieces: Iterable<Uint8Array>): Generator<Buffer> {
  const text = Buffer.from(JSON.stringify(head))
  let checksum = crc32(text)
  const source = pieces[Symbol.iterator]()
  try {
    // Begun before anything is given out: only what has begun can be given up.
    let next = source.next()
    yield encodeHead(text, checksum)
    for (; next.done !== true; next = source.next()) {
      checksum = crc32(next.value, checksum)
      yield Buffer.concat([header(next.value.length, checksum), next.value])
    }
    yield header(0, checksum)
  } finally {
    source.return?.()
  }
}

function encodeHead(text: Buffer, checksum: number): Buffer {
  const writer = new ByteWriter(FIXED_BYTES + text.length)
  writer.bytes(MAGIC)
  writer.u32(FORMAT)
  writer.u32(text.length)
  writer.u32(checksum)
  writer.bytes(text)
  return writer.finish()
}

function header(length: number, checksum: number): Buffer {
  const bytes = Buffer.alloc(PIECE_HEADER_BYTES)
  bytes.writeUInt32LE(length, 0)
  bytes.writeUInt32LE(checksum, 4)
  return bytes
}

/** What comes out of the bytes: the head first, then the pieces, then the end. */
export type Part =
  | { readonly kind: 'head'; readonly head: unknown }
  | { readonly kind: 'piece'; readonly piece: Buffer }
  | { readonly kind: 'end' }

/** Reads such a stream, however its bytes are cut. Throws at the first byte that is not what was written. */
export class PieceReader {
  #chunks: Buffer[] = []
  #bytes = 0
  #checksum: number | null = null
  #ended = false

  /** To be called when no more bytes come. */
  finish(): void {
    if (!this.#ended) throw new Error('it ends too early')
  }

  /** What is whole now. A piece is a view of what came, or a copy where it came in several chunks. */
  *take(chunk: Uint8Array): Generator<Part> {
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    this.#bytes += chunk.length
    for (let part = this.#next(); part !== null; part = this.#next()) yield part
  }

  #next(): Part | null {
    if (this.#ended) {
      if (this.#bytes > 0) throw new Error('something follows its end')
      return null
    }
    return this.#checksum === null ? this.#head() : this.#piece(this.#checksum)
  }

  #head(): Part | null {
    const fixed = this.#peek(FIXED_BYTES)
    if (fixed === null) return null
    if (!fixed.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('it does not begin as it should')
    const format = fixed.readUInt32LE(8)
    if (format !== FORMAT) throw new Error(`it has format ${format}, this release reads format ${FORMAT}`)
    const length = fixed.readUInt32LE(12)
    if (length > PIECE_BYTES_MAX) throw new Error(`its head claims ${length} bytes`)
    const whole = this.#peek(FIXED_BYTES + length)
    if (whole === null) return null
    const text = whole.subarray(FIXED_BYTES)
    this.#checksum = crc32(text)
    if (this.#checksum !== fixed.readUInt32LE(16)) throw new Error('its head fails its checksum')
    this.#drop(whole.length)
    return { kind: 'head', head: JSON.parse(text.toString()) }
  }

  #piece(before: number): Part | null {
    const fixed = this.#peek(PIECE_HEADER_BYTES)
    if (fixed === null) return null
    const length = fixed.readUInt32LE(0)
    if (length > PIECE_BYTES_MAX) throw new Error(`a piece claims ${length} bytes`)
    const whole = this.#peek(PIECE_HEADER_BYTES + length)
    if (whole === null) return null
    const piece = whole.subarray(PIECE_HEADER_BYTES)
    const checksum = length === 0 ? before : crc32(piece, before)
    if (checksum !== fixed.readUInt32LE(4)) throw new Error('a piece fails its checksum')
    this.#drop(whole.length)
    this.#checksum = checksum
    this.#ended = length === 0
    return this.#ended ? { kind: 'end' } : { kind: 'piece', piece }
  }

  /** The next bytes, joined; null while fewer are here. */
  #peek(count: number): Buffer | null {
    if (this.#bytes < count) return null
    if ((this.#chunks[0]?.length ?? 0) < count) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]?.subarray(0, count) ?? Buffer.alloc(0)
  }

  #drop(count: number): void {
    this.#bytes -= count
    const rest = this.#chunks[0]!.subarray(count)
    if (rest.length === 0) this.#chunks.shift()
    else this.#chunks[0] = rest
  }
}
