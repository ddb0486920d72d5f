/**
 * What a broker may do. ONLINE: everything. DRAINING: it stays in ISRs, but gets no new replicas and leads only what nobody
 * else can. SHUTTING_DOWN: it has left every ISR and ends as soon as the others know. OFFLINE: fenced. Lateness is known to
 * the controller alone.
 */
export type BrokerStatus = 'ONLINE' | 'DRAINING' | 'SHUTTING_DOWN' | 'OFFLINE'

/** It may lead, and be in ISRs. */
export function isActiveStatus(status: BrokerStatus): boolean {
  return status === 'ONLINE' || status === 'DRAINING'
}

/** DRAIN: leaderships go. DECOMMISSION: replicas go as well. It outlasts restarts of the broker. */
export type Drain = {
  readonly mode: 'DRAIN' | 'DECOMMISSION'
  readonly since: number
  /** What it led and held when that began. */
  readonly leaders: number
  readonly replicas: number
}

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
  readonly statusSince: number
  readonly drain: Drain | null
  /** Version at which this incarnation registered: unique, and growing with each incarnation. */
  readonly brokerEpoch: number
  readonly registeredAt: number
  readonly modifiedAt: number
}

/** The broker in another state; what is to be ONLINE is DRAINING while it is being drained. */
export function withStatus(
  broker: Broker,
  status: Exclude<BrokerStatus, 'DRAINING'>,
  statusReason: string,
  time: number,
): Broker {
  const shown = status === 'ONLINE' && broker.drain !== null ? 'DRAINING' : status
  const statusSince = shown === broker.status ? broker.statusSince : time
  return { ...broker, status: shown, statusReason, statusSince, modifiedAt: time }
}
