import type { Clock } from '../io/clock.ts'
import type { Hello, KeyFinding, SessionDialer } from '../io/session.ts'
import type { BrokerEvents } from './events.ts'

type Parts = { readonly dialer: SessionDialer; readonly clock: Clock; readonly events: BrokerEvents }

/** So often a node with another key looks whether the controller has that one by now. */
const AGAIN_MS = 2_000

/**
 * Whether this node has the controller's cluster key. Registration and heartbeats prove nothing; every answer to a dialled
 * session does. So one is asked for before anything is registered, and a node that has never had the key says nothing more to
 * the controller until it has. Where the key is not shown (an older release, a proxy that lets no session through) nothing is
 * held against anybody.
 */
export class KeyCheck {
  readonly #parts: Parts
  #finding: KeyFinding = 'unproven'
  #wasSame = false
  /** Who showed it. */
  #url = ''
  #askedUrl = ''
  #askAgainAt = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** It has another key than the controller, and never had that one. */
  get isStranger(): boolean {
    return this.#finding === 'other' && !this.#wasSame
  }

  /** For people; null: nothing speaks against the key. */
  get fault(): string | null {
    if (this.#finding !== 'other') return null
    return `the controller at ${this.#url} has another cluster key: give this node the cluster key file of the metadata nodes, and start it again`
  }

  /** What the answer to a session that was dialled shows. */
  shown(url: string, finding: KeyFinding): void {
    const before = this.#finding
    if (this.#wasSame && finding === 'unproven') return
    this.#finding = finding
    this.#url = url
    this.#wasSame ||= finding === 'same'
    const { events } = this.#parts
    if (finding === 'other' && before !== 'other') events.keyOther({ url, takesPart: this.#wasSame })
    if (finding === 'same' && before === 'other') events.keySame({ url })
  }

  /** To be called before a registration, and by a stranger. Who does not answer shows nothing. */
  async ask(url: string, hello: Hello): Promise<void> {
    const { dialer, clock } = this.#parts
    const isKnown = this.#finding === 'same' || (this.#finding === 'unproven' && this.#askedUrl === url)
    if (dialer.compareKeys === undefined || isKnown) return
    if (this.#finding === 'other' && clock.monotonic() < this.#askAgainAt) return
    const finding = await dialer.compareKeys(url, hello)
    this.#askAgainAt = clock.monotonic() + AGAIN_MS
    if (finding === null) return
    this.#askedUrl = url
    this.shown(url, finding)
  }
}
