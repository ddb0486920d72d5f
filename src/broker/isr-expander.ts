import type { Image } from '../metadata/image.ts'
import type { ControllerSession } from './controller-session.ts'
import { isrExpansions } from './isr-expansion.ts'

const REQUEST_TIMEOUT_MS = 3_000

/** Brings replicas that caught up back into the ISRs of the partitions that this node leads. */
export class IsrExpander {
  readonly #brokerId: number
  readonly #session: ControllerSession
  #expanding = false

  constructor(brokerId: number, session: ControllerSession) {
    this.#brokerId = brokerId
    this.#session = session
  }

  /** Looks what there is to expand, and asks the controller at `url` for it. One request at a time; never throws. */
  async expand(image: Image, url: string, brokerEpoch: number): Promise<void> {
    const changes = this.#expanding ? [] : isrExpansions(image, this.#brokerId)
    if (changes.length === 0) return
    this.#expanding = true
    try {
      // What is refused was out of date; newer metadata is on its way, and brings us here again.
      await this.#session.post(url, {
        name: 'alterPartitions',
        path: '/api/v1/metadata/partitions/alter',
        body: { brokerId: this.#brokerId, brokerEpoch, changes },
        timeoutMs: REQUEST_TIMEOUT_MS,
      })
    } catch {
      // A controller that does not answer is noticed, and told, by the next heartbeat.
    } finally {
      this.#expanding = false
    }
  }
}
