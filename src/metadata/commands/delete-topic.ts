import { type Decision, reject } from '../decision.ts'
import type { Image } from '../image.ts'

export type DeleteTopicCommand = {
  readonly type: 'DeleteTopicCommand'
  readonly time: number
  readonly topicName: string
}

export function decide(image: Image, { topicName }: DeleteTopicCommand): Decision {
  const topic = image.topic(topicName)
  return topic === undefined ? unknownTopic(topicName) : { changes: [{ kind: 'topicRemoved', topic }] }
}

export function unknownTopic(name: string) {
  return reject('UNKNOWN_TOPIC', `topic ${JSON.stringify(name.slice(0, 300))} does not exist`)
}
