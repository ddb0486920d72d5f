import type { Broker } from '../metadata/broker.ts'
import type { MetadataNode } from './metadata-client.ts'

/** A node that failed is asked last for so long. */
const AVOID_MS = 5_000
/** A pair that fails for so long is given up, until it is back, where nothing else is said. */
export const PAIR_TIMEOUT_MS = 60_000

type Failing = { readonly since: number; readonly last: number }

/**
 * Which metadata node a storage node pulls from: its pair. Times are monotonic milliseconds.
 *
 * | state of the pair | pulls from |
 * |---|---|
 * | answers | the pair |
 * | failed within the last 5 s | the controller, then the others; the pair last |
 * | has failed for its timeout, a minute | another one, which becomes the pair: the one with the fewest storage nodes, after them the next by id |
 * | the configured one answers again | the configured one, which is the pair again |
 *
 * Who has none configured takes one by the same rule.
 */
export class Pairing {
  readonly #nodes: readonly MetadataNode[]
  readonly #brokerId: number
  readonly #configured: number | null
  readonly #failing = new Map<string, Failing>()
  readonly #timeoutMs: number
  #paired: number | null

  constructor(
    nodes: readonly MetadataNode[],
    brokerId: number,
    configured: number | null,
    timeoutMs = PAIR_TIMEOUT_MS,
  ) {
    this.#nodes = nodes
    this.#brokerId = brokerId
    this.#configured = configured
    this.#timeoutMs = timeoutMs
    this.#paired = configured
  }

  /** The id of the metadata node; null until {@link review} has chosen one. */
  get pairedId(): number | null {
    return this.#paired
  }

  /** Whom to ask, one after the other. */
  order(controllerUrl: string | null, now: number): string[] {
    const pair = this.#urlOf(this.#paired)
    const all = [pair, controllerUrl, ...this.#nodes.map(({ url }) => url)].filter(
      url => url !== null && url !== '',
    ) as string[]
    const once = [...new Set(all)]
    return [...once.filter(url => !this.#avoids(url, now)), ...once.filter(url => this.#avoids(url, now))]
  }

  #avoids(url: string, now: number): boolean {
    const failing = this.#failing.get(url)
    return failing !== undefined && now - failing.last < AVOID_MS
  }

  /** Whom to ask from time to time whether it is there: the configured pair while another one stands in for it. */
  probed(now: number): string | null {
    const configured = this.#urlOf(this.#configured)
    if (this.#paired !== this.#configured && configured !== null && !this.#avoids(configured, now))
      return configured
    return this.#urlOf(this.#paired)
  }

  succeeded(url: string): void {
    this.#failing.delete(url)
    if (url === this.#urlOf(this.#configured)) this.#paired = this.#configured
  }

  failed(url: string, now: number): void {
    this.#failing.set(url, { since: this.#failing.get(url)?.since ?? now, last: now })
  }

  /** Takes another pair where one is missing. `brokers`: who is paired with whom, as the metadata says. */
  review(brokers: readonly Broker[], now: number): void {
    const pair = this.#urlOf(this.#paired)
    const since = pair === null ? null : this.#failing.get(pair)?.since
    const gone = pair === null || (typeof since === 'number' && now - since >= this.#timeoutMs)
    if (!gone) return
    const there = this.#nodes.filter(({ url }) => !this.#failing.has(url))
    if (there.length > 0) this.#paired = this.#leastLoaded(there, brokers).id
  }

  #leastLoaded(among: readonly MetadataNode[], brokers: readonly Broker[]): MetadataNode {
    const load = (id: number): number =>
      brokers.filter(broker => broker.brokerId !== this.#brokerId && broker.pairedMetadataServiceId === id)
        .length
    // Those that start together know of no load yet; their ids spread them.
    const first = this.#brokerId % among.length
    const turned = [...among.slice(first), ...among.slice(0, first)]
    return turned.reduce((best, node) => (load(node.id) < load(best.id) ? node : best))
  }

  #urlOf(id: number | null): string | null {
    return this.#nodes.find(node => node.id === id)?.url ?? null
  }
}
