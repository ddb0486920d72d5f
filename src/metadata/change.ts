import { unreachable } from '../base/assert.ts'
import type { Broker } from './broker.ts'
import type { WritableImage } from './image.ts'
import type { Partition } from './partition-table.ts'
import type { Topic } from './topic.ts'

/** What applying a command does to one row of the image: the unit of deltas, history and mirrors. */
export type Change =
  | { kind: 'brokerSet'; broker: Broker }
  | { kind: 'brokerRemoved'; brokerId: number }
  | { kind: 'topicAdded'; topic: Omit<Topic, 'rows'>; partitions: readonly Partition[] }
  | { kind: 'topicChanged'; topic: Topic }
  | { kind: 'topicRemoved'; topic: Topic }
  | { kind: 'partitionsAdded'; topic: Topic; partitions: readonly Partition[] }
  | { kind: 'partitionChanged'; row: number; partition: Partition }

export function write(image: WritableImage, change: Change): void {
  switch (change.kind) {
    case 'brokerSet':
      return image.putBroker(change.broker)
    case 'brokerRemoved':
      return image.removeBroker(change.brokerId)
    case 'topicAdded':
      return image.addTopic(change.topic, change.partitions)
    case 'topicChanged':
      return image.changeTopic(change.topic)
    case 'topicRemoved':
      return image.removeTopic(change.topic)
    case 'partitionsAdded':
      return image.addPartitions(change.topic, change.partitions)
    case 'partitionChanged':
      return image.changePartition(change.row, change.partition)
    default:
      return unreachable(change)
  }
}
