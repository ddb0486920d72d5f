import type { Socket } from 'node:net'
import { Readable } from 'node:stream'

const AHEAD_BYTES = 256 * 1024

/** Bytes made as they are wanted, as Node's servers send them. Who stops reading stops their making. */
export function byteStream(bytes: AsyncIterable<Uint8Array>): Readable {
  return Readable.from(bytes, { objectMode: false, highWaterMark: AHEAD_BYTES })
}

/** Ends the stream when nothing moves on its socket for so long. */
export function endWhenIdle(stream: Readable, socket: Socket, idleMs: number): void {
  socket.setTimeout(idleMs, () => stream.destroy(new Error(`nothing was read for ${idleMs} ms`)))
}
