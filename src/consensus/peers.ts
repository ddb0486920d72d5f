import type { Clock } from '../io/clock.ts'
import type { Connection, Network, Target } from '../io/network.ts'

export type PeersEvents = {
  frame(from: number, bytes: Buffer): void
  connected(nodeId: number): void
  disconnected(nodeId: number, reason: string): void
}

const RETRY_MS_MIN = 20
const RETRY_MS_MAX = 500

/**
 * The streams to the other metadata nodes, dialled again whenever they break. Each node dials every other, and sends on
 * the stream that it dialled; sending never waits, and what cannot be sent is dropped.
 */
export class Peers {
  readonly #links: Map<number, Link>

  constructor(network: Network, clock: Clock, targets: readonly Target[], events: PeersEvents) {
    this.#links = new Map(targets.map(target => [target.nodeId, new Link(network, clock, target, events)]))
  }

  /** False: dropped. */
  send(to: number, frame: Buffer): boolean {
    return this.#links.get(to)?.send(frame) ?? false
  }

  isConnected(nodeId: number): boolean {
    return this.#links.get(nodeId)?.open ?? false
  }

  close(): void {
    for (const link of this.#links.values()) link.close()
  }
}

class Link {
  readonly #network: Network
  readonly #clock: Clock
  readonly #target: Target
  readonly #events: PeersEvents
  #connection: Connection
  #retryMs = RETRY_MS_MIN
  #closed = false
  open = false

  constructor(network: Network, clock: Clock, target: Target, events: PeersEvents) {
    this.#network = network
    this.#clock = clock
    this.#target = target
    this.#events = events
    this.#connection = this.#dial()
  }

  send(frame: Buffer): boolean {
    return this.open && this.#connection.send(frame)
  }

  close(): void {
    this.#closed = true
    this.#connection.close()
  }

  #dial(): Connection {
    const { nodeId } = this.#target
    return this.#network.connect(this.#target, {
      opened: () => {
        this.open = true
        this.#retryMs = RETRY_MS_MIN
        this.#events.connected(nodeId)
      },
      frame: bytes => this.#events.frame(nodeId, bytes),
      closed: reason => {
        if (this.open) this.#events.disconnected(nodeId, reason)
        this.open = false
        if (!this.#closed) this.#retry()
      },
    })
  }

  #retry(): void {
    this.#clock.timer(this.#retryMs, () => {
      if (!this.#closed) this.#connection = this.#dial()
    })
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2)
  }
}
