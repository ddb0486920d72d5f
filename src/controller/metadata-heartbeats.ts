import type { Leadership } from '../consensus/consensus.ts'
import type { Clock, Timer } from '../io/clock.ts'
import { authorize, type ClusterKey } from '../io/cluster-key.ts'
import type { HttpSender } from '../io/http-client.ts'
import type { Replica } from './replica.ts'

export const SERVICE_HEARTBEAT_PATH = '/api/v1/metadata/heartbeat'
const INTERVAL_MS = 30_000
const TIMEOUT_MS = 5_000

type Parts = {
  readonly nodeId: number
  readonly replica: Replica
  readonly clock: Clock
  readonly key: ClusterKey
  readonly http: HttpSender
  readonly leadership: () => Leadership
  readonly urlOf: (nodeId: number) => string | undefined
}

/** Every metadata node tells the controller every 30 seconds what it has: version and state hash. */
export class MetadataHeartbeats {
  readonly #parts: Parts
  #timer: Timer | null = null
  #stopped = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = this.#parts.clock.timer(INTERVAL_MS, () => {
      // What does not arrive is missed by the controller; there is nothing to do here.
      void this.beat().catch(() => {})
      if (!this.#stopped) this.start()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** To nobody when this node is the controller, or knows none. */
  async beat(): Promise<void> {
    const { nodeId, replica, clock, key, http, leadership, urlOf } = this.#parts
    const { leader } = leadership()
    const url = leader === null || leader === nodeId ? undefined : urlOf(leader)
    if (url === undefined) return
    const { version: metadataVersion, stateHash } = replica.image
    const body = JSON.stringify({
      serviceId: nodeId,
      serviceType: 'METADATA',
      metadataVersion,
      stateHash,
      timestamp: clock.epoch(),
    })
    const request = { method: 'POST' as const, path: SERVICE_HEARTBEAT_PATH, body }
    const authorization = authorize(key, clock.epoch(), request)
    await http.send({
      method: 'POST',
      url: url + SERVICE_HEARTBEAT_PATH,
      body,
      headers: { authorization },
      timeoutMs: TIMEOUT_MS,
    })
  }
}
