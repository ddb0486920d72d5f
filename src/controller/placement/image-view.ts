import type { Image } from '../../metadata/image.ts'
import type { BrokerLoad, PlacementView } from './view.ts'
import { unavailabilityOf, weightsOf } from './weights.ts'

/** A copy of what the decisions need; a few milliseconds for a million partitions. */
export function placementView(image: Image): PlacementView {
  const targets = new Map<number, readonly number[]>()
  for (const { topic, partition } of image.reassignments())
    targets.set(topic.rows[partition.id]!, partition.reassignment!.target)
  const held = image.captureReplicas()
  return {
    brokers: brokerLoads(image),
    topics: image.topicNames.map(name => image.topic(name)!),
    replicas: row => targets.get(row) ?? held.at(row),
    held: held.at,
    holds: held.rowsWith,
    isReassigning: row => targets.has(row),
  }
}

/** The brokers alone, which is all that new partitions need. It costs with the different replica lists, not with partitions. */
export function brokerLoads(image: Image): BrokerLoad[] {
  const brokers = image.brokers()
  const weights = weightsOf(brokers)
  const counts = countsOf(image)
  return brokers.map((broker, i) => ({
    brokerId: broker.brokerId,
    rack: broker.rack,
    weight: weights[i]!,
    replicas: counts.get(broker.brokerId)?.replicas ?? 0,
    leaders: counts.get(broker.brokerId)?.leaders ?? 0,
    unavailable: unavailabilityOf(broker),
  }))
}

type Counts = { replicas: number; leaders: number }

function countsOf(image: Image): Map<number, Counts> {
  const counts = new Map<number, Counts>()
  for (const held of image.replicaLists()) if (held !== null) count(counts, held[0], held[1])
  for (const { partition } of image.reassignments()) {
    count(counts, partition.replicas, -1)
    count(counts, partition.reassignment!.target, 1)
  }
  return counts
}

function count(counts: Map<number, Counts>, replicas: readonly number[], partitions: number): void {
  for (const [position, brokerId] of replicas.entries()) {
    const found = counts.get(brokerId) ?? { replicas: 0, leaders: 0 }
    counts.set(brokerId, found)
    found.replicas += partitions
    if (position === 0) found.leaders += partitions
  }
}
