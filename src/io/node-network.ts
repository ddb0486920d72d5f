import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { ClusterKey } from './cluster-key.ts'
import { FRAME_BYTES_MAX, FrameSocket } from './frame-socket.ts'
import type { Connection, ConnectionEvents, Network, Target } from './network.ts'

export const STREAM_PROTOCOL = 'dmq-raft'
export const STREAM_PATH = '/api/v1/raft/stream'
const CONNECT_TIMEOUT_MS = 2_000
/** Who has not proved the key yet is owed neither memory nor time. */
const PROOF_BYTES_MAX = 64
const PROOF_TIMEOUT_MS = 2_000

/**
 * Streams opened as HTTP on the REST port and upgraded. Both sides prove the cluster key before the first frame:
 *
 * ```
 * dialer   -> GET /api/v1/raft/stream, Upgrade: dmq-raft, DMQ-Node: 1 2 (from, to), DMQ-Nonce: a
 * acceptor -> 101, DMQ-Nonce: b, DMQ-Proof: hash(key, "acceptor", from, to, a, b)
 * dialer   -> first frame: hash(key, "dialer", from, to, a, b)
 * ```
 *
 * The nonces are fresh on both sides, so a recorded handshake is worth nothing.
 */
export class NodeNetwork implements Network {
  readonly #nodeId: number
  readonly #key: ClusterKey

  constructor(nodeId: number, key: ClusterKey) {
    this.#nodeId = nodeId
    this.#key = key
  }

  connect(target: Target, events: ConnectionEvents): Connection {
    const ends: Ends = { from: this.#nodeId, to: target.nodeId, dialerNonce: ClusterKey.nonce() }
    let stream: FrameSocket | null = null
    let over = false
    const finish = (reason: string): void => {
      if (over) return
      over = true
      events.closed(reason)
    }
    const dial = request({
      ...address(target),
      headers: requestHeaders(ends),
      timeout: CONNECT_TIMEOUT_MS,
      agent: false,
    })
    dial.on('timeout', () => dial.destroy(new Error(`no answer in ${CONNECT_TIMEOUT_MS} ms`)))
    dial.on('error', error => finish(error.message))
    dial.on('response', response => {
      response.destroy()
      finish(`refused with status ${response.statusCode}`)
    })
    dial.on('upgrade', (response, socket, head) => {
      const acceptorNonce = String(response.headers['dmq-nonce'])
      const proof = String(response.headers['dmq-proof'])
      if (over || !this.#key.verify(proof, ...parts('acceptor', ends, acceptorNonce))) {
        socket.destroy()
        finish('the other side has another cluster key')
        return
      }
      stream = new FrameSocket(socket as Socket, frame => events.frame(frame), finish)
      stream.send(Buffer.from(this.#key.prove(...parts('dialer', ends, acceptorNonce))))
      events.opened()
      stream.accept(head)
    })
    dial.end()
    return {
      send: frame => stream?.send(frame) ?? false,
      close: () => {
        stream?.close()
        dial.destroy()
        finish('closed')
      },
    }
  }

  /** The acceptor's half. `onFrame` gets only frames of a dialer that proved the key. Returns false if it was refused. */
  accept(incoming: IncomingMessage, socket: Socket, head: Buffer, events: AcceptedEvents): boolean {
    const ends = endsOf(incoming)
    if (ends === null || ends.to !== this.#nodeId) {
      refuse(socket, `this is metadata node ${this.#nodeId}; ${UPGRADE_EXPECTED}`)
      return false
    }
    const acceptorNonce = ClusterKey.nonce()
    const proof = this.#key.prove(...parts('acceptor', ends, acceptorNonce))
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${STREAM_PROTOCOL}\r\n` +
        `DMQ-Nonce: ${acceptorNonce}\r\nDMQ-Proof: ${proof}\r\n\r\n`,
    )
    let proven = false
    const onFrame = (frame: Buffer): void => {
      if (proven) return events.frame(ends.from, frame)
      proven = this.#key.verify(frame.toString('latin1'), ...parts('dialer', ends, acceptorNonce))
      if (!proven) return stream.close()
      clearTimeout(deadline)
      stream.frameBytesMax = FRAME_BYTES_MAX
    }
    const stream: FrameSocket = new FrameSocket(socket, onFrame, () => {
      clearTimeout(deadline)
      events.closed(stream)
    })
    stream.frameBytesMax = PROOF_BYTES_MAX
    const deadline = setTimeout(() => stream.close(), PROOF_TIMEOUT_MS)
    events.opened(stream)
    stream.accept(head)
    return true
  }
}

export type AcceptedEvents = {
  opened(stream: FrameSocket): void
  frame(from: number, bytes: Buffer): void
  closed(stream: FrameSocket): void
}

type Ends = { readonly from: number; readonly to: number; readonly dialerNonce: string }

function parts(
  side: 'dialer' | 'acceptor',
  { from, to, dialerNonce }: Ends,
  acceptorNonce: string,
): string[] {
  return [side, String(from), String(to), dialerNonce, acceptorNonce]
}

function address({ host, port }: Target) {
  return { host, port, path: STREAM_PATH }
}

function requestHeaders({ from, to, dialerNonce }: Ends) {
  return {
    Connection: 'Upgrade',
    Upgrade: STREAM_PROTOCOL,
    'DMQ-Node': `${from} ${to}`,
    'DMQ-Nonce': dialerNonce,
  }
}

const UPGRADE_EXPECTED = `a stream needs the headers "Upgrade: ${STREAM_PROTOCOL}", "DMQ-Node: <from> <to>" and "DMQ-Nonce"`

/** In the form in which the REST API tells of errors. */
function refuse(socket: Socket, message: string): void {
  const body = JSON.stringify({ error: { code: 'INVALID_REQUEST', message } })
  socket.on('error', () => {})
  socket.end(
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

function endsOf({ headers }: IncomingMessage): Ends | null {
  const nodes = /^(\d{1,10}) (\d{1,10})$/.exec(String(headers['dmq-node'] ?? ''))
  const dialerNonce = headers['dmq-nonce']
  if (headers.upgrade?.toLowerCase() !== STREAM_PROTOCOL) return null
  if (nodes === null || typeof dialerNonce !== 'string' || dialerNonce.length > 64) return null
  return { from: Number(nodes[1]), to: Number(nodes[2]), dialerNonce }
}
