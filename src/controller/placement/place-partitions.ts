import { counted } from '../../base/counted.ts'
import { DmqError } from '../../base/errors.ts'
import { dealLists } from './deal-lists.ts'
import { Quotas } from './quotas.ts'
import { type RackShares, rackNumbers, rackShares, rackSizes } from './racks.ts'
import { type BrokerLoad, type PlacementView, unavailableText } from './view.ts'

export type PlacementRequest = {
  readonly partitions: number
  readonly replicationFactor: number
  /** Chance: decides between what is equally good. */
  readonly seed: number
}

/**
 * Replica lists for new partitions of one topic. First every broker gets a quota of replicas, and of these of leaders,
 * so that with what lies there already all stand as even as can be; then the quotas are dealt out, partition by partition.
 */
export function placePartitions(
  { brokers }: Pick<PlacementView, 'brokers'>,
  { partitions, replicationFactor, seed }: PlacementRequest,
): number[][] {
  const takers = brokers.filter(broker => broker.unavailable === null)
  if (takers.length < replicationFactor) throw notEnough(brokers, takers, replicationFactor)
  const racks = rackNumbers(takers)
  const shares = rackShares(rackSizes(racks), replicationFactor)
  const replicas = replicaQuotas(takers, racks, shares, { partitions, replicationFactor, seed })
  const leaders = leaderQuotas(takers, racks, replicas.given, { partitions, seed })
  const lists = dealLists({
    racks,
    shares,
    partitions,
    replicationFactor,
    seed,
    replicas: replicas.given,
    rackReplicas: replicas.givenToRack,
    leaders: leaders.given,
  })
  return lists.map(list => list.map(broker => takers[broker]!.brokerId))
}

function replicaQuotas(
  brokers: readonly BrokerLoad[],
  racks: Int32Array,
  { least, most }: RackShares,
  { partitions, replicationFactor, seed }: PlacementRequest,
): Quotas {
  const units = partitions * replicationFactor
  const quotas = new Quotas({
    ...claimsOf(brokers, racks, units, seed),
    loads: brokers.map(broker => broker.replicas),
    ties: brokers.map(broker => broker.leaders / broker.weight),
    most: () => partitions,
  })
  for (const [rack, replicas] of least.entries()) quotas.giveToRack(rack, partitions * replicas)
  const left = units - partitions * least.reduce((sum, replicas) => sum + replicas, 0)
  quotas.give(left, rack => partitions * most[rack]!)
  return quotas
}

function leaderQuotas(
  brokers: readonly BrokerLoad[],
  racks: Int32Array,
  replicas: Int32Array,
  { partitions, seed }: Pick<PlacementRequest, 'partitions' | 'seed'>,
): Quotas {
  const quotas = new Quotas({
    ...claimsOf(brokers, racks, partitions, seed),
    loads: brokers.map(broker => broker.leaders),
    ties: brokers.map(() => 0),
    most: broker => replicas[broker]!,
  })
  quotas.give(partitions, () => partitions)
  return quotas
}

/**
 * What is common to both. A broker that stands low, such as a new one, is preferred, but gets at most twice its share of
 * a topic: else all of a topic would land on the one empty broker, which would then carry all its traffic.
 */
function claimsOf(brokers: readonly BrokerLoad[], racks: Int32Array, units: number, seed: number) {
  const weights = brokers.map(broker => broker.weight)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const fair = (broker: number): number => 2 * Math.ceil((units * weights[broker]!) / total)
  return { racks, weights, seed, fair }
}

function notEnough(
  brokers: readonly BrokerLoad[],
  takers: readonly BrokerLoad[],
  replicationFactor: number,
): DmqError {
  const available = takers.map(broker => broker.brokerId)
  const unavailable = brokers.filter(broker => broker.unavailable !== null).map(broker => broker.brokerId)
  const listed = available.length > 0 ? ` (${available.join(', ')})` : ''
  const others = unavailable.length > 0 ? `; ${unavailableText(brokers)}` : ''
  return new DmqError(
    'NOT_ENOUGH_BROKERS',
    `replication factor ${replicationFactor} needs ${counted(replicationFactor, 'broker that takes', 'brokers that take')} new replicas, there ` +
      `${available.length === 1 ? 'is' : 'are'} ${available.length}${listed}${others}. Start more brokers or ask for fewer replicas.`,
    { replicationFactor, available, unavailable },
  )
}
