import { messageOf } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { BrokerLink, BrokerLinks } from './broker-links.ts'

/** A request that asks for nothing but an answer. Any will do: releases that do not know it answer as well. */
const PING = 'ping'
const PING_MS_MIN = 1_000
const PING_MS_MAX = 5_000

type Parts = { readonly links: BrokerLinks; readonly clock: Clock }

/**
 * Finds sessions whose connection is there for this node alone: a network that was cut without a word, a host that is gone.
 * A link on which nothing came for an interval is asked for a sign of life; without one, in as long again, it is over,
 * and lost like one that broke. With the default session that is before the broker
 * is fenced for its silence.
 */
export class LinkWatch {
  readonly #parts: Parts
  readonly #intervalMs: number
  /** How many signs of life each link had given when it was looked at last. */
  #seen = new Map<BrokerLink, number>()
  readonly #asked = new Set<BrokerLink>()
  #timer: Timer

  constructor(sessionTimeoutMs: number, parts: Parts) {
    this.#parts = parts
    this.#intervalMs = Math.max(PING_MS_MIN, Math.min(PING_MS_MAX, sessionTimeoutMs / 3))
    this.#timer = this.#next()
  }

  end(): void {
    this.#timer.cancel()
  }

  #next(): Timer {
    return this.#parts.clock.timer(this.#intervalMs, () => {
      this.#look()
      this.#timer = this.#next()
    })
  }

  #look(): void {
    const before = this.#seen
    this.#seen = this.#parts.links.signs()
    for (const [link, signs] of this.#seen) if (before.get(link) === signs) void this.#ask(link)
  }

  async #ask(link: BrokerLink): Promise<void> {
    if (this.#asked.has(link)) return
    this.#asked.add(link)
    try {
      await link.request(PING, '{}', this.#intervalMs)
      this.#parts.links.heard(link)
    } catch (error) {
      this.#parts.links.drop(link, `it gives no sign of life (${messageOf(error)})`)
    } finally {
      this.#asked.delete(link)
    }
  }
}
