import type { Broker } from '../metadata/broker.ts'

/** What a broker tells of itself with its heartbeats, besides that it lives. */
export type BrokerHealth = Readonly<Record<string, unknown>>

export type BrokerReport = {
  readonly metadataVersion: number
  readonly resources?: Readonly<Record<string, number>>
  readonly health?: BrokerHealth
}

/** The last report of each broker: soft state of one leadership, shown and taken into account, never in the log. */
export class BrokerReports {
  readonly #last = new Map<number, BrokerReport>()

  heard(brokerId: number, report: BrokerReport): void {
    const before = this.#last.get(brokerId)
    this.#last.set(brokerId, { ...before, ...report })
  }

  of(brokerId: number): BrokerReport | null {
    return this.#last.get(brokerId) ?? null
  }

  /** What it last said that it has, on top of what it registered with. */
  resourcesOf({ brokerId, resources }: Pick<Broker, 'brokerId' | 'resources'>): Broker['resources'] {
    const reported = this.#last.get(brokerId)?.resources
    return reported === undefined ? resources : { ...resources, ...reported }
  }

  forget(brokerId: number): void {
    this.#last.delete(brokerId)
  }
}
