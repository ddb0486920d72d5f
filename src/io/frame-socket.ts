import type { Socket } from 'node:net'

export const FRAME_BYTES_MAX = 32 * 1024 * 1024
/** Queued on one stream at most; beyond it, frames are dropped and the sender is told. */
const QUEUED_BYTES_MAX = 16 * 1024 * 1024

/** Nothing leaves for so long: the other side is gone without a word. */
const STUCK_MS = 5_000
/** A last frame that is not taken for so long is given up. */
const LAST_FRAME_MS = 2_000

/**
 * Length-prefixed frames (u32 little-endian, then the bytes) on a socket. Everything that one turn of the event loop
 * sends leaves in one write.
 */
export class FrameSocket {
  readonly #socket: Socket
  readonly #onFrame: (frame: Buffer) => void
  /** What arrived and is not delivered; joined only when a frame is whole, so that a long one is copied once. */
  #received: Buffer[] = []
  #receivedBytes = 0
  /** As many make the next step possible: a length, or a length with its frame. */
  #wantedBytes = 4
  #outgoing: Buffer[] = []
  #outgoingBytes = 0
  #queued = 0
  /** When the queue was last seen empty or shorter than before. */
  #flowedAt = performance.now()
  /** A longer frame from the other side ends the stream. */
  frameBytesMax = FRAME_BYTES_MAX
  #finished = false

  /** `head`: bytes that arrived together with the upgrade. Frames are delivered from the next `data` event on. */
  constructor(socket: Socket, onFrame: (frame: Buffer) => void, onClose: (reason: string) => void) {
    this.#socket = socket
    this.#onFrame = onFrame
    let reason = 'closed by the other side'
    socket.setNoDelay(true)
    socket.setTimeout(0)
    socket.on('data', chunk => this.#receive(chunk))
    // Sockets of an HTTP server stay open for writing when the other side ends; a stream ends with either half.
    socket.on('end', () => socket.destroy())
    socket.on('error', error => {
      reason = error.message
    })
    socket.on('close', () => onClose(reason))
  }

  accept(head: Buffer): void {
    if (head.length > 0) this.#receive(head)
  }

  send(frame: Buffer): boolean {
    if (
      this.#socket.destroyed ||
      this.#socket.writableLength + this.#outgoingBytes > QUEUED_BYTES_MAX ||
      this.#isStuck()
    )
      return false
    if (this.#outgoing.length === 0) process.nextTick(() => this.#flush())
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32LE(frame.length)
    this.#outgoing.push(length, frame)
    this.#outgoingBytes += length.length + frame.length
    return true
  }

  /** One buffer is one system call without the detour through vectors of small ones. */
  #flush(): void {
    const bytes = this.#outgoing.length === 0 ? null : Buffer.concat(this.#outgoing)
    this.#outgoing = []
    this.#outgoingBytes = 0
    if (bytes !== null && !this.#socket.destroyed) this.#socket.write(bytes)
  }

  /** A host that went silent takes nothing more; the stream to it is given up and dialled anew. */
  #isStuck(): boolean {
    const queued = this.#socket.writableLength
    if (queued === 0 || queued < this.#queued) this.#flowedAt = performance.now()
    this.#queued = queued
    if (performance.now() - this.#flowedAt < STUCK_MS) return false
    this.#socket.destroy(new Error(`took nothing for ${STUCK_MS} ms`))
    return true
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Sends a last frame, takes none any more, and closes. */
  finish(frame: Buffer): void {
    this.send(frame)
    this.#finished = true
    this.#flush()
    this.#socket.setTimeout(LAST_FRAME_MS, () => this.#socket.destroy())
    this.#socket.destroySoon()
  }

  #receive(chunk: Buffer): void {
    if (this.#finished) return
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    if (this.#receivedBytes < this.#wantedBytes) return
    let rest = this.#received.length === 1 ? chunk : Buffer.concat(this.#received)
    while (rest.length >= 4) {
      const length = rest.readUInt32LE(0)
      if (length > this.frameBytesMax) {
        this.#socket.destroy(
          new Error(`a frame of ${length} bytes is over the limit of ${this.frameBytesMax}`),
        )
        return
      }
      if (rest.length < 4 + length) break
      this.#onFrame(rest.subarray(4, 4 + length))
      if (this.#socket.destroyed || this.#finished) return
      rest = rest.subarray(4 + length)
    }
    this.#received = rest.length === 0 ? [] : [rest]
    this.#receivedBytes = rest.length
    this.#wantedBytes = rest.length < 4 ? 4 : 4 + rest.readUInt32LE(0)
  }
}
