import type { Change } from '../change.ts'
import type { Moment } from '../decision.ts'
import type { Image } from '../image.ts'

/** A topic has as many replicas as its first partition will have. Rows that change many at once keep their replicas. */
export function replicationFactors(image: Image, planned: readonly Change[], { time }: Moment): Change[] {
  const changes: Change[] = []
  for (const change of planned) {
    if (change.kind !== 'partitionChanged' || change.partition.id !== 0) continue
    const topic = image.topicById(change.partition.topicId)!
    const { replicas, reassignment } = change.partition
    const replicationFactor = (reassignment?.target ?? replicas).length
    if (replicationFactor !== topic.replicationFactor)
      changes.push({ kind: 'topicChanged', topic: { ...topic, replicationFactor, modifiedAt: time } })
  }
  return changes
}
