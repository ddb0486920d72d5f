import type { BrokerEvents } from './events.ts'
import { failureOf, type MetadataClient } from './metadata-client.ts'

export type RegistrationOptions = {
  readonly brokerId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  /** Random, new with every process start; but a process that may be registered and does not know it is gone on with. */
  readonly incarnationId: string
  /** The epoch that the last process of this broker held when it stopped cleanly; null if it did not. */
  readonly previousBrokerEpoch: number | null
  /** What this node has now, for placement: registered, and told anew with every heartbeat. */
  readonly resources?: () => Readonly<Record<string, number>>
}

/** What of a registration can change while the process lives. */
export type Amendable = { readonly clusterId: string | null; readonly pairedMetadataServiceId: number | null }

const PATH = '/api/v1/metadata/brokers'
const TIMEOUT_MS = 3_000

/** The registration of this process: made once, amended where something changed, made anew where it is lost. */
export class Registration {
  readonly #options: RegistrationOptions
  readonly #client: MetadataClient
  readonly #events: BrokerEvents
  #brokerEpoch: number | null = null
  #pairedId: number | null = null
  #lastRefusal = ''

  constructor(options: RegistrationOptions, client: MetadataClient, events: BrokerEvents) {
    this.#options = options
    this.#client = client
    this.#events = events
  }

  /** Null while it is not registered. */
  get brokerEpoch(): number | null {
    return this.#brokerEpoch
  }

  isDue({ pairedMetadataServiceId }: Amendable): boolean {
    return this.#brokerEpoch === null || this.#pairedId !== pairedMetadataServiceId
  }

  forget(): void {
    this.#brokerEpoch = null
  }

  /** Throws when no answer comes, or no controller answers. A refusal is told, once. */
  async register(url: string, amendable: Amendable): Promise<void> {
    const answer = await this.#client.send({
      method: 'POST',
      url: `${url}${PATH}`,
      body: JSON.stringify(this.#body(amendable)),
      timeoutMs: TIMEOUT_MS,
    })
    if (answer.status === 200 || answer.status === 201) {
      const { brokerEpoch } = answer.body as { brokerEpoch: number }
      if (brokerEpoch !== this.#brokerEpoch)
        this.#events.registered({ brokerId: this.#options.brokerId, brokerEpoch })
      this.#brokerEpoch = brokerEpoch
      this.#pairedId = amendable.pairedMetadataServiceId
      this.#lastRefusal = ''
      return
    }
    const failure = failureOf(answer)
    if (answer.status === 503) throw new Error(failure.message)
    if (this.#lastRefusal !== failure.code) this.#events.registrationRefused(failure)
    this.#lastRefusal = failure.code
  }

  #body({ clusterId, pairedMetadataServiceId }: Amendable) {
    const { brokerId, host, port, rack, incarnationId, previousBrokerEpoch, resources } = this.#options
    return {
      brokerId,
      host,
      port,
      rack,
      incarnationId,
      ...(resources === undefined ? {} : { resources: resources() }),
      ...(previousBrokerEpoch === null ? {} : { previousBrokerEpoch }),
      ...(pairedMetadataServiceId === null ? {} : { pairedMetadataServiceId }),
      ...(clusterId === null ? {} : { clusterId }),
    }
  }
}
