import type { Clock } from '../io/clock.ts'
import type { HttpSender } from '../io/http-client.ts'
import type { Broker } from '../metadata/broker.ts'
import { liveIncarnation } from './incarnation-probe.ts'

const PROBES_AT_ONCE = 16

type Parts = {
  readonly clock: Clock
  readonly http: HttpSender
  /** As the image has it now. */
  readonly broker: (brokerId: number) => Broker | undefined
  /** Brokers that are not fenced. */
  readonly unfenced: () => number
  /** Whether the broker gave a sign of life after that moment. */
  readonly heardSince: (brokerId: number, time: number) => boolean
  /** The process is gone. */
  readonly dead: (broker: Broker, reason: string) => void
  /** So many were lost at once that it may be this node that is cut off. */
  readonly suspectsItself: (brokerIds: readonly number[]) => void
}

/** Losses that come within so long count as one event. */
const TOGETHER_MS = 30
/** How long a loss still speaks for others that follow. */
const MEMORY_MS = 1_000
/** A new controller does not know yet whether an address was ever reachable: it looks twice, so far apart. */
const SECOND_LOOK_MS = 1_500

/**
 * Tells dead processes from broken connections. A broker whose connection was lost and whose address now refuses, or answers
 * for another process, is dead at once, without waiting for its session to end. When most brokers are lost at the same moment
 * it is more likely the controller that is cut off: then only sessions count.
 */
export class LossWatch {
  readonly #parts: Parts
  readonly #lostAt = new Map<number, number>()
  readonly #unjudged = new Map<number, number>()
  #stopped = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  stop(): void {
    this.#stopped = true
  }

  /** The connection of this incarnation of a broker ended without a word. */
  lost(brokerId: number, brokerEpoch: number): void {
    this.#lostAt.set(brokerId, this.#parts.clock.monotonic())
    this.#unjudged.set(brokerId, brokerEpoch)
    if (this.#unjudged.size === 1) this.#parts.clock.timer(TOGETHER_MS, () => void this.#judge())
  }

  async #judge(): Promise<void> {
    const lost = [...this.#unjudged]
    this.#unjudged.clear()
    const now = this.#parts.clock.monotonic()
    for (const [brokerId, at] of this.#lostAt) if (now - at > MEMORY_MS) this.#lostAt.delete(brokerId)
    if (this.#stopped) return
    if (this.#lostAt.size > 1 && this.#lostAt.size > this.#parts.unfenced() / 2)
      return this.#parts.suspectsItself([...this.#lostAt.keys()])
    await Promise.all(lost.map(([brokerId, epoch]) => this.#look(brokerId, epoch, now - TOGETHER_MS)))
  }

  async #look(brokerId: number, brokerEpoch: number, since: number): Promise<void> {
    const broker = this.#parts.broker(brokerId)
    if (broker?.brokerEpoch !== brokerEpoch || this.#parts.heardSince(brokerId, since)) return
    const reason = await this.#whyDead(broker)
    const isStill = this.#parts.broker(brokerId)?.brokerEpoch === brokerEpoch
    if (reason !== null && isStill && !this.#stopped) this.#parts.dead(broker, reason)
  }

  /** Null: nothing proves that the process is gone. */
  async #whyDead(broker: Broker): Promise<string | null> {
    const found = await liveIncarnation(this.#parts.http, broker)
    if (found === 'gone') return `its process is gone: ${broker.host}:${broker.port} refuses connections`
    if (found === 'silent' || found === broker.incarnationId) return null
    return `another process answers at ${broker.host}:${broker.port}`
  }

  /**
   * Looks at every broker, as a new controller does, for who died together with the one before. An address that refuses
   * counts only when the broker gives no sign of life by itself either.
   */
  async lookAtAll(brokers: readonly Broker[]): Promise<void> {
    const began = this.#parts.clock.monotonic()
    const gone: Broker[] = []
    for (let i = 0; i < brokers.length && !this.#stopped; i += PROBES_AT_ONCE) {
      const some = brokers.slice(i, i + PROBES_AT_ONCE)
      const reasons = await Promise.all(some.map(broker => this.#whyDead(broker)))
      gone.push(...some.filter((_, j) => reasons[j] !== null))
    }
    if (gone.length === 0 || this.#stopped) return
    if (gone.length > 1 && gone.length > brokers.length / 2)
      return this.#parts.suspectsItself(gone.map(({ brokerId }) => brokerId))
    this.#parts.clock.timer(SECOND_LOOK_MS, () => {
      for (const { brokerId, brokerEpoch } of gone) void this.#look(brokerId, brokerEpoch, began)
    })
  }
}
