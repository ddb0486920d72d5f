import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { encodePieces } from '../base/piece-stream.ts'
import type { Disk } from '../io/disk.ts'
import type { Image } from '../metadata/image.ts'
import { writeImage } from '../metadata/snapshot.ts'
import { readImageStream } from './image-stream.ts'
import type { ImageHead } from './metadata-copy.ts'

const NAME = 'metadata-copy'
const CHUNK_BYTES = 1024 * 1024

/**
 * The copy of the metadata on the disk of a storage node: one file, in the form in which metadata nodes send it. Replaced
 * as a whole: written aside, synced, renamed. So a start finds the one before or the new one, and nothing between them;
 * what is damaged all the same is told and thrown away, since every metadata node has it.
 */
export class CopyFile {
  readonly path: string
  readonly #folder: string
  readonly #disk: Disk
  readonly #pause: () => Promise<void>

  /** `pause` is awaited between two pieces, so that everything else goes on. */
  constructor(disk: Disk, folder: string, pause: () => Promise<void>) {
    this.#disk = disk
    this.#folder = folder
    this.#pause = pause
    this.path = join(folder, NAME)
  }

  /** Null: there is none. A damaged one is removed, and then throws why. */
  async load(): Promise<{ head: ImageHead; image: Image } | null> {
    if (this.#disk.exists(this.#aside)) this.#disk.remove(this.#aside)
    if (!this.#disk.exists(this.path)) return null
    try {
      return await readImageStream(this.#chunks(), this.#pause)
    } catch (error) {
      this.#disk.remove(this.path)
      throw new Error(`${this.path}: ${messageOf(error)}`)
    }
  }

  *#chunks(): Generator<Buffer> {
    const file = this.#disk.open(this.path, 'existing')
    try {
      for (let position = 0; position < file.size; ) {
        const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
        const bytes = file.read(chunk, position)
        position += bytes
        yield chunk.subarray(0, bytes)
      }
    } finally {
      file.close()
    }
  }

  /** Writes the image as it is when this is called. Durable when the promise resolves; throws what the disk throws. */
  async save(head: ImageHead, image: Image): Promise<void> {
    const file = this.#disk.open(this.#aside, 'create')
    try {
      let position = 0
      for (const bytes of joined(encodePieces(head, writeImage(image)))) {
        await file.write(bytes, position)
        position += bytes.length
        await this.#pause()
      }
      await file.sync()
    } finally {
      file.close()
    }
    this.#disk.rename(this.#aside, this.path)
    this.#disk.syncFolder(this.#folder)
  }

  get #aside(): string {
    return `${this.path}.tmp`
  }
}

/** Small pieces in one write. */
function* joined(parts: Iterable<Buffer>): Generator<Buffer> {
  let waiting: Buffer[] = []
  let bytes = 0
  for (const part of parts) {
    waiting.push(part)
    bytes += part.length
    if (bytes < CHUNK_BYTES / 4) continue
    yield Buffer.concat(waiting)
    waiting = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(waiting)
}
