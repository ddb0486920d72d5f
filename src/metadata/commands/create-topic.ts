import { assert } from '../../base/assert.ts'
import { counted } from '../../base/counted.ts'
import { type Decision, type Moment, type Rejection, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import type { Partition } from '../partition-table.ts'
import { newReplication, REPLICATION_FACTOR_MAX } from '../replication.ts'
import { topicNameFault } from '../topic.ts'
import { checkConfig } from './update-topic-config.ts'

/** A topic and the replica lists of all its partitions, preferred leader first. One command: all of it or nothing. */
export type CreateTopicCommand = {
  readonly type: 'CreateTopicCommand'
  readonly time: number
  readonly topicName: string
  readonly topicId: string
  readonly assignments: readonly (readonly number[])[]
  readonly config: Readonly<Record<string, string>>
}

/** One request creates or adds at most this many partitions, as in Kafka. */
export const PARTITIONS_PER_REQUEST_MAX = 10_000

export function decide(image: Image, command: CreateTopicCommand, { time }: Moment): Decision {
  const { topicName: name, topicId: id, assignments } = command
  assert(typeof id === 'string', 'a topic has an id')
  const fault = topicNameFault(name)
  if (fault !== null) return reject('INVALID_TOPIC', fault)
  const like = image.topicLike(name)
  if (like === name) return reject('TOPIC_ALREADY_EXISTS', `topic ${name} exists already`)
  if (like !== undefined)
    return reject(
      'INVALID_TOPIC',
      `topic ${name} differs from topic ${like} only in "." and "_"; choose another name`,
    )
  // Ids are random, so this is a bug of the proposer; were it found only when writing, it would end every node.
  const holder = image.topicById(id)
  if (holder !== undefined)
    return reject('TOPIC_ALREADY_EXISTS', `topic id ${id} belongs to topic ${holder.name}`)
  const badAssignment = assignmentFault(image, assignments, 0)
  if (badAssignment !== null) return badAssignment
  const replicationFactor = assignments[0]!.length
  const checked = checkConfig({}, command.config, replicationFactor)
  if ('rejected' in checked) return checked
  const topic = { name, id, config: checked.config, replicationFactor, createdAt: time, modifiedAt: time }
  const partitions = assignments.map((replicas, partition) =>
    newPartition(image, id, partition, replicas, time),
  )
  return { changes: [{ kind: 'topicAdded', topic, partitions }] }
}

export function newPartition(
  image: Image,
  topicId: string,
  id: number,
  replicas: readonly number[],
  time: number,
): Partition {
  const state = newReplication(replicas, image)
  return { ...state, topicId, id, leaderEpoch: 0, partitionEpoch: 0, createdAt: time, modifiedAt: time }
}

/** Kafka's rules for replica lists; null if these are legal. `first` is the id of the first partition of the list. */
export function assignmentFault(
  image: Image,
  assignments: readonly (readonly number[])[],
  first: number,
): Rejection | null {
  if (assignments.length === 0 || assignments.length > PARTITIONS_PER_REQUEST_MAX) {
    return reject(
      'INVALID_PARTITIONS',
      `${counted(assignments.length, 'partition')}; expected 1 to ${PARTITIONS_PER_REQUEST_MAX} in one request`,
    )
  }
  const replicationFactor = assignments[0]!.length
  for (const [offset, replicas] of assignments.entries()) {
    const fault = replicasFault(image, replicas, replicationFactor, first + offset)
    if (fault !== null) return fault
  }
  return null
}

export function replicasFault(
  image: Image,
  replicas: readonly number[],
  replicationFactor: number,
  partition: number,
): Rejection | null {
  const wrong = (what: string) =>
    reject('INVALID_REPLICA_ASSIGNMENT', `partition ${partition}: replicas [${replicas.join(', ')}]: ${what}`)
  if (replicas.length < 1 || replicas.length > REPLICATION_FACTOR_MAX)
    return wrong(`expected 1 to ${REPLICATION_FACTOR_MAX} brokers`)
  if (replicas.length !== replicationFactor)
    return wrong(`expected ${counted(replicationFactor, 'broker')}, as for the partitions before it`)
  if (new Set(replicas).size !== replicas.length) return wrong('a broker is named twice')
  const unknown = replicas.filter(id => image.broker(id) === undefined)
  if (unknown.length > 0) return wrong(`not registered: ${unknown.join(', ')}`)
  if (replicas.some(image.isActive)) return null
  return reject(
    'NOT_ENOUGH_BROKERS',
    `partition ${partition}: ${replicas.length === 1 ? `broker ${replicas[0]} is not` : `none of the brokers ${replicas.join(', ')} is`} ONLINE`,
  )
}
