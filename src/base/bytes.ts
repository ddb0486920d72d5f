/**
 * Sequential writer of little-endian fields into one growing buffer.
 * `finish` returns a view of what was written; the writer must not be used afterwards.
 */
export class ByteWriter {
  #buffer: Buffer
  #length = 0

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#length] = value
    this.#length += 1
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#buffer.writeUInt32LE(value, this.#length)
    this.#length += 4
  }

  /** A non-negative safe integer in eight bytes. */
  u64(value: number): void {
    this.#reserve(8)
    writeU64(this.#buffer, value, this.#length)
    this.#length += 8
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  /** A length-prefixed byte string. */
  blob(value: Uint8Array): void {
    this.u32(value.length)
    this.bytes(value)
  }

  /** A length-prefixed UTF-8 string. */
  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.u32(length)
    this.#reserve(length)
    this.#buffer.write(value, this.#length, 'utf8')
    this.#length += length
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** Bytes that do not decode. The sender or the disk is at fault, never the reader. */
export class MalformedBytes extends Error {
  override name = 'MalformedBytes'
}

/** Sequential reader of what {@link ByteWriter} wrote; views, no copies. Throws {@link MalformedBytes}. */
export class ByteReader {
  readonly #buffer: Buffer
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset
  }

  u8(): number {
    return this.#buffer[this.#take(1)]!
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4))
  }

  u64(): number {
    return readU64(this.#buffer, this.#take(8))
  }

  bytes(length: number): Buffer {
    const start = this.#take(length)
    return this.#buffer.subarray(start, start + length)
  }

  blob(): Buffer {
    return this.bytes(this.u32())
  }

  text(): string {
    const length = this.u32()
    const start = this.#take(length)
    return this.#buffer.toString('utf8', start, start + length)
  }

  /** Every message is read to its end: left-over bytes mean that the two sides disagree about its form. */
  end(): void {
    if (this.remaining !== 0) throw new MalformedBytes(`${this.remaining} bytes left over`)
  }

  #take(length: number): number {
    if (length > this.remaining) throw new MalformedBytes(`${length} bytes expected, ${this.remaining} left`)
    const start = this.#offset
    this.#offset += length
    return start
  }
}

export function writeU64(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32LE(value >>> 0, offset)
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4)
}

export function readU64(buffer: Buffer, offset: number): number {
  const value = buffer.readUInt32LE(offset + 4) * 0x1_0000_0000 + buffer.readUInt32LE(offset)
  if (!Number.isSafeInteger(value)) throw new MalformedBytes('integer over 2^53')
  return value
}
