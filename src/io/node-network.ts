import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { ClusterKey } from './cluster-key.ts'
import { FRAME_BYTES_MAX, FrameSocket } from './frame-socket.ts'
import type { Connection, ConnectionEvents, Network, Target } from './network.ts'
import { refusalOf, refuse } from './upgrade-refusal.ts'

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
 * dialer   -> GET /api/v1/raft/stream, Upgrade: dmq-raft, DMQ-Node: 1 2 (from, to), DMQ-Nonce: a, DMQ-Protocol: 1-2
 * acceptor -> 101, DMQ-Nonce: b, DMQ-Proof: hash(key, "acceptor", from, to, a, b), DMQ-Protocol: 2 (the newest common one)
 * dialer   -> first frame: hash(key, "dialer", from, to, a, b)
 * ```
 *
 * The nonces are fresh on both sides, so a recorded handshake is worth nothing. A release that names no protocols speaks 1.
 */
export class NodeNetwork implements Network {
  readonly #nodeId: number
  readonly #key: ClusterKey
  readonly #protocols: Protocols

  constructor(nodeId: number, key: ClusterKey, protocols: Protocols) {
    this.#nodeId = nodeId
    this.#key = key
    this.#protocols = protocols
  }

  connect(target: Target, events: ConnectionEvents): Connection {
    const ends: Ends = { from: this.#nodeId, to: target.nodeId, dialerNonce: ClusterKey.nonce() }
    let stream: FrameSocket | null = null
    let over = false
    const finish = (reason: string, refused = false): void => {
      if (over) return
      over = true
      events.closed(reason, refused)
    }
    const dial = request({
      ...address(target),
      headers: requestHeaders(ends, this.#protocols),
      timeout: CONNECT_TIMEOUT_MS,
      agent: false,
    })
    dial.on('timeout', () => dial.destroy(new Error(`no answer in ${CONNECT_TIMEOUT_MS} ms`)))
    dial.on('error', error => finish(error.message, (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'))
    dial.on('response', response => void refusalOf(response).then(finish))
    dial.on('upgrade', (response, socket, head) => {
      const acceptorNonce = String(response.headers['dmq-nonce'])
      const proof = String(response.headers['dmq-proof'])
      if (over || !this.#key.verify(proof, ...parts('acceptor', ends, acceptorNonce))) {
        socket.destroy()
        finish('the other side has another cluster key')
        return
      }
      const protocol = Number(response.headers['dmq-protocol'] ?? 1)
      if (!speaks(this.#protocols, protocol)) {
        socket.destroy()
        finish(`it speaks protocol ${protocol}, this node ${rangeOf(this.#protocols)}`)
        return
      }
      stream = new FrameSocket(socket as Socket, frame => events.frame(frame), finish)
      stream.send(Buffer.from(this.#key.prove(...parts('dialer', ends, acceptorNonce))))
      events.opened(protocol)
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
    const protocol = Math.min(ends.protocols.newest, this.#protocols.newest)
    if (!speaks(this.#protocols, protocol) || !speaks(ends.protocols, protocol)) {
      const text = `node ${ends.from} speaks Raft protocol ${rangeOf(ends.protocols)}, node ${ends.to} ${rangeOf(this.#protocols)}`
      refuse(socket, `${text}: these releases cannot be in one quorum; upgrade by a release between them`)
      return false
    }
    const acceptorNonce = ClusterKey.nonce()
    const proof = this.#key.prove(...parts('acceptor', ends, acceptorNonce))
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${STREAM_PROTOCOL}\r\n` +
        `DMQ-Nonce: ${acceptorNonce}\r\nDMQ-Proof: ${proof}\r\nDMQ-Protocol: ${protocol}\r\n\r\n`,
    )
    let proven = false
    let opened: Accepted | null = null
    const onFrame = (frame: Buffer): void => {
      if (proven) return events.frame(ends.from, frame)
      proven = this.#key.verify(frame.toString('latin1'), ...parts('dialer', ends, acceptorNonce))
      if (!proven) return stream.close()
      clearTimeout(deadline)
      stream.frameBytesMax = FRAME_BYTES_MAX
      opened = { protocol, connection: stream }
      events.proven(ends.from, opened)
    }
    const stream: FrameSocket = new FrameSocket(socket, onFrame, () => {
      clearTimeout(deadline)
      events.closed(stream, opened === null ? null : { from: ends.from, stream: opened })
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
  /** The dialer is who it says; from now on the stream goes both ways. */
  proven(from: number, stream: Accepted): void
  frame(from: number, bytes: Buffer): void
  /** `proven`: the stream as it was told; null: the dialer never proved the key. */
  closed(stream: FrameSocket, proven: { readonly from: number; readonly stream: Accepted } | null): void
}

export type Accepted = { readonly protocol: number; readonly connection: Connection }

/** The versions of the Raft protocol that a release speaks. */
export type Protocols = { readonly oldest: number; readonly newest: number }

function speaks({ oldest, newest }: Protocols, protocol: number): boolean {
  return protocol >= oldest && protocol <= newest
}

function rangeOf({ oldest, newest }: Protocols): string {
  return `${oldest} to ${newest}`
}

/** Between whom, and what the dialer told of itself. */
type Ends = { readonly from: number; readonly to: number; readonly dialerNonce: string }
type Offer = Ends & { readonly protocols: Protocols }

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

function requestHeaders({ from, to, dialerNonce }: Ends, { oldest, newest }: Protocols) {
  return {
    Connection: 'Upgrade',
    Upgrade: STREAM_PROTOCOL,
    'DMQ-Node': `${from} ${to}`,
    'DMQ-Nonce': dialerNonce,
    'DMQ-Protocol': `${oldest}-${newest}`,
  }
}

const UPGRADE_EXPECTED = `a stream needs the headers "Upgrade: ${STREAM_PROTOCOL}", "DMQ-Node: <from> <to>" and "DMQ-Nonce"`

function endsOf({ headers }: IncomingMessage): Offer | null {
  const nodes = /^(\d{1,10}) (\d{1,10})$/.exec(String(headers['dmq-node'] ?? ''))
  const dialerNonce = headers['dmq-nonce']
  if (headers.upgrade?.toLowerCase() !== STREAM_PROTOCOL) return null
  if (nodes === null || typeof dialerNonce !== 'string' || dialerNonce.length > 64) return null
  const offered = /^(\d{1,5})-(\d{1,5})$/.exec(String(headers['dmq-protocol'] ?? '1-1'))
  if (offered === null) return null
  const protocols = { oldest: Number(offered[1]), newest: Number(offered[2]) }
  return { from: Number(nodes[1]), to: Number(nodes[2]), dialerNonce, protocols }
}
