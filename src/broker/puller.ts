import { messageOf } from '../base/errors.ts'
import type { Clock } from '../io/clock.ts'
import type { BrokerEvents } from './events.ts'
import { readImageStream } from './image-stream.ts'
import type { BrokerMeasures } from './measures.ts'
import { failureOf, type MetadataClient } from './metadata-client.ts'
import type { Delta, MetadataCopy, Outcome } from './metadata-copy.ts'
import type { Pairing } from './pairing.ts'

type Parts = {
  readonly client: MetadataClient
  readonly copy: MetadataCopy
  readonly pairing: Pairing
  readonly clock: Clock
  readonly events: BrokerEvents
  readonly measures: BrokerMeasures
  /** The copy has changed. */
  readonly changed: () => void
  /** The copy was found to be wrong: a last chance to tell of it before it is replaced. */
  readonly diverged: () => Promise<void>
}

const CHANGES = '/api/v1/metadata/sync'
const SNAPSHOT = '/api/v1/metadata/sync/snapshot'
const TIMEOUT_MS = 10_000
const IDLE_MS = 20_000

/**
 * Fetches metadata from the metadata nodes: what changed since the version that is here, or, where that was too long ago,
 * the whole image as a stream. The pair is asked first. A copy that is wrong is replaced as a whole, by what the
 * controller has if it can be reached.
 */
export class Puller {
  readonly #parts: Parts
  #pulling: Promise<void> | null = null
  /** Somebody has this version; a node that lacks it has not all that there is. */
  #target = 0
  /** The copy is wrong: an image of at least this version replaces it. Null: it is not. */
  #wrongBelow: number | null = null

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get isWrong(): boolean {
    return this.#wrongBelow !== null
  }

  /**
   * Fetches what is missing, from one node after the other until `version` is here. One at a time: who asks meanwhile gets
   * the one under way. Never throws.
   */
  pull(version = 0): Promise<void> {
    this.#target = Math.max(this.#target, version)
    this.#pulling ??= this.#pull().finally(() => {
      this.#pulling = null
    })
    return this.#pulling
  }

  /** What is here is wrong: it is replaced by an image of at least `version`, now or with the next pull that succeeds. */
  async replace(version: number): Promise<void> {
    this.#wrong(version)
    await this.pull()
    // The one under way may have been over with the changes already.
    if (this.#wrongBelow !== null) await this.pull()
  }

  /** Asks the pair, to see whether it is there, and gets what it has on that occasion. */
  async probe(): Promise<void> {
    const { pairing, clock } = this.#parts
    const url = pairing.probed(clock.monotonic())
    if (url === null || this.#pulling !== null) return
    this.#pulling = this.#firstOf([url], each => this.#readChanges(each)).finally(() => {
      this.#pulling = null
    })
    await this.#pulling
  }

  #wrong(version: number): void {
    if (this.#wrongBelow === null) this.#parts.events.diverged({ version: this.#parts.copy.image.version })
    this.#wrongBelow = version
  }

  async #pull(): Promise<void> {
    const { pairing, copy, clock } = this.#parts
    const controller = copy.controller?.url ?? null
    if (this.#wrongBelow === null)
      await this.#firstOf(pairing.order(controller, clock.monotonic()), url => this.#readChanges(url))
    if (this.#wrongBelow === null) return
    await this.#parts.diverged()
    const order = [controller, ...pairing.order(controller, clock.monotonic())]
    await this.#firstOf([...new Set(order)].filter(isAddress), url => this.#readWhole(url))
  }

  /** Asks one after the other, until one has answered and nothing is known to be missing. */
  async #firstOf(urls: readonly string[], read: (url: string) => Promise<void>): Promise<void> {
    const { pairing, clock, events, copy } = this.#parts
    for (const url of urls) {
      try {
        await read(url)
        pairing.succeeded(url)
        if (this.#wrongBelow !== null || copy.image.version >= this.#target) return
      } catch (error) {
        pairing.failed(url, clock.monotonic())
        this.#parts.measures.pulls.failed += 1
        events.metadataRefused({ reason: `${url}: ${messageOf(error)}` })
      }
    }
  }

  async #readChanges(url: string): Promise<void> {
    const { copy, events } = this.#parts
    for (;;) {
      const { head } = copy
      if (head === null) return this.#readWhole(url)
      const { outcome, more, version } = await this.#readDelta(url, head)
      if (copy.image.version > head.version) {
        events.metadata({ version: copy.image.version, by: 'pull' })
        this.#parts.changed()
      }
      if (outcome === 'diverged') return this.#wrong(version)
      if (outcome === 'gap') return this.#readWhole(url)
      if (!more || copy.image.version === head.version) return
    }
  }

  async #readDelta(url: string, { version, recoveryEpoch }: { version: number; recoveryEpoch: number }) {
    const query = `since=${version}&recoveryEpoch=${recoveryEpoch}&form=commands`
    const answer = (await this.#get(`${url}${CHANGES}?${query}`)) as Delta & {
      snapshot?: string
      more?: boolean
    }
    if (!this.#parts.copy.isOurs(answer.clusterId)) throw this.#elsewhere(answer.clusterId)
    this.#parts.measures.pulls.delta += answer.snapshot === undefined ? 1 : 0
    const outcome: Outcome = answer.snapshot === undefined ? this.#parts.copy.applyDelta(answer) : 'gap'
    return { outcome, more: answer.more === true, version: answer.version }
  }

  async #readWhole(url: string): Promise<void> {
    const { copy, client, events } = this.#parts
    const wrongBelow = this.#wrongBelow
    const query = wrongBelow === null ? '' : `?minVersion=${wrongBelow}`
    const stream = client.stream(`${url}${SNAPSHOT}${query}`, IDLE_MS)
    const { head, image } = await readImageStream(stream, () => this.#pause())
    if (!copy.isOurs(head.clusterId)) throw this.#elsewhere(head.clusterId)
    const force = wrongBelow !== null && wrongBelow === this.#wrongBelow
    if (copy.install(head, image, force) !== 'applied') return
    if (force) this.#wrongBelow = null
    this.#parts.measures.pulls.snapshot += 1
    events.metadata({ version: copy.image.version, by: 'snapshot' })
    // Versions of another recovery epoch mean something else.
    this.#target = 0
    this.#parts.changed()
  }

  #pause(): Promise<void> {
    return new Promise(resolve => this.#parts.clock.afterPending(resolve))
  }

  #elsewhere(clusterId: string): Error {
    return new Error(
      `it belongs to cluster ${clusterId}, this node to ${this.#parts.copy.clusterId}. ` +
        'Start this node with the services.json of its own cluster, or with an empty data directory.',
    )
  }

  async #get(url: string): Promise<unknown> {
    const answer = await this.#parts.client.send({ method: 'GET', url, timeoutMs: TIMEOUT_MS })
    if (answer.status !== 200) throw new Error(failureOf(answer).message)
    return answer.body
  }
}

function isAddress(url: string | null): url is string {
  return url !== null && url !== ''
}
