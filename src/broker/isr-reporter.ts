import type { Image } from '../metadata/image.ts'
import type { ControllerSession } from './controller-session.ts'
import { caughtUpReplicas, type ExpandHint, isrExpansions } from './isr-changes.ts'

const REQUEST_TIMEOUT_MS = 3_000
/** As many as one request takes. */
const CHANGES_MAX = 2_000

type Place = { readonly url: string; readonly brokerEpoch: number }

/**
 * What this node says of ISRs: as follower that it has caught up, as leader whom it takes in. Nothing is kept: what gets
 * lost, or is out of date, is said again with one of the next heartbeats.
 */
export class IsrReporter {
  readonly #brokerId: number
  readonly #session: ControllerSession
  #reporting = false
  /** At this version of the metadata there was nothing to report. */
  #quietAt = -1

  constructor(brokerId: number, session: ControllerSession) {
    this.#brokerId = brokerId
    this.#session = session
  }

  /** Reports the replicas here that have caught up and are not in the ISR. One report at a time; never throws. */
  async report(image: Image, { url, brokerEpoch }: Place): Promise<void> {
    if (this.#reporting || this.#quietAt === image.version) return
    const { version } = image
    const isrUpdates = caughtUpReplicas(image, this.#brokerId)
    if (isrUpdates.length === 0) this.#quietAt = version
    this.#reporting = true
    for (let i = 0; i < isrUpdates.length; i += CHANGES_MAX)
      await this.#post(url, 'isrStatusBatch', 'isr-status-batch', {
        nodeId: this.#brokerId,
        brokerEpoch,
        metadataVersion: version,
        isrUpdates: isrUpdates.slice(i, i + CHANGES_MAX),
      })
    this.#reporting = false
  }

  /** As leader, takes in whom the controller says has caught up. Never throws. */
  async expand(image: Image, hints: readonly ExpandHint[], { url, brokerEpoch }: Place): Promise<void> {
    const changes = isrExpansions(image, this.#brokerId, hints)
    if (changes.length === 0) return
    await this.#post(url, 'alterPartitions', 'partitions/alter', {
      brokerId: this.#brokerId,
      brokerEpoch,
      changes,
    })
  }

  /** What is refused was out of date; a controller that does not answer is noticed, and told, by the next heartbeat. */
  async #post(url: string, name: string, path: string, body: object): Promise<void> {
    const request = { name, path: `/api/v1/metadata/${path}`, body, timeoutMs: REQUEST_TIMEOUT_MS }
    await this.#session.post(url, request).catch(() => {})
  }
}
