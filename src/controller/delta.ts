import type { Broker } from '../metadata/broker.ts'
import type { AcceptedCommand } from '../metadata/change-ring.ts'
import type { Image } from '../metadata/image.ts'
import { renderTopic, type TopicView } from '../metadata/render.ts'
import { topicsTouched } from '../metadata/touched.ts'

/** One row as it is now; null: it is gone. */
export type RowChange =
  | { readonly type: 'TOPIC'; readonly topicName: string; readonly topic: TopicView | null }
  | { readonly type: 'BROKER'; readonly brokerId: number; readonly broker: Broker | null }

/** What became of every row that the commands touched: applied in any order, it leads to the image's version. */
export function delta(image: Image, commands: readonly AcceptedCommand[]): RowChange[] {
  const brokers = new Set(commands.flatMap(command => command.brokers))
  const topics = topicsTouched(image, commands)
  const changes: RowChange[] = []
  for (const brokerId of brokers)
    changes.push({ type: 'BROKER', brokerId, broker: image.broker(brokerId) ?? null })
  for (const topicName of topics) {
    const topic = image.topic(topicName)
    changes.push({ type: 'TOPIC', topicName, topic: topic === undefined ? null : renderTopic(image, topic) })
  }
  return changes
}

/** How many partitions {@link delta} would show. */
export function partitionsTouched(image: Image, commands: readonly AcceptedCommand[]): number {
  const topics = topicsTouched(image, commands)
  let partitions = 0
  for (const name of topics) partitions += image.topic(name)?.rows.length ?? 0
  return partitions
}
