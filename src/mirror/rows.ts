import type { Broker } from '../metadata/broker.ts'
import type { AcceptedCommand } from '../metadata/change-ring.ts'
import type { Image } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { renderPartition } from '../metadata/render.ts'
import type { Topic } from '../metadata/topic.ts'
import { topicCount } from '../metadata/touched.ts'

/** Rows of the tables, by column. What can be had by a join (offline replicas) is not a column: it would go stale. */
export type Row = Readonly<Record<string, unknown>>

/** Of the topics that a command touched, so many are named in its row: the loss of a broker touches them all. */
export const HISTORY_TOPICS_MAX = 100

export function brokerRow(broker: Broker): Row {
  return {
    broker_id: broker.brokerId,
    host: broker.host,
    port: broker.port,
    rack: broker.rack,
    status: broker.status,
    status_reason: broker.statusReason,
    status_since: broker.statusSince,
    drain_mode: broker.drain?.mode ?? null,
    drain_since: broker.drain?.since ?? null,
    broker_epoch: broker.brokerEpoch,
    incarnation_id: broker.incarnationId,
    paired_metadata_service_id: broker.pairedMetadataServiceId,
    resources: broker.resources,
    listeners: broker.listeners,
    registered_at: broker.registeredAt,
    modified_at: broker.modifiedAt,
  }
}

export function topicRow({ name, id, config, replicationFactor, createdAt, modifiedAt, rows }: Topic): Row {
  return {
    topic: name,
    topic_id: id,
    partition_count: rows.length,
    replication_factor: replicationFactor,
    config,
    created_at: createdAt,
    modified_at: modifiedAt,
  }
}

/** `image` knows who is alive, which is no part of the row. */
export function partitionRow(image: Image, topic: Topic, partition: Partition): Row {
  const view = renderPartition(image, partition)
  return {
    topic: topic.name,
    partition_id: view.id,
    leader: view.leader,
    leader_epoch: view.leaderEpoch,
    partition_epoch: view.partitionEpoch,
    replicas: view.replicas,
    isr: view.isr,
    elr: view.elr,
    last_known_leader: view.lastKnownLeader,
    adding_replicas: view.addingReplicas,
    removing_replicas: view.removingReplicas,
    reassignment: view.reassignment,
    created_at: view.createdAt,
    modified_at: view.modifiedAt,
  }
}

export function historyRow(recoveryEpoch: number, command: AcceptedCommand): Row {
  const { version, commandType, commandData, topics, brokers } = command
  const data = JSON.parse(commandData) as { time: number }
  return {
    recovery_epoch: recoveryEpoch,
    version,
    time: data.time,
    type: commandType,
    topics: topics.slice(0, HISTORY_TOPICS_MAX),
    topic_count: topicCount(command),
    brokers,
    data,
  }
}

/** Stands for commands that nobody here knows any more: what they came to is in the other tables. */
export function gapRow(recoveryEpoch: number, { from, to, time }: Gap): Row {
  return {
    recovery_epoch: recoveryEpoch,
    version: to,
    time,
    type: 'GAP',
    topics: [],
    topic_count: 0,
    brokers: [],
    data: { from, to },
  }
}

export type Gap = { readonly from: number; readonly to: number; readonly time: number }
