import { type Broker, registrationOf } from './broker.ts'
import type { ClusterRow } from './cluster-row.ts'
import { supportsAll } from './features.ts'
import type { Image } from './image.ts'
import type { Partition } from './partition-table.ts'
import { removingReplicas } from './reassignment.ts'
import { maskOf, membersOf } from './replication.ts'
import type { Topic } from './topic.ts'

/** The image as the REST contract shows it. Complete: `readImage` builds an equal image from it. */
export type PartitionView = ReturnType<typeof renderPartition>
export type TopicView = ReturnType<typeof renderTopic>
export type ImageView = Omit<ReturnType<typeof renderImage>, 'cluster'> & { readonly cluster?: ClusterRow }

export function renderPartition(image: Image, partition: Partition) {
  const { id, leader, leaderEpoch, partitionEpoch, replicas, createdAt, modifiedAt, lastKnownLeader } =
    partition
  return {
    id,
    leader,
    leaderEpoch,
    partitionEpoch,
    replicas: [...replicas],
    isr: membersOf(replicas, partition.isr),
    elr: membersOf(replicas, partition.elr),
    lastKnownLeader,
    offlineReplicas: replicas.filter(brokerId => !image.isActive(brokerId)),
    addingReplicas: membersOf(replicas, partition.reassignment?.adding ?? 0),
    removingReplicas: removingReplicas(partition),
    reassignment: reassignmentView(partition),
    createdAt,
    modifiedAt,
  }
}

function reassignmentView({ reassignment }: Partition) {
  if (reassignment === null) return null
  const { target, cause, startedAt, waiting } = reassignment
  return { target: [...target], cause, startedAt, ...(waiting ? { waiting } : {}) }
}

export function renderTopic(image: Image, topic: Topic) {
  return {
    ...renderTopicRow(topic),
    partitions: image.partitionsOf(topic).map(partition => renderPartition(image, partition)),
  }
}

export function renderTopicRow({ name, id, config, replicationFactor, createdAt, modifiedAt, rows }: Topic) {
  return {
    topicName: name,
    topicId: id,
    numPartitions: rows.length,
    replicationFactor,
    config,
    createdAt,
    modifiedAt,
  }
}

export function renderImage(image: Image) {
  return {
    version: image.version,
    stateHash: image.stateHash,
    timestamp: image.time,
    cluster: image.cluster,
    brokers: image.brokers(),
    topics: image.topicNames.map(name => renderTopic(image, image.topic(name)!)),
  }
}

/** Builds `image`, which is empty, from a rendered one. The caller compares the state hashes. */
export function readImage(image: Image, view: ImageView): void {
  // A controller of an earlier release tells nothing of it.
  if (view.cluster !== undefined) image.putCluster(checked(view.cluster))
  for (const broker of view.brokers) image.putBroker(brokerOf(broker))
  for (const topic of view.topics) {
    const { topicName: name, topicId: id, config, replicationFactor, createdAt, modifiedAt } = topic
    const partitions = topic.partitions.map(partition => partitionOf(id, partition))
    image.addTopic({ name, id, config, replicationFactor, createdAt, modifiedAt }, partitions)
  }
  if (view.version > 0) image.advance(view.version, view.timestamp)
}

function checked(cluster: ClusterRow): ClusterRow {
  if (supportsAll(cluster.features)) return cluster
  throw new Error(`it is at levels ${JSON.stringify(cluster.features)}: upgrade this node`)
}

/** Fields in their one order, without what a newer release may have added. */
function brokerOf(broker: Broker): Broker {
  const { status, statusReason, statusSince, drain, brokerEpoch, registeredAt, modifiedAt } = broker
  const state = { status, statusReason, statusSince, drain, brokerEpoch, registeredAt, modifiedAt }
  return { ...registrationOf(broker), ...state }
}

function partitionOf(topicId: string, view: PartitionView): Partition {
  const { id, leader, leaderEpoch, partitionEpoch, replicas, lastKnownLeader, createdAt, modifiedAt } = view
  const isr = maskOf(replicas, brokerId => view.isr.includes(brokerId))
  const elr = maskOf(replicas, brokerId => view.elr.includes(brokerId))
  const adding = maskOf(replicas, brokerId => view.addingReplicas.includes(brokerId))
  return {
    topicId,
    id,
    leader,
    leaderEpoch,
    partitionEpoch,
    replicas,
    reassignment: view.reassignment === null ? null : { ...view.reassignment, adding },
    isr,
    elr,
    lastKnownLeader,
    createdAt,
    modifiedAt,
  }
}
