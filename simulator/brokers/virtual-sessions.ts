import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Deferred, deferred } from '../../src/base/deferred.ts'
import { messageOf } from '../../src/base/errors.ts'
import type {
  Hello,
  Respond,
  Session,
  SessionAnswer,
  SessionDialer,
  SessionEvents,
} from '../../src/io/session.ts'
import type { AcceptorEvents, SessionNetwork } from '../../src/io/session-network.ts'
import type { ProcessLife } from '../world/process-life.ts'
import type { Planned } from '../world/timeline.ts'
import { nodeAt } from './addresses.ts'
import type { Caller, Wire } from './wire.ts'

/** A process that storage nodes can open sessions with. */
type SessionHost = Caller & {
  readonly listens: boolean
  acceptSession(offer: Offer): void
}

/** What a process hears when a session is dialled; goes through the acceptor of the server as a request and a socket. */
export type Offer = { readonly hello: Hello; meet(events: AcceptorEvents): void }

/** In the place of the acceptor's half of the real network. */
export const offerNetwork: Pick<SessionNetwork, 'accept'> = {
  accept: (incoming, _socket, _head, events) => (incoming as unknown as Offer).meet(events),
}

/** What the acceptor takes in the place of a request. */
export function asUpgrade(offer: Offer): [IncomingMessage, Socket, Buffer] {
  return [offer as unknown as IncomingMessage, null as unknown as Socket, Buffer.alloc(0)]
}

const CONNECT_TIMEOUT_MS = 2_000
/** How often a stream looks whether its cable is whole again. */
const AGAIN_MS = 20

type Frame =
  | { readonly kind: 'request'; readonly id: number; readonly name: string; readonly body: string }
  | { readonly kind: 'answer'; readonly id: number; readonly status: number; readonly body: string }
  | { readonly kind: 'goodbye'; readonly reason: string }

type Waiting = { readonly answer: Deferred<SessionAnswer>; readonly timer: Planned }
type Told = { readonly respond: Respond; closed(reason: string, refused: boolean): void }

/** Dials sessions for one process. */
export class VirtualDialer implements SessionDialer {
  readonly #wire: Wire
  readonly #self: Caller
  readonly #stuckMs: number

  constructor(wire: Wire, self: Caller, stuckMs: number) {
    this.#wire = wire
    this.#self = self
    this.#stuckMs = stuckMs
  }

  dial(url: string, hello: Hello, events: SessionEvents): { close(reason: string): void } {
    const { nodeId: to } = nodeAt(url)
    const { nodeId: from, life } = this.#self
    const { timeline, links, isPowered } = this.#wire
    let over = false
    let open: SessionEnd | null = null
    const finish = (reason: string, refused = false): void => {
      if (over) return
      over = true
      late.cancelled = true
      events.closed(reason, refused)
    }
    const late = timeline.after(CONNECT_TIMEOUT_MS, () => life.enter('timer', () => finish('no answer')))
    const back = (run: () => void): void => {
      if (links.isCut(to, from)) return
      timeline.at(links.arrival(to, from, timeline.now), () => life.enter('frame', run))
    }
    const meet =
      (host: SessionHost) =>
      (acceptor: AcceptorEvents): void => {
        const refused = acceptor.refusal(hello)
        if (refused !== null) return back(() => finish(refused.message))
        const there = new SessionEnd(this.#wire, host.life, to, from, this.#stuckMs)
        back(() => {
          // Who gave up meanwhile hangs up; the other side has heard nothing that it could lose.
          if (over) return
          late.cancelled = true
          const here = new SessionEnd(this.#wire, life, from, to, this.#stuckMs)
          here.join(there)
          here.told = { respond: events.respond, closed: reason => finish(reason) }
          open = here
          here.prove(() => {
            there.told = acceptor.proven(hello, there)
          })
          events.opened(here)
        })
      }
    if (!links.isCut(from, to))
      timeline.at(links.arrival(from, to, timeline.now), () => {
        const host = this.#wire.site(to) as SessionHost | null
        if (host?.listens) host.life.enter('frame', () => host.acceptSession({ hello, meet: meet(host) }))
        else if (isPowered(to)) back(() => finish('connection refused', true))
      })
    return {
      close: reason => {
        open?.close(reason)
        finish(reason)
      },
    }
  }
}

/**
 * One end of a session. Frames keep their order; while the cable is cut they wait, and when that lasts the end that waits
 * breaks. Of a process that ends the other end hears, unless the power or the cable is gone: then it finds out when it
 * sends something and nothing takes it.
 */
class SessionEnd implements Session {
  told: Told | null = null
  readonly #wire: Wire
  readonly #life: ProcessLife
  readonly #self: number
  readonly #other: number
  readonly #stuckMs: number
  #peer: SessionEnd | null = null
  #over: string | null = null
  #lastId = 0
  #lastArrival = 0
  #sending: { readonly deliver: () => void; readonly since: number }[] = []
  readonly #waiting = new Map<number, Waiting>()
  readonly #forget: () => void

  constructor(wire: Wire, life: ProcessLife, self: number, other: number, stuckMs: number) {
    this.#wire = wire
    this.#life = life
    this.#self = self
    this.#other = other
    this.#stuckMs = stuckMs
    this.#forget = life.onEnd(() => this.#died())
  }

  join(peer: SessionEnd): void {
    this.#peer = peer
    peer.#peer = this
  }

  /** The first frame, after which the other side takes the session for one. */
  prove(proven: () => void): void {
    this.#send(() => proven())
  }

  request(name: string, body: string, timeoutMs: number): Promise<SessionAnswer> {
    if (this.#over !== null) return Promise.reject(new Error(`the session has ended: ${this.#over}`))
    const id = ++this.#lastId
    const answer = deferred<SessionAnswer>()
    const late = (): void => this.#settle(id)?.answer.reject(new Error(`no answer in ${timeoutMs} ms`))
    const timer = this.#wire.timeline.after(timeoutMs, () => this.#life.enter('timer', late))
    this.#waiting.set(id, { answer, timer })
    this.#frame({ kind: 'request', id, name, body })
    return answer.promise
  }

  close(reason: string): void {
    if (this.#over !== null) return
    this.#frame({ kind: 'goodbye', reason })
    this.#end(reason)
  }

  #frame(frame: Frame): void {
    this.#send(peer => peer.#take(frame))
  }

  #send(deliver: (peer: SessionEnd) => void): void {
    this.#sending.push({ deliver: () => this.#deliver(deliver), since: this.#wire.timeline.now })
    if (this.#sending.length === 1) this.#push()
  }

  /** In order, as soon as the cable lets it. */
  #push(): void {
    const { timeline, links } = this.#wire
    const first = this.#sending[0]
    if (first === undefined || (this.#over !== null && !this.#life.alive)) return
    if (!links.isCut(this.#self, this.#other)) {
      this.#sending.shift()
      this.#lastArrival = Math.max(this.#lastArrival, links.arrival(this.#self, this.#other, timeline.now))
      timeline.at(this.#lastArrival, first.deliver)
      return this.#push()
    }
    if (timeline.now - first.since > this.#stuckMs)
      return this.#life.enter('timer', () => this.#end('nothing is acknowledged'))
    timeline.after(AGAIN_MS, () => this.#push())
  }

  #deliver(deliver: (peer: SessionEnd) => void): void {
    const peer = this.#peer!
    const { timeline, links, isPowered } = this.#wire
    if (peer.#life.alive && peer.#over === null) return peer.#life.enter('frame', () => deliver(peer))
    if (isPowered(this.#other)) {
      if (!links.isCut(this.#other, this.#self)) this.#hear('connection reset')
      return
    }
    timeline.after(this.#stuckMs, () => this.#life.enter('timer', () => this.#end('nothing is acknowledged')))
  }

  /** Something comes from the other host, if not from the other end. */
  #hear(reason: string): void {
    const { timeline, links } = this.#wire
    timeline.at(links.arrival(this.#other, this.#self, timeline.now), () =>
      this.#life.enter('frame', () => this.#end(reason)),
    )
  }

  #take(frame: Frame): void {
    if (this.#over !== null || this.told === null) return
    if (frame.kind === 'goodbye') return this.#end(`the other side ended it: ${frame.reason}`)
    if (frame.kind === 'answer')
      return this.#settle(frame.id)?.answer.resolve({ status: frame.status, body: JSON.parse(frame.body) })
    void this.#respond(frame.id, frame.name, JSON.parse(frame.body), this.told.respond)
  }

  async #respond(id: number, name: string, body: unknown, respond: Respond): Promise<void> {
    try {
      const answer = await respond(name, body)
      if (this.#over === null)
        this.#frame({ kind: 'answer', id, status: answer.status, body: JSON.stringify(answer.body ?? null) })
    } catch (error) {
      this.close(`${name} could not be answered: ${messageOf(error)}`)
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return undefined
    this.#waiting.delete(id)
    waiting.timer.cancelled = true
    return waiting
  }

  /** Whoever waits for an answer hears at once; whoever follows the session, a moment later. */
  #end(reason: string): void {
    if (this.#over !== null) return
    this.#over = reason
    this.#forget()
    for (const id of [...this.#waiting.keys()])
      this.#settle(id)?.answer.reject(new Error(`the session has ended: ${reason}`))
    this.#wire.timeline.after(0, () => this.#life.enter('frame', () => this.told?.closed(reason, false)))
  }

  #died(): void {
    this.#over = 'its process is gone'
    const peer = this.#peer
    const { timeline, isPowered, links } = this.#wire
    timeline.after(0, () => {
      if (peer === null || !isPowered(this.#self) || links.isCut(this.#self, this.#other)) return
      peer.#hear('the other side closed the connection')
    })
  }
}
