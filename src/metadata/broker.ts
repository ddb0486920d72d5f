/** Whether a broker may lead and be in ISRs. Other states (late, draining) are known to the controller alone. */
export type BrokerStatus = 'ONLINE' | 'OFFLINE'

export type Listener = { readonly name: string; readonly host: string; readonly port: number }

/** What a process says of itself when it registers. */
export type BrokerRegistration = {
  readonly brokerId: number
  readonly host: string
  readonly port: number
  readonly rack: string | null
  readonly resources: Readonly<Record<string, number>>
  readonly listeners: readonly Listener[]
  /** Random, new with every process start. Null: a plain client that any heartbeat keeps alive. */
  readonly incarnationId: string | null
  readonly pairedMetadataServiceId: number | null
}

/** The fields of a registration in their one order, without what a newer release may have added. */
export function registrationOf(given: BrokerRegistration): BrokerRegistration {
  const { brokerId, host, port, rack, resources, listeners, incarnationId, pairedMetadataServiceId } = given
  return { brokerId, host, port, rack, resources, listeners, incarnationId, pairedMetadataServiceId }
}

export type Broker = BrokerRegistration & {
  readonly status: BrokerStatus
  readonly statusReason: string
  /** Version at which this incarnation registered: unique, and growing with each incarnation. */
  readonly brokerEpoch: number
  readonly registeredAt: number
  readonly modifiedAt: number
}
