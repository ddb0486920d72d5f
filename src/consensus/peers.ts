import type { Clock, Timer } from '../io/clock.ts'
import type { Connection, Network, Target } from '../io/network.ts'
import type { Envelope } from '../raft/message.ts'
import { encodeEnvelope } from './message-codec.ts'

export type PeersEvents = {
  frame(from: number, bytes: Buffer): void
  connected(nodeId: number): void
  disconnected(nodeId: number, reason: string): void
  /** Its process is gone: every connection with it is closed, and it refuses new ones. */
  lost(nodeId: number): void
}

/** A stream that another node opened to this one, and the protocol that both speak on it. */
export type AcceptedStream = { readonly protocol: number; readonly connection: Connection }

const RETRY_MS_MIN = 20
const RETRY_MS_MAX = 500

/**
 * The streams to the other metadata nodes, dialled again whenever they break. Each node dials every other, and sends on
 * the stream that it dialled; sending never waits, and what cannot be sent is dropped. Snapshots have a stream of their
 * own, dialled when the first one goes out, so that no heartbeat waits behind them.
 *
 * A process that ends closes its connections, and its port refuses new ones. When the stream to a node and all those from
 * it are closed and dialling is refused, its process is gone. A closed connection alone proves nothing.
 */
export class Peers {
  readonly #network: Network
  readonly #clock: Clock
  readonly #events: PeersEvents
  readonly #links = new Map<number, Link>()
  readonly #bulk = new Map<number, Link>()
  /** Streams that each node has opened to this one. */
  readonly #accepted = new Map<number, Set<AcceptedStream>>()

  constructor(network: Network, clock: Clock, targets: readonly Target[], events: PeersEvents) {
    this.#network = network
    this.#clock = clock
    this.#events = events
    this.setTargets(targets)
  }

  /** Dials nodes that are new, or have moved. Whoever is not named keeps its stream: a node that leaves must hear of it. */
  setTargets(targets: readonly Target[]): void {
    for (const target of targets) {
      const { nodeId } = target
      const known = this.#links.get(nodeId)
      if (known !== undefined && sameAddress(target, known.target)) continue
      known?.close()
      this.#bulk.get(nodeId)?.close()
      this.#bulk.delete(nodeId)
      this.#links.set(nodeId, this.#dial(target))
    }
  }

  #dial(target: Target): Link {
    const { nodeId } = target
    return new Link(this.#network, this.#clock, target, {
      ...this.#events,
      refused: () => {
        if (!this.#accepted.has(nodeId)) this.#events.lost(nodeId)
      },
    })
  }

  /** False: dropped. */
  send(envelope: Envelope): boolean {
    const { to, message } = envelope
    const link = this.#links.get(to)
    if (link === undefined) return this.#answer(envelope)
    if (message.type !== 'installSnapshot') return link.send(envelope)
    return this.#bulkBeside(link).send(envelope)
  }

  /** To a node whose address is in entries that this node still lacks: the stream that it opened goes both ways. */
  #answer(envelope: Envelope): boolean {
    for (const { protocol, connection } of this.#accepted.get(envelope.to) ?? []) {
      const frame = encodeEnvelope(envelope, protocol)
      if (frame !== null && connection.send(frame)) return true
    }
    return false
  }

  /**
   * Where the two speak different protocols, another release runs at the other end by now. A stream of which nothing can be
   * said in the protocol of the one before would never find out that its end is gone.
   */
  #bulkBeside(link: Link): Link {
    const { nodeId } = link.target
    const known = this.#bulk.get(nodeId)
    if (known === undefined) return this.#dialBulk(link.target)
    if (!known.open || !link.open || known.protocol === link.protocol) return known
    known.close()
    return this.#dialBulk(link.target)
  }

  #dialBulk(target: Target): Link {
    const nothing = (): void => {}
    const events = { ...this.#events, connected: nothing, disconnected: nothing, refused: nothing }
    const link = new Link(this.#network, this.#clock, target, events)
    this.#bulk.set(target.nodeId, link)
    return link
  }

  isConnected(nodeId: number): boolean {
    return this.#links.get(nodeId)?.open ?? false
  }

  /** Of the nodes connected now, the oldest protocol that one of them speaks; null while none is. */
  oldestProtocol(): number | null {
    const spoken = [...this.#links.values()].filter(link => link.open).map(link => link.protocol)
    return spoken.length === 0 ? null : Math.min(...spoken)
  }

  /** A node has opened a stream to this one. */
  streamOpened(nodeId: number, stream: AcceptedStream): void {
    const streams = this.#accepted.get(nodeId) ?? new Set()
    this.#accepted.set(nodeId, streams.add(stream))
    // It runs: what it asks is answered on the stream to it, which may still wait to be dialled again.
    this.#links.get(nodeId)?.lookNow()
  }

  streamClosed(nodeId: number, stream: AcceptedStream): void {
    const streams = this.#accepted.get(nodeId)
    if (streams?.delete(stream) !== true || streams.size > 0) return
    this.#accepted.delete(nodeId)
    this.#links.get(nodeId)?.lookNow()
  }

  close(): void {
    for (const link of [...this.#links.values(), ...this.#bulk.values()]) link.close()
  }
}

function sameAddress(a: Target, b: Target): boolean {
  return a.host === b.host && a.port === b.port
}

type LinkEvents = Pick<PeersEvents, 'frame' | 'connected' | 'disconnected'> & {
  /** Dialling found nobody at the address. */
  refused(): void
}

class Link {
  readonly target: Target
  readonly #network: Network
  readonly #clock: Clock
  readonly #events: LinkEvents
  #connection: Connection
  #retryMs = RETRY_MS_MIN
  #retry: Timer | null = null
  #closed = false
  open = false
  protocol = 0

  constructor(network: Network, clock: Clock, target: Target, events: LinkEvents) {
    this.#network = network
    this.#clock = clock
    this.target = target
    this.#events = events
    this.#connection = this.#dial()
  }

  send(envelope: Envelope): boolean {
    if (!this.open) return false
    const frame = encodeEnvelope(envelope, this.protocol)
    return frame !== null && this.#connection.send(frame)
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#connection.close()
  }

  /** Dials at once, if it waits before it dials again. */
  lookNow(): void {
    if (this.#closed || this.#retry === null) return
    this.#retry.cancel()
    this.#retry = null
    this.#connection = this.#dial()
  }

  #dial(): Connection {
    const { nodeId } = this.target
    return this.#network.connect(this.target, {
      opened: protocol => {
        this.open = true
        this.protocol = protocol
        this.#retryMs = RETRY_MS_MIN
        this.#events.connected(nodeId)
      },
      frame: bytes => this.#events.frame(nodeId, bytes),
      closed: (reason, refused) => this.#broken(reason, refused),
    })
  }

  #broken(reason: string, refused: boolean): void {
    const wasOpen = this.open
    this.open = false
    if (this.#closed) return
    // First of all the other end is looked for: if its process is gone, that is known at once.
    this.#redial(wasOpen ? 0 : this.#retryMs)
    if (!wasOpen) this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2)
    if (wasOpen) this.#events.disconnected(this.target.nodeId, reason)
    if (refused) this.#events.refused()
  }

  #redial(delayMs: number): void {
    this.#retry = this.#clock.timer(delayMs, () => {
      this.#retry = null
      if (!this.#closed) this.#connection = this.#dial()
    })
  }
}
