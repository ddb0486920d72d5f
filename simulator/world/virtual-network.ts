import type { AcceptedStream } from '../../src/consensus/peers.ts'
import type { ConnectionEvents, Network, Target } from '../../src/io/network.ts'
import type { Chance } from '../chance.ts'
import type { Links } from './links.ts'
import type { ProcessLife } from './process-life.ts'
import type { Timeline } from './timeline.ts'
import { VirtualConnection } from './virtual-connection.ts'

/** A process as the network sees it: it dials, and hears what others send on the streams that they dialled. */
export interface Endpoint {
  readonly nodeId: number
  readonly life: ProcessLife
  /** False while it starts: connections are refused. */
  readonly listens: boolean
  /** Of the protocols that its release speaks. */
  readonly newestProtocol: number
  frame(from: number, bytes: Buffer): void
  streamOpened(from: number, stream: AcceptedStream): void
  streamClosed(from: number, stream: AcceptedStream): void
}

/**
 * What happens to single frames, beyond what a stream may do to them: the protocol promises to survive that. Each is a
 * probability.
 */
export type FrameFaults = {
  /** Lost without a trace. */
  readonly lose: number
  /** Lost, and the sender is told. */
  readonly refuse: number
  readonly duplicate: number
  /** Leaves the order of its stream, and comes late. */
  readonly delay: number
  /** A frame of long ago comes once more. */
  readonly replay: number
}

export const NO_FRAME_FAULTS: FrameFaults = { lose: 0, refuse: 0, duplicate: 0, delay: 0, replay: 0 }

export type NetworkObserver = {
  sent(from: Endpoint, to: number, bytes: Buffer): void
  arrives(from: number, to: Endpoint, bytes: Buffer): void
  fault(
    kind: 'lost' | 'refused' | 'duplicated' | 'delayed' | 'replayed' | 'connectionBroken' | 'connectRefused',
  ): void
}

export type NetworkOptions = {
  /** While more is queued on a stream, frames are refused. */
  readonly queuedBytesMax: number
  /** A stream on which nothing moves for so long breaks. */
  readonly stuckMs: number
  /** Whether a stream also breaks when only the way back is cut, as it does where acknowledgements are needed. */
  readonly needsWayBack: boolean
}

type Frame = { readonly from: number; readonly to: number; readonly bytes: Buffer }

const CONNECT_TIMEOUT_MS = 2_000
const ARCHIVE_MAX = 4_000
const DELAY_MS_MEAN = 60
const CATCH_UP_MS_MEAN = 5

/** All machines and streams. Streams keep their order as TCP does, or break; what chance does to frames comes on top. */
export class VirtualNetwork {
  readonly timeline: Timeline
  readonly links: Links
  readonly options: NetworkOptions
  readonly observer: NetworkObserver
  faults = NO_FRAME_FAULTS
  readonly #chance: Chance
  readonly #endpoints = new Map<number, Endpoint>()
  readonly #unpowered = new Set<number>()
  readonly #connections = new Set<VirtualConnection>()
  readonly #archive: Frame[] = []

  constructor(
    timeline: Timeline,
    chance: Chance,
    links: Links,
    options: NetworkOptions,
    observer: NetworkObserver,
  ) {
    this.timeline = timeline
    this.#chance = chance
    this.links = links
    this.options = options
    this.observer = observer
  }

  /** The network as one process sees it. */
  of(endpoint: Endpoint): Network {
    return { connect: (target, events) => this.#connect(endpoint, target, events) }
  }

  #connect(dialer: Endpoint, target: Target, events: ConnectionEvents): VirtualConnection {
    const connection = new VirtualConnection(this, this.#chance, dialer, target.nodeId, events)
    this.#connections.add(connection)
    connection.dial(CONNECT_TIMEOUT_MS)
    return connection
  }

  endpoint(nodeId: number): Endpoint | null {
    return this.#endpoints.get(nodeId) ?? null
  }

  isPowered(nodeId: number): boolean {
    return !this.#unpowered.has(nodeId)
  }

  started(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.nodeId, endpoint)
    this.#unpowered.delete(endpoint.nodeId)
  }

  /** A process ends. Where the machine lives on, it closes the streams; where power fails, nobody hears a word. */
  ended(endpoint: Endpoint, powerLost: boolean): void {
    this.#endpoints.delete(endpoint.nodeId)
    if (powerLost) this.#unpowered.add(endpoint.nodeId)
    for (const connection of this.#connections) connection.ended(endpoint, powerLost)
  }

  forget(connection: VirtualConnection): void {
    this.#connections.delete(connection)
  }

  mend(from: number, to: number): void {
    if (!this.links.mend(from, to)) return
    for (const connection of this.#connections) {
      if (connection.dialer.nodeId === from && connection.to === to) connection.mended()
    }
  }

  /** Decides what becomes of a frame that is being sent; of `refused` its sender hears. */
  chanceTakes(from: number, to: number, bytes: Buffer): 'carried' | 'lost' | 'refused' {
    const { faults } = this
    if (faults === NO_FRAME_FAULTS) return 'carried'
    this.#remember({ from, to, bytes })
    if (this.#happens(faults.replay, 'replayed')) this.#stray(this.#chance.pick(this.#archive))
    if (this.#happens(faults.refuse, 'refused')) return 'refused'
    if (this.#happens(faults.lose, 'lost')) return 'lost'
    if (this.#happens(faults.duplicate, 'duplicated')) this.#stray({ from, to, bytes })
    if (!this.#happens(faults.delay, 'delayed')) return 'carried'
    this.#stray({ from, to, bytes })
    return 'lost'
  }

  #happens(probability: number, kind: Parameters<NetworkObserver['fault']>[0]): boolean {
    const happens = this.#chance.happens(probability)
    if (happens) this.observer.fault(kind)
    return happens
  }

  /** The newest frames, oldest first. */
  #remember(frame: Frame): void {
    this.#archive.push(frame)
    if (this.#archive.length > ARCHIVE_MAX) this.#archive.splice(0, ARCHIVE_MAX / 2)
  }

  /** What this machine was sent last comes once more, in runs in which frames suffer at all. */
  replayTo(nodeId: number, count: number): void {
    if (this.faults === NO_FRAME_FAULTS) return
    for (const frame of this.#archive.filter(({ to }) => to === nodeId).slice(-count)) {
      if (this.#happens(0.5, 'replayed')) this.#stray(frame, 0)
    }
  }

  /** Whatever the one was sent by the other, as far as it is known, comes once more. */
  replayBetween(from: number, to: number): void {
    if (this.faults === NO_FRAME_FAULTS) return
    for (const frame of this.#archive)
      if (frame.from === from && frame.to === to && this.#happens(0.5, 'replayed')) this.#stray(frame)
  }

  /** All that the one was sent by the other lately arrives after all, in its order. */
  catchUp(from: number, to: number): void {
    if (this.faults === NO_FRAME_FAULTS) return
    const delayMs = this.#chance.exponential(CATCH_UP_MS_MEAN)
    const sent = this.#archive.filter(frame => frame.from === from && frame.to === to)
    for (const [i, { bytes }] of sent.entries()) {
      this.observer.fault('replayed')
      const at = this.timeline.now + delayMs + i / 1_000
      this.timeline.at(at, () => this.#arrive(from, to, bytes))
    }
  }

  /** Arrives some time, outside of any stream, whoever listens there by then. What is on its way no cut holds up. */
  #stray({ from, to, bytes }: Frame, delayMs = DELAY_MS_MEAN): void {
    const at = this.links.arrival(from, to, this.timeline.now) + this.#chance.exponential(delayMs)
    this.timeline.at(at, () => this.#arrive(from, to, bytes))
  }

  #arrive(from: number, to: number, bytes: Buffer): void {
    const endpoint = this.endpoint(to)
    if (endpoint === null || !endpoint.listens) return
    this.deliver(from, endpoint, bytes)
  }

  deliver(from: number, to: Endpoint, bytes: Buffer): void {
    to.life.enter('frame', () => {
      this.observer.arrives(from, to, bytes)
      to.frame(from, bytes)
    })
  }
}
