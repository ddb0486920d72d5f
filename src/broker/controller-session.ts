import type { Clock } from '../io/clock.ts'
import {
  type Hello,
  type KeyFinding,
  type Respond,
  SESSION_BODY_BYTES_MAX,
  type Session,
  type SessionAnswer,
  type SessionDialer,
} from '../io/session.ts'
import { failureOf, type MetadataClient } from './metadata-client.ts'

type Parts = {
  readonly dialer: SessionDialer
  readonly client: MetadataClient
  readonly clock: Clock
  /** Answers what the controller asks on the session. */
  readonly respond: Respond
  /** A session that was open is gone, and not because this side ended it. */
  readonly lost: (reason: string) => void
  /** It cannot be had; told once for each reason. */
  readonly refused?: (url: string, reason: string) => void
  /** What an answer shows of the controller's cluster key. */
  readonly keyShown?: (url: string, finding: KeyFinding) => void
}

const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 10_000

/** One dialled session; once it is over, nothing about it counts any more. */
type Dialled = { readonly url: string; readonly hello: Hello; close(reason: string): void }

/**
 * The way to the controller: a session while it is up, REST otherwise. One session at a time, with the controller that is
 * followed and for the registration that is in force; it is dialled anew, with growing pauses, where it cannot be had.
 */
export class ControllerSession {
  readonly #parts: Parts
  #dialled: Dialled | null = null
  #session: Session | null = null
  #retryAt = 0
  #failures = 0
  #lastRefusal = ''

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get isOpen(): boolean {
    return this.#session !== null
  }

  /** Sees to it that there is, or will be, a session with this controller. */
  follow(url: string, hello: Hello): void {
    const now = this.#dialled
    if (now?.url === url && now.hello.brokerEpoch === hello.brokerEpoch) return
    if (now !== null) this.close('this storage node follows another controller, or registered anew')
    if (this.#parts.clock.monotonic() >= this.#retryAt) this.#dial(url, hello)
  }

  #dial(url: string, hello: Hello): void {
    const { dialer, respond, clock, lost, keyShown } = this.#parts
    const dialled: Dialled = {
      url,
      hello,
      close: reason => dialling.close(reason),
    }
    this.#dialled = dialled
    const dialling = dialer.dial(url, hello, {
      respond,
      keyShown: finding => keyShown?.(url, finding),
      opened: session => {
        if (this.#dialled !== dialled) return
        this.#session = session
        this.#failures = 0
        this.#lastRefusal = ''
      },
      closed: reason => {
        if (this.#dialled !== dialled) return
        const wasOpen = this.#session !== null
        this.#dialled = null
        this.#session = null
        const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#failures, 10))
        this.#failures += 1
        this.#retryAt = wasOpen ? 0 : clock.monotonic() + delayMs
        if (wasOpen) lost(reason)
        else this.#refused(url, reason)
      },
    })
  }

  #refused(url: string, reason: string): void {
    if (reason !== this.#lastRefusal) this.#parts.refused?.(url, reason)
    this.#lastRefusal = reason
  }

  close(reason: string): void {
    const dialled = this.#dialled
    this.#dialled = null
    this.#session = null
    this.#retryAt = 0
    dialled?.close(reason)
  }

  /** Asks the controller at `url`: on the session, where it is with that one and knows the request; else by REST. */
  async post(url: string, request: ControllerRequest): Promise<SessionAnswer> {
    const { name, path, body, timeoutMs } = request
    const text = JSON.stringify(body)
    const fits = Buffer.byteLength(text) <= SESSION_BODY_BYTES_MAX
    if (this.#session !== null && this.#dialled?.url === url && fits) {
      const answer = await this.#session.request(name, text, timeoutMs)
      if (failureOf(answer).code !== 'NOT_FOUND') return answer
    }
    return this.#parts.client.send({ method: 'POST', url: `${url}${path}`, body: text, timeoutMs })
  }
}

export type ControllerRequest = {
  /** On a session. */
  readonly name: string
  /** By REST. */
  readonly path: string
  readonly body: object
  readonly timeoutMs: number
}
