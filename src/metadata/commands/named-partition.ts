import { type Rejection, reject } from '../decision.ts'
import { CHANGES_SAY_WHAT_THEY_MEAN } from '../features.ts'
import type { Image } from '../image.ts'
import { unknownTopic } from './delete-topic.ts'

/** A partition as commands name it. With the id of its topic, one created again under the name is not meant (KIP-516). */
export type NamedPartition = { readonly topic: string; readonly topicId?: string; readonly partition: number }

/** Where it lies in the partition table; or why it does not. */
export function rowOf(image: Image, { topic: name, topicId, partition }: NamedPartition): number | Rejection {
  const topic = image.topic(name)
  if (topic === undefined) return unknownTopic(name)
  if (topicId !== undefined && topicId !== topic.id && changesSayWhatTheyMean(image))
    return reject('UNKNOWN_TOPIC_ID', `topic ${name} has id ${topic.id} now, ${topicId} was given`)
  return topic.rows[partition] ?? reject('UNKNOWN_PARTITION', `topic ${name} has no partition ${partition}`)
}

/** Releases of before look at neither topic ids nor what a move was decided on, and must come to the same. */
export function changesSayWhatTheyMean({ cluster: { features } }: Image): boolean {
  return features['metadata.version']! >= CHANGES_SAY_WHAT_THEY_MEAN
}
