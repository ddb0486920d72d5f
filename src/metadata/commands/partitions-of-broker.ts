import { type Broker, isActiveStatus } from '../broker.ts'
import type { Change } from '../change.ts'
import type { Moment } from '../decision.ts'
import type { Brokers, Departure } from '../departure.ts'
import type { Image } from '../image.ts'
import type { Partition } from '../partition-table.ts'
import { beginMove, cancelMove, keepsData, originalReplicas } from '../reassignment.ts'
import { type Replication, type Rules, sameReplication, settle, withoutReplica } from '../replication.ts'
import { minInsyncReplicas, uncleanElectionAllowed } from '../topic-config.ts'

/**
 * What the new state of a broker means for every partition it holds a replica of: one command, however many they are.
 * A broker that is not active, or that lost data, leaves its ISRs; one that is active may lead what nobody leads. One
 * that does both leaves first: what it leads again for want of another, it leads in a new epoch.
 */
export function brokerLeaves(image: Image, broker: Broker, lostData: boolean, moment: Moment): Change[] {
  const { brokerId } = broker
  const active = isActiveStatus(broker.status)
  const departure = {
    brokerId,
    leaves: active && !lostData ? null : { lostData, others: without(image, brokerId) },
    after: active ? withBroker(image, broker) : null,
    time: moment.time,
  }
  return departed(image, departure, partitionLeft(image, broker, lostData, moment))
}

/** The same for one partition: the rules as they are meant, which rows that are being moved take. */
export function partitionLeft(
  image: Image,
  broker: Broker,
  lostData: boolean,
  moment: Moment,
): (partition: Partition) => Partition {
  const { brokerId } = broker
  const active = isActiveStatus(broker.status)
  const brokers = withBroker(image, broker)
  return partition => {
    const left = active && !lostData ? partition : withoutBroker(image, partition, brokerId, lostData, moment)
    return active ? revised(left, settle(left, rulesFor(image, left, brokers)), moment) : left
  }
}

/**
 * The broker is gone for good: whatever its replicas held cannot be counted on. Moves that would bring replicas to it are
 * cancelled, those that wait as well; one that cannot go back, since only replicas that were added hold all records, goes on
 * without the broker.
 */
export function brokerRemoved(image: Image, brokerId: number, moment: Moment): Change[] {
  const leaves = { lostData: true, others: without(image, brokerId) }
  const departure = { brokerId, leaves, after: null, time: moment.time }
  const next = partitionRemoved(image, brokerId, moment)
  return [
    ...departed(image, departure, next),
    ...changedPartitions(image, rowsThatWaitFor(image, brokerId), next),
  ]
}

/** Rows that hold no replica on the broker yet, and are to get one. */
export function rowsThatWaitFor(image: Image, brokerId: number): number[] {
  const rows: number[] = []
  for (const [row, { target }] of image.moves.waiting)
    if (target.includes(brokerId) && !image.partition(row).replicas.includes(brokerId)) rows.push(row)
  return rows
}

/** The same for one partition. */
export function partitionRemoved(
  image: Image,
  brokerId: number,
  moment: Moment,
): (partition: Partition) => Partition {
  return partition => {
    const left = withoutBroker(image, partition, brokerId, true, moment)
    const { reassignment } = left
    if (reassignment === null || !reassignment.target.includes(brokerId)) return left
    const rest = reassignment.target.filter(id => id !== brokerId)
    const goesBack = keepsData(left, [...originalReplicas(left), brokerId])
    const after = goesBack ? cancelMove(left) : beginMove(left, rest, reassignment)
    return revised(left, settle(after, rulesFor(image, left, without(image, brokerId))), moment)
  }
}

/** All rows but a few at once, on integers; those few one by one. */
function departed(image: Image, departure: Departure, next: (partition: Partition) => Partition): Change[] {
  const { changed, others } = image.depart(departure)
  const single = changedPartitions(image, others, next)
  return changed.count === 0 ? single : [{ kind: 'partitionsChanged', changed }, ...single]
}

function withoutBroker(
  image: Image,
  partition: Partition,
  brokerId: number,
  lostData: boolean,
  moment: Moment,
): Partition {
  const rules = rulesFor(image, partition, without(image, brokerId))
  return revised(partition, withoutReplica(partition, brokerId, lostData, rules), moment)
}

function without(image: Image, brokerId: number): Brokers {
  return { isActive: id => id !== brokerId && image.isActive(id), isDraining: image.isDraining }
}

/** The brokers of the image, one of them as it will be. */
function withBroker(image: Image, broker: Broker): Brokers {
  const { brokerId, status } = broker
  return {
    isActive: id => (id === brokerId ? isActiveStatus(status) : image.isActive(id)),
    isDraining: id => (id === brokerId ? status === 'DRAINING' : image.isDraining(id)),
  }
}

/** A change for each of the rows whose partition does not stay the same object. */
export function changedPartitions(
  image: Image,
  rows: readonly number[],
  next: (partition: Partition) => Partition,
): Change[] {
  const changes: Change[] = []
  for (const row of rows) {
    const before = image.partition(row)
    const partition = next(before)
    if (partition !== before) changes.push({ kind: 'partitionChanged', row, partition })
  }
  return changes
}

export function rulesFor(image: Image, { topicId }: Partition, brokers: Brokers): Rules {
  return rulesOf(image.topicById(topicId)!.config, brokers)
}

export function rulesOf(config: Readonly<Record<string, string>>, { isActive, isDraining }: Brokers): Rules {
  return {
    minIsr: minInsyncReplicas(config),
    unclean: uncleanElectionAllowed(config),
    isActive,
    isDraining,
  }
}

/**
 * Epochs as Kafka's: the leader epoch grows with every change of leader (to none as well) and whenever a replica is
 * removed, the partition's with any. Nothing changed: the same object.
 */
export function revised(before: Partition, after: Replication, { time }: Moment): Partition {
  if (sameReplication(before, after)) return before
  const newLeaderEpoch =
    after.leader !== before.leader || before.replicas.some(id => !after.replicas.includes(id))
  return {
    ...before,
    replicas: after.replicas,
    reassignment: after.reassignment,
    leader: after.leader,
    isr: after.isr,
    elr: after.elr,
    lastKnownLeader: after.lastKnownLeader,
    leaderEpoch: before.leaderEpoch + (newLeaderEpoch ? 1 : 0),
    partitionEpoch: before.partitionEpoch + 1,
    modifiedAt: time,
  }
}
