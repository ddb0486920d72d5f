import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { SessionDoors } from '../api/session-doors.ts'
import type { Consensus, Leadership } from '../consensus/consensus.ts'
import type { BrokerLink, BrokerLinks } from '../controller/broker-links.ts'
import type { Replica } from '../controller/replica.ts'
import type { ClusterKey } from '../io/cluster-key.ts'
import type { Hello, Session } from '../io/session.ts'
import { type Refused, SessionNetwork } from '../io/session-network.ts'
import type { Log } from './logger.ts'

type Parts = {
  readonly key: ClusterKey
  readonly links: BrokerLinks
  readonly doors: SessionDoors
  readonly consensus: Consensus
  readonly replica: Replica
  readonly log: Log
  /** What sessions come in on; the sockets of Node by default. */
  readonly network?: Pick<SessionNetwork, 'accept'>
}

/** Joins the sessions that storage nodes open to this node with the controller's links and the API's doors. */
export class BrokerSessions {
  readonly #parts: Parts
  readonly #network: Pick<SessionNetwork, 'accept'>
  /** Of the leadership that the sessions belong to; null: this node is not the controller. */
  #term: number | null = null

  constructor(parts: Parts) {
    this.#parts = parts
    this.#network = parts.network ?? new SessionNetwork(parts.key)
  }

  /** A session is with the controller of one term; with the next one it is opened anew. */
  leadershipChanged({ ready, term }: Leadership): void {
    const now = ready ? term : null
    if (this.#term !== null && this.#term !== now)
      this.#parts.links.closeAll('this node is not the controller any more')
    this.#term = now
  }

  accept(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#network.accept(request, socket, head, {
      refusal: hello => this.#refusal(hello),
      proven: (hello, session) => this.#opened(hello, session),
    })
  }

  #refusal({ brokerId, brokerEpoch, incarnationId }: Hello): Refused | null {
    if (this.#term === null)
      return { status: 503, code: 'NOT_CONTROLLER', message: 'this node is not the controller' }
    const broker = this.#parts.replica.image.broker(brokerId)
    if (broker === undefined)
      return { status: 404, code: 'UNKNOWN_BROKER', message: `broker ${brokerId} is not registered` }
    if (broker.incarnationId === incarnationId && broker.brokerEpoch === brokerEpoch) return null
    const message = `broker ${brokerId} is registered by another process, or with another epoch than ${brokerEpoch}: register again`
    return { status: 409, code: 'STALE_BROKER_EPOCH', message }
  }

  #opened(hello: Hello, session: Session) {
    const { links, doors, log } = this.#parts
    const { brokerId, brokerEpoch } = hello
    const link: BrokerLink = {
      brokerId,
      brokerEpoch,
      request: (name, body, timeoutMs) => session.request(name, body, timeoutMs),
      close: reason => session.close(reason),
    }
    // What changed while the key was proved.
    const refused = this.#refusal(hello)
    if (refused !== null) session.close(refused.message)
    else {
      links.opened(link)
      log('debug', 'session.opened', `broker ${brokerId} opened a session, epoch ${brokerEpoch}`, {
        brokerId,
      })
    }
    return {
      respond: (name: string, body: unknown) => {
        links.heard(link)
        return doors.answer(name, body, brokerId)
      },
      closed: (reason: string) => {
        links.closed(link, reason)
        log('debug', 'session.closed', `the session of broker ${brokerId} is over: ${reason}`, { brokerId })
      },
    }
  }
}
