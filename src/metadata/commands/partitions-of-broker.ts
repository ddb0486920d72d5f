import type { Broker } from '../broker.ts'
import type { Change } from '../change.ts'
import type { Moment } from '../decision.ts'
import type { Image } from '../image.ts'
import type { Partition } from '../partition-table.ts'
import { elect, type Replication, type Rules, sameReplication, withoutReplica } from '../replication.ts'
import { minInsyncReplicas, uncleanElectionAllowed } from '../topic-config.ts'

/**
 * What the new state of a broker means for every partition it holds a replica of: one command, however many they are.
 * A broker that is not active, or that lost data, leaves its ISRs; one that is active may lead what nobody leads. One
 * that does both leaves first: what it leads again for want of another, it leads in a new epoch.
 */
export function brokerLeaves(image: Image, broker: Broker, lostData: boolean, moment: Moment): Change[] {
  const { brokerId } = broker
  const active = broker.status === 'ONLINE'
  const isActive = (id: number): boolean => (id === brokerId ? active : image.isActive(id))
  return changedPartitions(image, image.rowsWithReplicaOn(brokerId), partition => {
    const left = active && !lostData ? partition : withoutBroker(image, partition, brokerId, lostData, moment)
    return active ? revised(left, elect(left, rulesFor(image, left, isActive)), moment) : left
  })
}

/** The broker is gone for good: whatever its replicas held cannot be counted on. */
export function brokerRemoved(image: Image, brokerId: number, moment: Moment): Change[] {
  return changedPartitions(image, image.rowsWithReplicaOn(brokerId), partition =>
    withoutBroker(image, partition, brokerId, true, moment),
  )
}

function withoutBroker(
  image: Image,
  partition: Partition,
  brokerId: number,
  lostData: boolean,
  moment: Moment,
): Partition {
  const isActive = (id: number): boolean => id !== brokerId && image.isActive(id)
  const rules = rulesFor(image, partition, isActive)
  return revised(partition, withoutReplica(partition, brokerId, lostData, rules), moment)
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

export function rulesFor(image: Image, partition: Partition, isActive: Rules['isActive']): Rules {
  return rulesOf(image.topicById(partition.topicId)!.config, partition.replicas.length, isActive)
}

export function rulesOf(
  config: Readonly<Record<string, string>>,
  replicationFactor: number,
  isActive: Rules['isActive'],
): Rules {
  const minIsr = minInsyncReplicas(config, replicationFactor)
  return { minIsr, unclean: uncleanElectionAllowed(config), isActive }
}

/**
 * Epochs as Kafka's: the leader epoch grows with every change of leader (to none as well), the partition's with any.
 * Nothing changed: the same object.
 */
export function revised(before: Partition, after: Replication, { time }: Moment): Partition {
  if (sameReplication(before, after)) return before
  return {
    ...before,
    leader: after.leader,
    isr: after.isr,
    elr: after.elr,
    lastKnownLeader: after.lastKnownLeader,
    leaderEpoch: before.leaderEpoch + (after.leader === before.leader ? 0 : 1),
    partitionEpoch: before.partitionEpoch + 1,
    modifiedAt: time,
  }
}
