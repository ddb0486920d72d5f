import type { Socket } from 'node:net'

export const FRAME_BYTES_MAX = 32 * 1024 * 1024
/** Queued on one stream at most; beyond it, frames are dropped and the sender is told. */
const QUEUED_BYTES_MAX = 16 * 1024 * 1024

/**
 * Length-prefixed frames (u32 little-endian, then the bytes) on a socket. Everything that one turn of the event loop
 * sends leaves in one write.
 */
export class FrameSocket {
  readonly #socket: Socket
  readonly #onFrame: (frame: Buffer) => void
  #received: Buffer = Buffer.alloc(0)
  #corked = false

  /** `head`: bytes that arrived together with the upgrade. Frames are delivered from the next `data` event on. */
  constructor(socket: Socket, onFrame: (frame: Buffer) => void, onClose: (reason: string) => void) {
    this.#socket = socket
    this.#onFrame = onFrame
    let reason = 'closed by the other side'
    socket.setNoDelay(true)
    socket.setTimeout(0)
    socket.on('data', chunk => this.#receive(chunk))
    socket.on('error', error => {
      reason = error.message
    })
    socket.on('close', () => onClose(reason))
  }

  accept(head: Buffer): void {
    if (head.length > 0) this.#receive(head)
  }

  send(frame: Buffer): boolean {
    if (this.#socket.destroyed || this.#socket.writableLength > QUEUED_BYTES_MAX) return false
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32LE(frame.length)
    this.#socket.write(length)
    this.#socket.write(frame)
    return true
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    let rest = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    while (rest.length >= 4) {
      const length = rest.readUInt32LE(0)
      if (length > FRAME_BYTES_MAX) {
        this.#socket.destroy(new Error(`a frame of ${length} bytes is over the limit of ${FRAME_BYTES_MAX}`))
        return
      }
      if (rest.length < 4 + length) break
      this.#onFrame(rest.subarray(4, 4 + length))
      rest = rest.subarray(4 + length)
    }
    this.#received = rest
  }
}
