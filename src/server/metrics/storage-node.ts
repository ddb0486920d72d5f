import type { StorageNode } from '../../broker/broker.ts'
import type { Exposition } from './exposition.ts'
import { versionMetrics } from './metadata-image.ts'

const STATUSES = ['STARTING', 'ONLINE', 'DRAINING', 'SHUTTING_DOWN', 'OFFLINE']

type Watched = Pick<StorageNode, 'summary' | 'measures' | 'partitionCounts'>

/** A storage node: what the controller says that it is, and how metadata comes to it. */
export function storageNodeMetrics(exposition: Exposition, node: Watched): void {
  const summary = exposition.once(() => node.summary())
  versionMetrics(exposition, () => ({ version: summary().metadataVersion, stateHash: summary().stateHash }))
  exposition.gauges(
    {
      name: 'dmq_storage_status',
      help: '1 for the status that the controller last gave, 0 for the others.',
      labels: ['status'],
    },
    tell => {
      for (const status of STATUSES) tell(Number(summary().status === status), { status })
    },
  )
  exposition.gauge(
    { name: 'dmq_storage_broker_epoch', help: 'Epoch of its registration; 0: it is not registered.' },
    () => summary().brokerEpoch ?? 0,
  )
  exposition.gauge({ name: 'dmq_storage_controller_known', help: '1: it knows who the controller is.' }, () =>
    Number((summary().controller?.url ?? '') !== ''),
  )
  partitionMetrics(exposition, node, () => summary().metadataVersion)
  exchangeMetrics(exposition, node)
}

/** Counted again only when the metadata has changed. */
function partitionMetrics(exposition: Exposition, node: Watched, version: () => number): void {
  let known = { version: -1, leaders: 0, replicas: 0 }
  exposition.gauges(
    {
      name: 'dmq_storage_partitions',
      help: 'Partitions that it has a replica of, by its role: leader or follower.',
      labels: ['role'],
    },
    tell => {
      if (known.version !== version()) known = { version: version(), ...node.partitionCounts }
      tell(known.leaders, { role: 'leader' })
      tell(known.replicas - known.leaders, { role: 'follower' })
    },
  )
}

function exchangeMetrics(exposition: Exposition, { measures }: Watched): void {
  exposition.latency(
    { name: 'dmq_storage_heartbeat_duration_seconds', help: 'From a heartbeat to its answer.' },
    measures.heartbeatMs,
  )
  exposition.counters(
    {
      name: 'dmq_storage_heartbeats_total',
      help: 'Heartbeats sent, by result: accepted, refused (it must register again), failed.',
      labels: ['result'],
    },
    tell => {
      for (const [result, count] of Object.entries(measures.heartbeats)) tell(count, { result })
    },
  )
  exposition.counters(
    {
      name: 'dmq_storage_pushes_total',
      help: 'Updates from the controller, by result: applied, stale, gap or diverged (it pulls).',
      labels: ['result'],
    },
    tell => {
      for (const [result, count] of Object.entries(measures.pushes)) tell(count, { result })
    },
  )
  exposition.counters(
    {
      name: 'dmq_storage_pulls_total',
      help: 'Metadata that it fetched, by result: delta, snapshot, failed.',
      labels: ['result'],
    },
    tell => {
      for (const [result, count] of Object.entries(measures.pulls)) tell(count, { result })
    },
  )
}
