import type { Broker } from '../../metadata/broker.ts'
import type { Image } from '../../metadata/image.ts'
import type { BrokerLoad, PlacementView } from './view.ts'
import { unavailabilityOf, weightsOf } from './weights.ts'

/**
 * What a broker has, by what is known of it now. The image knows what it registered with; the controller, who alone decides where
 * replicas are to lie, knows from heartbeats what has become of that. What is decided is in the command, so nodes that know less
 * apply it alike.
 */
export type ResourcesOf = (broker: Broker) => Broker['resources']

export const asRegistered: ResourcesOf = ({ resources }) => resources

/** A copy of what the decisions need; a few milliseconds for a million partitions. */
export function placementView(image: Image, resourcesOf = asRegistered): PlacementView {
  const targets = new Map<number, readonly number[]>()
  for (const [row, { target }] of image.moves) targets.set(row, target)
  const held = image.captureReplicas()
  return {
    brokers: brokerLoads(image, resourcesOf),
    topics: image.captureTopics(),
    replicas: row => targets.get(row) ?? held.at(row),
    held: held.at,
    holds: held.rowsWith,
    isReassigning: row => targets.has(row),
  }
}

/** The brokers alone, which is all that new partitions need. It costs with the different replica lists, not with partitions. */
export function brokerLoads(image: Image, resourcesOf = asRegistered): BrokerLoad[] {
  const brokers = brokersNow(image, resourcesOf)
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

/** What of brokers decides where replicas may lie, and is not in the image: equal where the same would be decided. */
export function standing(image: Image, resourcesOf: ResourcesOf): string {
  const brokers = brokersNow(image, resourcesOf)
  const weights = weightsOf(brokers)
  return brokers.map((broker, i) => `${broker.brokerId} ${weights[i]} ${unavailabilityOf(broker)}`).join()
}

function brokersNow(image: Image, resourcesOf: ResourcesOf): Broker[] {
  return image.brokers().map(broker => ({ ...broker, resources: resourcesOf(broker) }))
}

type Counts = { replicas: number; leaders: number }

function countsOf(image: Image): Map<number, Counts> {
  const counts = new Map<number, Counts>()
  for (const held of image.replicaLists()) if (held !== null) count(counts, held[0], held[1])
  for (const [row, { target }] of image.moves) {
    count(counts, image.partition(row).replicas, -1)
    count(counts, target, 1)
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
