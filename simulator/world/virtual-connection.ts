import type { AcceptedStream } from '../../src/consensus/peers.ts'
import type { Connection, ConnectionEvents } from '../../src/io/network.ts'
import type { Chance } from '../chance.ts'
import type { Planned } from './timeline.ts'
import type { Endpoint, VirtualNetwork } from './virtual-network.ts'

/** After a mended cut, what was lost is sent again within this time. */
const RESEND_MS_MAX = 200

/**
 * One stream, dialled by one process and accepted by another. Frames keep their order. On a cut link they wait; when it
 * is mended in time they arrive after all, else the stream breaks and they are gone.
 */
export class VirtualConnection implements Connection {
  readonly dialer: Endpoint
  readonly to: number
  queuedBytes = 0
  readonly #network: VirtualNetwork
  readonly #chance: Chance
  readonly #events: ConnectionEvents
  #acceptor: Endpoint | null = null
  #state: 'dialling' | 'open' | 'closed' = 'dialling'
  #waiting: Buffer[] = []
  #lastArrival = 0
  #stuckTimer: Planned | null = null
  /** What is under way is lost. */
  #lost = false
  #lastArrivalBack = 0
  /** The other end, as the acceptor has it: nodes answer on it where they do not know yet whom to dial. */
  #accepted: AcceptedStream | null = null

  constructor(
    network: VirtualNetwork,
    chance: Chance,
    dialer: Endpoint,
    to: number,
    events: ConnectionEvents,
  ) {
    this.#network = network
    this.#chance = chance
    this.dialer = dialer
    this.to = to
    this.#events = events
  }

  // Opening.

  dial(timeoutMs: number): void {
    this.#network.timeline.after(timeoutMs, () => {
      if (this.#state === 'dialling') this.#break(`no answer in ${timeoutMs} ms`)
    })
    this.#travel(this.dialer.nodeId, this.to, () => this.#knock())
  }

  /** The wish to connect has come to the other machine. */
  #knock(): void {
    if (this.#state !== 'dialling' || !this.#network.isPowered(this.to)) return
    const acceptor = this.#network.endpoint(this.to)
    if (acceptor === null || !acceptor.listens) {
      this.#network.observer.fault('connectRefused')
      this.#travel(this.to, this.dialer.nodeId, () => this.#break('connect ECONNREFUSED', true))
      return
    }
    acceptor.life.enter('frame', () => this.#accept(acceptor))
  }

  #accept(acceptor: Endpoint): void {
    if (this.#state !== 'dialling') return
    this.#acceptor = acceptor
    const protocol = Math.min(this.dialer.newestProtocol, acceptor.newestProtocol)
    this.#accepted = {
      protocol,
      connection: {
        send: frame => this.#sendBack(frame),
        close: () => this.#break('closed by the other side'),
      },
    }
    acceptor.streamOpened(this.dialer.nodeId, this.#accepted)
    this.#travel(this.to, this.dialer.nodeId, () =>
      this.dialer.life.enter('frame', () => {
        if (this.#state !== 'dialling') return
        this.#state = 'open'
        this.#events.opened(protocol)
      }),
    )
  }

  /** Runs at the other end, unless the way is cut. */
  #travel(from: number, to: number, run: () => void): void {
    const { timeline, links } = this.#network
    timeline.at(links.arrival(from, to, timeline.now), () => {
      if (!links.isCut(from, to)) run()
    })
  }

  // Sending.

  send(frame: Buffer): boolean {
    const { options, observer } = this.#network
    if (this.#state !== 'open' || this.queuedBytes > options.queuedBytesMax) return false
    const bytes = Buffer.from(frame)
    const fate = this.#network.chanceTakes(this.dialer.nodeId, this.to, bytes)
    if (fate === 'refused') return false
    observer.sent(this.dialer, this.to, bytes)
    if (fate === 'carried') this.#carry(bytes)
    return true
  }

  #carry(bytes: Buffer): void {
    const { timeline, links, options } = this.#network
    this.queuedBytes += bytes.length
    const wayBackIsCut = options.needsWayBack && links.isCut(this.to, this.dialer.nodeId)
    if (wayBackIsCut) this.#watchForStandstill()
    if (this.#waiting.length > 0 || links.isCut(this.dialer.nodeId, this.to)) return this.#wait(bytes)
    this.#lastArrival = Math.max(this.#lastArrival, links.arrival(this.dialer.nodeId, this.to, timeline.now))
    timeline.at(this.#lastArrival, () => this.#arrive(bytes))
  }

  #arrive(bytes: Buffer): void {
    if (this.#lost) return
    const acceptor = this.#acceptor!
    const cut = this.#network.links.isCut(this.dialer.nodeId, this.to)
    if (cut || this.#waiting.length > 0 || !this.#network.isPowered(this.to)) return this.#wait(bytes)
    this.queuedBytes -= bytes.length
    if (acceptor.life.alive) this.#network.deliver(this.dialer.nodeId, acceptor, bytes)
    else this.#travel(this.to, this.dialer.nodeId, () => this.#break('read ECONNRESET'))
  }

  #wait(bytes: Buffer): void {
    this.#waiting.push(bytes)
    this.#watchForStandstill()
  }

  #watchForStandstill(): void {
    const { timeline, links, options } = this.#network
    this.#stuckTimer ??= timeline.after(options.stuckMs * (0.8 + 0.4 * this.#chance.fraction()), () => {
      this.#stuckTimer = null
      const wayBackIsCut = options.needsWayBack && links.isCut(this.to, this.dialer.nodeId)
      if (this.#waiting.length > 0 || wayBackIsCut) this.#break(`took nothing for ${options.stuckMs} ms`)
    })
  }

  /** The link is whole again: what waits is sent once more, in order. */
  mended(): void {
    const { timeline } = this.#network
    timeline.after(this.#chance.between(1, RESEND_MS_MAX), () => {
      const waiting = this.#waiting
      this.#waiting = []
      for (const bytes of waiting) this.#arrive(bytes)
    })
  }

  // Answering, on the same stream.

  #sendBack(frame: Buffer): boolean {
    const { observer, timeline, links } = this.#network
    const acceptor = this.#acceptor
    if (this.#state === 'closed' || acceptor === null) return false
    const bytes = Buffer.from(frame)
    const { nodeId } = this.dialer
    observer.sent(acceptor, nodeId, bytes)
    this.#lastArrivalBack = Math.max(this.#lastArrivalBack, links.arrival(this.to, nodeId, timeline.now))
    timeline.at(this.#lastArrivalBack, () => this.#arriveBack(bytes))
    return true
  }

  #arriveBack(bytes: Buffer): void {
    if (this.#state === 'closed') return
    if (this.#network.links.isCut(this.to, this.dialer.nodeId))
      return this.#break('took nothing on the way back')
    this.dialer.life.enter('frame', () => {
      if (this.#state === 'closed') return
      this.#network.observer.arrives(this.to, this.dialer, bytes)
      this.#events.frame(bytes)
    })
  }

  // Closing.

  close(): void {
    if (this.#state === 'closed') return
    this.#shut(true)
    this.#events.closed('closed', false)
  }

  #break(reason: string, refused = false): void {
    if (this.#state === 'closed') return
    if (this.#state === 'open') this.#network.observer.fault('connectionBroken')
    this.#lost = true
    this.#shut(true)
    this.dialer.life.enter('frame', () => this.#events.closed(reason, refused))
  }

  /** The dialling side is done; the other one hears of it if the way is free. */
  #shut(told: boolean): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#stuckTimer = null
    this.#waiting = []
    this.#network.forget(this)
    const acceptor = this.#acceptor
    if (!told || acceptor === null) return
    const { timeline, links } = this.#network
    const at = Math.max(this.#lastArrival, links.arrival(this.dialer.nodeId, this.to, timeline.now))
    timeline.at(at, () => {
      if (links.isCut(this.dialer.nodeId, this.to)) return
      acceptor.life.enter('frame', () => acceptor.streamClosed(this.dialer.nodeId, this.#accepted!))
    })
  }

  /** A process has ended: if it is one of the two, so does the stream. */
  ended(endpoint: Endpoint, powerLost: boolean): void {
    if (endpoint === this.dialer) {
      this.#lost = this.#chance.happens(0.5)
      this.#shut(!powerLost)
    } else if (endpoint === this.#acceptor && !powerLost) {
      this.#travel(this.to, this.dialer.nodeId, () => this.#break('closed by the other side'))
    }
  }
}
