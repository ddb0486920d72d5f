import { unreachable } from '../base/assert.ts'
import type { Broker } from './broker.ts'
import type { ChangedRows } from './changed-rows.ts'
import type { ClusterRow } from './cluster-row.ts'
import type { WritableImage } from './image.ts'
import type { Partition } from './partition-table.ts'
import type { Topic } from './topic.ts'

/** What applying a command does to one row of the image: the unit of deltas, history and mirrors. */
export type Change =
  | { kind: 'clusterSet'; cluster: ClusterRow }
  | { kind: 'brokerSet'; broker: Broker }
  | { kind: 'brokerRemoved'; brokerId: number }
  | { kind: 'topicAdded'; topic: Omit<Topic, 'rows'>; partitions: readonly Partition[] }
  | { kind: 'topicChanged'; topic: Topic }
  | { kind: 'topicRemoved'; topic: Topic }
  | { kind: 'partitionsAdded'; topic: Topic; partitions: readonly Partition[] }
  | { kind: 'partitionChanged'; row: number; partition: Partition }
  /** Of many rows at once, each but once in all the changes of a command. */
  | { kind: 'partitionsChanged'; changed: ChangedRows }

export function write(image: WritableImage, change: Change): void {
  switch (change.kind) {
    case 'clusterSet':
      return image.putCluster(change.cluster)
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
    case 'partitionsChanged':
      return image.changePartitions(change.changed)
    default:
      return unreachable(change)
  }
}

/** How many partitions that were there before are changed. */
export function changedCount(changes: readonly Change[]): number {
  let count = 0
  for (const change of changes) {
    if (change.kind === 'partitionChanged') count += 1
    else if (change.kind === 'partitionsChanged') count += change.changed.count
  }
  return count
}

/** Rows that were there before, with their partition as it will be. `partition` reads any earlier state of a row. */
export function* changedRowsOf(
  changes: readonly Change[],
  partition: (row: number) => Partition,
): Generator<readonly [row: number, after: Partition]> {
  for (const change of changes) {
    if (change.kind === 'partitionChanged') yield [change.row, change.partition]
    if (change.kind !== 'partitionsChanged') continue
    const { changed } = change
    const { rows } = changed
    for (let i = 0; i < rows.length; i++) yield [rows[i]!, changed.partition(i, partition(rows[i]!))]
  }
}
