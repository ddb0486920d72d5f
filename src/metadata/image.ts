import { assert, present } from '../base/assert.ts'
import { type Broker, isActiveStatus } from './broker.ts'
import { canonical } from './canonical.ts'
import type { ChangedRows } from './changed-rows.ts'
import { type ClusterRow, clusterRowOf, FIRST_CLUSTER, isFirst } from './cluster-row.ts'
import type { Departure } from './departure.ts'
import type { PartitionPage } from './partition-page.ts'
import type { PartitionHealth } from './partition-scan.ts'
import {
  type CapturedTable,
  type LoadedTable,
  type Partition,
  PartitionTable,
  type ReplicaColumn,
} from './partition-table.ts'
import type { Reassignments } from './reassignments.ts'
import type { CapturedLists } from './replica-lists.ts'
import type { Reassignment, ReassignmentCause } from './replication.ts'
import { SortedNames } from './sorted-names.ts'
import { type RowHash, RowHasher, StateHash } from './state-hash.ts'
import { collisionKey, type Topic } from './topic.ts'
import { type Topics, TopicTable } from './topic-table.ts'

/** What applying commands may call; everybody else sees an {@link Image}. */
export type WritableImage = {
  putCluster(cluster: ClusterRow): void
  putBroker(broker: Broker): void
  removeBroker(brokerId: number): void
  addTopic(topic: Omit<Topic, 'rows'>, partitions: readonly Partition[]): void
  addPartitions(topic: Topic, partitions: readonly Partition[]): void
  changeTopic(topic: Topic): void
  removeTopic(topic: Topic): void
  changePartition(row: number, partition: Partition): void
  changePartitions(changed: ChangedRows): void
  advance(version: number, time: number): void
}

/**
 * The metadata of the cluster at one version. Reading is free to all. What changes it are commands that are applied, and
 * nothing else; snapshots and rendered images fill a new one.
 *
 * Invariants: every row of the partition table belongs to one topic; the state hash is the sum over all brokers, topics
 * and partitions, and the row of the cluster once somebody has changed that; names in `topicNames` are sorted.
 */
export class Image implements WritableImage {
  #cluster = FIRST_CLUSTER
  readonly #brokers = new Map<number, Broker>()
  /** By the numbers that the partition table has for them: every topic has a partition. */
  readonly #topics = new TopicTable()
  /** Names with a `.` by those with `_` in its place. */
  readonly #collisionKeys = new Map<string, string>()
  readonly #names = new SortedNames()
  readonly #partitions = new PartitionTable()
  readonly #hash = new StateHash()
  #version = 0
  #time = 0

  /** Log index of the last command that changed the image; 0 while it is empty. */
  get version(): number {
    return this.#version
  }

  /** Time of that command, in epoch milliseconds; never runs back. */
  get time(): number {
    return this.#time
  }

  /** The state hash as it is now, and as it becomes. */
  get hashLanes(): RowHash {
    return this.#hash
  }

  get stateHash(): string {
    return this.#hash.toString()
  }

  get partitionCount(): number {
    return this.#partitions.count
  }

  get cluster(): ClusterRow {
    return this.#cluster
  }

  broker(brokerId: number): Broker | undefined {
    return this.#brokers.get(brokerId)
  }

  /** By ascending id. */
  brokers(): Broker[] {
    return [...this.#brokers.values()].sort((a, b) => a.brokerId - b.brokerId)
  }

  /** It may lead, and be in ISRs. */
  isActive = (brokerId: number): boolean => {
    const status = this.#brokers.get(brokerId)?.status
    return status !== undefined && isActiveStatus(status)
  }

  isDraining = (brokerId: number): boolean => this.#brokers.get(brokerId)?.status === 'DRAINING'

  topic(name: string): Topic | undefined {
    const number = this.#topics.numberOf(name)
    return number === undefined ? undefined : this.#topics.at(number)
  }

  topicById(id: string): Topic | undefined {
    const number = this.#partitions.numberOfTopic(id)
    return number === undefined ? undefined : this.#topics.at(number)
  }

  /** The topic whose name is the same up to `.` and `_`. */
  topicLike(name: string): string | undefined {
    const key = collisionKey(name)
    return this.#collisionKeys.get(key) ?? (this.#topics.numberOf(key) === undefined ? undefined : key)
  }

  /** Sorted. */
  get topicNames(): readonly string[] {
    return this.#names.all()
  }

  partition(row: number): Partition {
    return this.#partitions.at(row)
  }

  partitionsOf(topic: Topic): Partition[] {
    return topic.rows.map(row => this.#partitions.at(row))
  }

  /** Partitions whose replicas are being moved, or are to be, by topic and id. */
  reassignments(): TopicPartition[] {
    return this.#namedOf(this.moves)
  }

  /** Partitions whose replicas are being moved for one of these causes, by topic and id. */
  movesFor(...causes: readonly ReassignmentCause[]): TopicPartition[] {
    return this.#namedOf([...this.moves.begun].filter(([, { cause }]) => causes.includes(cause)))
  }

  /** Moves by row, as they were begun or asked for. */
  get moves(): Reassignments {
    return this.#partitions.moves
  }

  #namedOf(moves: Iterable<readonly [number, Reassignment]>): TopicPartition[] {
    return Array.from(moves, ([row]) => this.named(row)).sort(byName)
  }

  /** Partitions whose first replica could lead, and does not; at most `max`. */
  partitionsLedByOthers(max: number, mayLead: (brokerId: number) => boolean): TopicPartition[] {
    const rows = this.#partitions.scan.rowsLedByOthers(max, mayLead)
    return rows.map(row => this.named(row))
  }

  /** In the order of topic names: nodes number their rows differently, but give the same answers. */
  partitionsWithReplicaOn(brokerId: number): TopicPartition[] {
    return this.#partitions.scan
      .rowsWithReplicaOn(brokerId)
      .map(row => this.named(row))
      .sort(byName)
  }

  /** The partition in a row, with its topic. */
  named(row: number): TopicPartition {
    return { topic: this.#topics.at(this.#partitions.topicNumber(row))!, partition: this.#partitions.at(row) }
  }

  rowsWithReplicaOn(brokerId: number): number[] {
    return this.#partitions.scan.rowsWithReplicaOn(brokerId)
  }

  /**
   * What the new state of a broker comes to for every row with a replica on it: what changes, and the rows of which it is not
   * said, since they are being moved, or are of `except`.
   */
  depart(
    departure: Departure,
    except: (row: number) => boolean = () => false,
  ): { changed: ChangedRows; others: number[] } {
    return this.#partitions.depart(departure, except)
  }

  /** The number of the topic of a row: small, but another topic may get it when this one is gone. */
  topicNumber(row: number): number {
    return this.#partitions.topicNumber(row)
  }

  /** The topics of rows, each once, as numbers. */
  topicNumbersOf(rows: Int32Array): Int32Array {
    return this.#partitions.topicNumbersOf(rows)
  }

  topicOfNumber(number: number): Topic | undefined {
    return this.#topics.at(number)
  }

  partitionHealth(): PartitionHealth {
    return this.#partitions.scan.health(brokerId => this.#brokers.get(brokerId)?.status === 'ONLINE')
  }

  /** Partitions that are led by the broker, and all that it has a replica of. */
  countsOf(brokerId: number): { leaders: number; replicas: number } {
    return this.#partitions.scan.countsOf(brokerId)
  }

  get topicCount(): number {
    return this.#topics.size
  }

  replicaCounts(): Map<number, { leaders: number; replicas: number }> {
    return this.#partitions.scan.counts()
  }

  /** Every replica list, with how many partitions have it. */
  replicaLists(): CapturedLists {
    return this.#partitions.replicaLists()
  }

  /** All topics as they are now, sorted by name, while the image goes on changing. */
  captureTopics(): Topics {
    return this.#topics.capture(this.topicNames)
  }

  /** The replicas of each row as they are now: a copy, which stays while the image goes on changing. */
  captureReplicas(): ReplicaColumn {
    return this.#partitions.captureReplicas()
  }

  // Writing.

  putCluster(cluster: ClusterRow): void {
    if (!isFirst(this.#cluster)) this.#hash.subtract(hashCluster(this.#cluster))
    this.#cluster = clusterRowOf(cluster)
    if (!isFirst(this.#cluster)) this.#hash.add(hashCluster(this.#cluster))
  }

  putBroker(broker: Broker): void {
    const before = this.#brokers.get(broker.brokerId)
    if (before !== undefined) this.#hash.subtract(hashBroker(before))
    this.#brokers.set(broker.brokerId, broker)
    this.#hash.add(hashBroker(broker))
  }

  removeBroker(brokerId: number): void {
    this.#hash.subtract(hashBroker(present(this.#brokers.get(brokerId), 'broker')))
    this.#brokers.delete(brokerId)
  }

  addTopic(topic: Omit<Topic, 'rows'>, partitions: readonly Partition[]): void {
    const isNew = this.topic(topic.name) === undefined && this.topicById(topic.id) === undefined
    assert(isNew, 'topic names and ids are unique')
    this.#addCollisionKey(topic.name)
    this.#names.add(topic.name)
    this.#setTopic({ ...topic, rows: this.#addRows(partitions) })
  }

  addPartitions(topic: Topic, partitions: readonly Partition[]): void {
    this.changeTopic({ ...topic, rows: [...topic.rows, ...this.#addRows(partitions)] })
  }

  #addRows(partitions: readonly Partition[]): number[] {
    const rows = partitions.map(partition => this.#partitions.add(partition))
    this.#hash.add(this.#partitions.hashOfAll(rows))
    return rows
  }

  #addCollisionKey(name: string): void {
    const key = collisionKey(name)
    if (key !== name) this.#collisionKeys.set(key, name)
  }

  changeTopic(topic: Topic): void {
    this.#hash.subtract(hashTopic(present(this.topicById(topic.id), 'topic')))
    this.#setTopic(topic)
  }

  removeTopic(topic: Topic): void {
    this.#hash.subtract(this.#partitions.hashOfAll(topic.rows))
    this.#topics.remove(this.#numberOf(topic))
    for (const row of topic.rows) this.#partitions.remove(row)
    this.#hash.subtract(hashTopic(topic))
    this.#collisionKeys.delete(collisionKey(topic.name))
    this.#names.remove(topic.name)
  }

  changePartition(row: number, partition: Partition): void {
    this.#hash.subtract(this.#partitions.hashOf(row))
    this.#partitions.update(row, partition)
    this.#hash.add(this.#partitions.hashOf(row))
  }

  changePartitions(changed: ChangedRows): void {
    this.#hash.add(this.#partitions.updateAll(changed))
  }

  advance(version: number, time: number): void {
    assert(version > this.#version && time >= this.#time, 'versions and times only grow')
    this.#version = version
    this.#time = time
  }

  // Snapshots.

  /** The image as it is now, while it goes on changing; to be released, once. */
  capture(): CapturedImage {
    return {
      version: this.#version,
      time: this.#time,
      stateHash: this.stateHash,
      ...(isFirst(this.#cluster) ? {} : { cluster: this.#cluster }),
      brokers: [...this.#brokers.values()],
      topics: this.#topics.capture(),
      names: this.#names.all(),
      table: this.#partitions.capture(),
    }
  }

  release({ table }: CapturedImage): void {
    this.#partitions.release(table)
  }

  /** Begins to fill this image, which is empty, with a captured one. */
  load({ version, time, cluster, brokers, table }: LoadedHead): void {
    if (cluster !== undefined) this.putCluster(cluster)
    for (const broker of brokers) this.putBroker(broker)
    this.#partitions.load(table)
    this.#version = version
    this.#time = time
  }

  loadPage(page: PartitionPage): void {
    this.#partitions.loadPage(page)
  }

  /** After all pages. */
  loadTopic(topic: Topic): void {
    this.#partitions.assignTopic(topic.rows, topic.id)
    this.#setTopic(topic)
    this.#addCollisionKey(topic.name)
    this.#hash.add(this.#partitions.hashOfAll(topic.rows))
  }

  /** After their topics, sorted. */
  loadNames(names: readonly string[]): void {
    // The string of the topic, not its equal: there may be hundreds of thousands.
    this.#names.load(names.map(name => this.#nameOf(name) ?? name))
  }

  #nameOf(name: string): string | undefined {
    const number = this.#topics.numberOf(name)
    return number === undefined ? undefined : this.#topics.nameOf(number)
  }

  #numberOf({ id }: Topic): number {
    return present(this.#partitions.numberOfTopic(id), 'number of a topic')
  }

  #setTopic(topic: Topic): void {
    const number = this.#numberOf(topic)
    this.#topics.set(number, topic)
    this.#partitions.setRules(number, topic.config)
    this.#hash.add(hashTopic(topic))
  }
}

export type TopicPartition = { readonly topic: Topic; readonly partition: Partition }

function byName(a: TopicPartition, b: TopicPartition): number {
  if (a.topic.name === b.topic.name) return a.partition.id - b.partition.id
  return a.topic.name < b.topic.name ? -1 : 1
}

export type CapturedImage = {
  readonly version: number
  readonly time: number
  readonly stateHash: string
  /** Left out while nobody has changed it: releases from before there were levels can read it then. */
  readonly cluster?: ClusterRow
  readonly brokers: readonly Broker[]
  readonly topics: Topics
  readonly names: readonly string[]
  readonly table: CapturedTable
}

export type LoadedHead = Pick<CapturedImage, 'version' | 'time' | 'cluster' | 'brokers'> & {
  readonly table: LoadedTable
}

function hashCluster(cluster: ClusterRow): RowHash {
  return new RowHasher().text(canonical(cluster)).finish()
}

function hashBroker(broker: Broker): RowHash {
  const { brokerId, ...rest } = broker
  return new RowHasher().number(brokerId).text(canonical(rest)).finish()
}

function hashTopic({ id, name, config, replicationFactor, createdAt, modifiedAt, rows }: Topic): RowHash {
  const hasher = new RowHasher().text(id).text(name).number(replicationFactor).number(rows.length)
  for (const key of Object.keys(config).sort()) hasher.text(key).text(config[key]!)
  return hasher.number(createdAt).number(modifiedAt).finish()
}
