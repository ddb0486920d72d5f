import { counted } from '../../base/counted.ts'
import { type Decision, type Moment, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import { assignmentFault, newPartition } from './create-topic.ts'
import { unknownTopic } from './delete-topic.ts'

/** Adds partitions behind the existing ones. `from` is the count they were placed for: another increase in between wins. */
export type CreatePartitionsCommand = {
  readonly type: 'CreatePartitionsCommand'
  readonly time: number
  readonly topicName: string
  readonly from: number
  readonly assignments: readonly (readonly number[])[]
}

export function decide(
  image: Image,
  { topicName, from, assignments }: CreatePartitionsCommand,
  { time }: Moment,
): Decision {
  const topic = image.topic(topicName)
  if (topic === undefined) return unknownTopic(topicName)
  if (topic.rows.length !== from) {
    const message = `topic ${topicName} has ${counted(topic.rows.length, 'partition')}, not ${from}: they were changed at the same time. Look again, then repeat.`
    return reject('INVALID_PARTITIONS', message)
  }
  const fault = assignmentFault(image, assignments, from)
  if (fault !== null) return fault
  if (assignments[0]!.length !== topic.replicationFactor) {
    const given = assignments[0]!.length
    return reject(
      'INVALID_REPLICA_ASSIGNMENT',
      `${counted(given, 'replica')} given, topic ${topicName} has ${topic.replicationFactor} of each partition`,
    )
  }
  const partitions = assignments.map((replicas, i) => newPartition(image, topic.id, from + i, replicas, time))
  return { changes: [{ kind: 'partitionsAdded', topic: { ...topic, modifiedAt: time }, partitions }] }
}
