import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { ClusterKey } from './cluster-key.ts'
import { Exchange } from './exchange.ts'
import { FrameSocket } from './frame-socket.ts'
import {
  type DialEvents,
  type Hello,
  type KeyFinding,
  SESSION_FRAME_BYTES_MAX,
  type Session,
  type SessionDialer,
  type SessionEvents,
} from './session.ts'
import { refusalOf, refuse } from './upgrade-refusal.ts'

export const SESSION_PROTOCOL = 'dmq-session'
export const SESSION_PATH = '/api/v1/metadata/session'
const CONNECT_TIMEOUT_MS = 2_000
/** Who has not proved the key yet is owed neither memory nor time. */
const PROOF_BYTES_MAX = 64
const PROOF_TIMEOUT_MS = 2_000

/** Why a storage node is not let in: a row of the error table, and its HTTP status. */
export type Refused = { readonly status: number; readonly code: string; readonly message: string }

export type AcceptorEvents = {
  /** Asked before anything is proved: it may look, and must change nothing. Null: it is welcome. */
  refusal(hello: Hello): Refused | null
  /** The other side has proved the key; what it returns hears of everything that follows. */
  proven(hello: Hello, session: Session): Omit<SessionEvents, 'opened'>
}

/**
 * Sessions opened as HTTP on the REST port and upgraded. Both sides prove the cluster key before the first frame:
 *
 * ```
 * storage node -> GET /api/v1/metadata/session, Upgrade: dmq-session, DMQ-Broker: 101 7 (id, epoch),
 *                 DMQ-Incarnation: uuid, DMQ-Nonce: a
 * controller   -> 101, DMQ-Nonce: b, DMQ-Proof: hash(key, "session acceptor", hello, a, b)
 * storage node -> first frame: hash(key, "session dialer", hello, a, b)
 * ```
 *
 * A refusal with another status carries `DMQ-Nonce: b, DMQ-Proof: hash(key, "session refuser", hello, a, b)`: whoever is
 * not let in learns whether that is for the key.
 *
 * The nonces are fresh on both sides, and what is hashed begins otherwise than on the streams of the Raft.
 */
export class SessionNetwork implements SessionDialer {
  readonly #key: ClusterKey

  constructor(key: ClusterKey) {
    this.#key = key
  }

  dial(url: string, hello: Hello, events: DialEvents): { close(reason: string): void } {
    const dialerNonce = ClusterKey.nonce()
    let exchange: Exchange | null = null
    let over = false
    const finish = (reason: string, refused = false): void => {
      if (over) return
      over = true
      events.closed(exchange?.ended(reason) ?? reason, refused)
    }
    if (!url.startsWith('http://') || !URL.canParse(url)) {
      queueMicrotask(() => finish(`${JSON.stringify(url)} is no HTTP address`))
      return { close: finish }
    }
    const dial = request(`${url}${SESSION_PATH}`, {
      headers: requestHeaders(hello, dialerNonce),
      timeout: CONNECT_TIMEOUT_MS,
      agent: false,
    })
    dial.on('timeout', () => dial.destroy(new Error(`no answer in ${CONNECT_TIMEOUT_MS} ms`)))
    dial.on('error', error => finish(error.message, (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'))
    const shown = (response: IncomingMessage, side: Side): KeyFinding => {
      const finding = this.#finding(response, side, hello, dialerNonce)
      if (!over) events.keyShown?.(finding)
      return finding
    }
    dial.on('response', response => {
      shown(response, 'refuser')
      void refusalOf(response).then(finish)
    })
    dial.on('upgrade', (response, socket, head) => {
      const finding = shown(response, 'acceptor')
      if (over || finding !== 'same') {
        socket.on('error', () => {}).destroy()
        return finish(
          finding === 'other'
            ? 'the other side has another cluster key'
            : 'the other side does not prove the cluster key',
        )
      }
      const acceptorNonce = String(response.headers['dmq-nonce'])
      const stream = new FrameSocket(
        socket as Socket,
        frame => exchange?.take(frame),
        reason => finish(reason),
      )
      stream.frameBytesMax = SESSION_FRAME_BYTES_MAX
      stream.send(Buffer.from(this.#key.prove(...parts('dialer', hello, dialerNonce, acceptorNonce))))
      exchange = new Exchange(stream, events.respond)
      events.opened(exchange)
      stream.accept(head)
    })
    dial.end()
    return {
      close(reason) {
        exchange?.close(reason)
        if (exchange === null) dial.destroy()
        finish(reason)
      },
    }
  }

  compareKeys(url: string, hello: Hello): Promise<KeyFinding | null> {
    return new Promise(resolve => {
      this.dial(url, hello, {
        keyShown: resolve,
        opened: session => session.close('only the key was asked for'),
        respond: async () => ({ status: 404, body: null }),
        closed: () => resolve(null),
      })
    })
  }

  #finding({ headers }: IncomingMessage, side: Side, hello: Hello, dialerNonce: string): KeyFinding {
    const { 'dmq-nonce': nonce, 'dmq-proof': proof } = headers
    if (typeof nonce !== 'string' || typeof proof !== 'string') return 'unproven'
    return this.#key.verify(proof, ...parts(side, hello, dialerNonce, nonce)) ? 'same' : 'other'
  }

  /** The controller's half. Nothing reaches `events.proven` from who has not proved the key. */
  accept(incoming: IncomingMessage, socket: Socket, head: Buffer, events: AcceptorEvents): void {
    const offer = offerOf(incoming)
    if (offer === null) return refuse(socket, UPGRADE_EXPECTED)
    const { hello, dialerNonce } = offer
    const refused = events.refusal(hello)
    const acceptorNonce = ClusterKey.nonce()
    const side = refused === null ? 'acceptor' : 'refuser'
    const proof = this.#key.prove(...parts(side, hello, dialerNonce, acceptorNonce))
    if (refused !== null)
      return refuse(socket, refused.message, refused.code, refused.status, [
        `DMQ-Nonce: ${acceptorNonce}`,
        `DMQ-Proof: ${proof}`,
      ])
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SESSION_PROTOCOL}\r\n` +
        `DMQ-Nonce: ${acceptorNonce}\r\nDMQ-Proof: ${proof}\r\n\r\n`,
    )
    let open: { exchange: Exchange; told: Omit<SessionEvents, 'opened'> } | null = null
    const prove = (frame: Buffer): void => {
      const expected = parts('dialer', hello, dialerNonce, acceptorNonce)
      if (!this.#key.verify(frame.toString('latin1'), ...expected)) return stream.close()
      clearTimeout(deadline)
      stream.frameBytesMax = SESSION_FRAME_BYTES_MAX
      const exchange: Exchange = new Exchange(stream, (name, body) => open!.told.respond(name, body))
      open = { exchange, told: events.proven(hello, exchange) }
    }
    const stream: FrameSocket = new FrameSocket(
      socket,
      frame => (open === null ? prove(frame) : open.exchange.take(frame)),
      reason => {
        clearTimeout(deadline)
        open?.told.closed(open.exchange.ended(reason), false)
      },
    )
    stream.frameBytesMax = PROOF_BYTES_MAX
    const deadline = setTimeout(() => stream.close(), PROOF_TIMEOUT_MS)
    stream.accept(head)
  }
}

type Side = 'dialer' | 'acceptor' | 'refuser'

function parts(
  side: Side,
  { brokerId, brokerEpoch, incarnationId }: Hello,
  dialerNonce: string,
  acceptorNonce: string,
): string[] {
  return [`session ${side}`, String(brokerId), String(brokerEpoch), incarnationId, dialerNonce, acceptorNonce]
}

function requestHeaders({ brokerId, brokerEpoch, incarnationId }: Hello, nonce: string) {
  return {
    Connection: 'Upgrade',
    Upgrade: SESSION_PROTOCOL,
    'DMQ-Broker': `${brokerId} ${brokerEpoch}`,
    'DMQ-Incarnation': incarnationId,
    'DMQ-Nonce': nonce,
  }
}

const UPGRADE_EXPECTED = `a session needs the headers "Upgrade: ${SESSION_PROTOCOL}", "DMQ-Broker: <id> <epoch>", "DMQ-Incarnation" and "DMQ-Nonce"`

function offerOf({ headers }: IncomingMessage): { hello: Hello; dialerNonce: string } | null {
  const broker = /^(\d{1,10}) (\d{1,16})$/.exec(String(headers['dmq-broker'] ?? ''))
  const incarnationId = headers['dmq-incarnation']
  const dialerNonce = headers['dmq-nonce']
  if (headers.upgrade?.toLowerCase() !== SESSION_PROTOCOL || broker === null) return null
  if (typeof incarnationId !== 'string' || incarnationId.length > 64) return null
  if (typeof dialerNonce !== 'string' || dialerNonce.length > 64) return null
  const hello = { brokerId: Number(broker[1]), brokerEpoch: Number(broker[2]), incarnationId }
  return { hello, dialerNonce }
}
