import type { Change } from './change.ts'
import type { Image } from './image.ts'

/** Names of the topics and ids of the brokers that changes are about. */
export function touchedBy(image: Image, changes: readonly Change[]): { topics: string[]; brokers: number[] } {
  const topics = new Set<string>()
  const brokers = new Set<number>()
  for (const change of changes) {
    if (change.kind === 'brokerSet') brokers.add(change.broker.brokerId)
    else if (change.kind === 'brokerRemoved') brokers.add(change.brokerId)
    else if (change.kind === 'partitionChanged') topics.add(image.topicById(change.partition.topicId)!.name)
    else topics.add(change.topic.name)
  }
  return { topics: [...topics], brokers: [...brokers] }
}
