import type { BrokerStatus } from '../../metadata/broker.ts'
import type { Image } from '../../metadata/image.ts'
import type { PartitionHealth } from '../../metadata/partition-scan.ts'
import type { Exposition } from './exposition.ts'

const STATUSES: readonly BrokerStatus[] = ['ONLINE', 'DRAINING', 'SHUTTING_DOWN', 'OFFLINE']

/** Which metadata a node has: every metadata node and every storage node tells it. */
export function versionMetrics(
  exposition: Exposition,
  read: () => { readonly version: number; readonly stateHash: string },
): void {
  exposition.gauge(
    { name: 'dmq_metadata_version', help: 'Version of the metadata that this node has.' },
    () => read().version,
  )
  exposition.gauge(
    {
      name: 'dmq_metadata_state_hash',
      help: 'The first 52 bits of its state hash, as a number: nodes of one version have the same.',
    },
    () => Number(`0x${read().stateHash.slice(0, 13)}`),
  )
}

/** The cluster as the metadata of this node shows it; the same on every metadata node that is up to date. */
export function imageMetrics(exposition: Exposition, image: () => Image): void {
  versionMetrics(exposition, image)
  brokerMetrics(exposition, image)
  exposition.gauge({ name: 'dmq_topics', help: 'Topics.' }, () => image().topicCount)
  exposition.gauge({ name: 'dmq_partitions', help: 'Partitions.' }, () => image().partitionCount)
  exposition.gauge(
    { name: 'dmq_partitions_reassigning', help: 'Partitions whose replicas are being moved.' },
    () => image().moves.begun.size,
  )
  exposition.gauge(
    {
      name: 'dmq_partitions_waiting_to_move',
      help: 'Partitions whose replicas an operator wants moved, and that wait for their turn.',
    },
    () => image().moves.waiting.size,
  )
  healthMetrics(exposition, healthOf(image))
}

function brokerMetrics(exposition: Exposition, image: () => Image): void {
  exposition.gauges(
    { name: 'dmq_brokers', help: 'Registered brokers by status.', labels: ['status'] },
    tell => {
      const brokers = image().brokers()
      for (const status of STATUSES)
        tell(brokers.filter(broker => broker.status === status).length, { status })
    },
  )
  exposition.gauge(
    {
      name: 'dmq_brokers_fenced',
      help: 'Brokers that may neither lead nor be in sync: OFFLINE or SHUTTING_DOWN.',
    },
    () =>
      image()
        .brokers()
        .filter(({ brokerId }) => !image().isActive(brokerId)).length,
  )
}

/** Counted again only when the metadata has changed: it takes milliseconds where there are millions of partitions. */
function healthOf(image: () => Image): () => PartitionHealth {
  let known: { image: Image; version: number; health: PartitionHealth } | null = null
  return () => {
    const now = image()
    if (known?.image !== now || known.version !== now.version)
      known = { image: now, version: now.version, health: now.partitionHealth() }
    return known.health
  }
}

function healthMetrics(exposition: Exposition, health: () => PartitionHealth): void {
  exposition.gauge(
    { name: 'dmq_partitions_offline', help: 'Partitions without a leader.' },
    () => health().offline,
  )
  exposition.gauge(
    {
      name: 'dmq_partitions_under_replicated',
      help: 'Partitions with replicas that are not in sync; those that are just being added do not count.',
    },
    () => health().underReplicated,
  )
  exposition.gauge(
    {
      name: 'dmq_partitions_under_min_isr',
      help: 'Partitions with fewer replicas in sync than min.insync.replicas.',
    },
    () => health().underMinIsr,
  )
  exposition.gauge(
    {
      name: 'dmq_partitions_led_by_others',
      help: 'Partitions whose preferred replica is in sync, may lead and does not.',
    },
    () => health().ledByOthers,
  )
}
