import type { Broker } from '../broker.ts'
import type { Change } from '../change.ts'
import type { Moment } from '../decision.ts'
import type { Image } from '../image.ts'
import type { Partition } from '../partition-table.ts'
import { elect, type Replication, type Rules, sameReplication, withoutReplica } from '../replication.ts'
import { minInsyncReplicas, uncleanElectionAllowed } from '../topic-config.ts'

/**
 * What the new state of a broker means for every partition it holds a replica of: one command, however many they are.
 * A broker that is not active, or that lost data, leaves its ISRs; one that is active may lead what nobody leads.
 */
export function brokerLeaves(image: Image, broker: Broker, lostData: boolean, moment: Moment): Change[] {
  const { brokerId } = broker
  const active = broker.status === 'ONLINE'
  return changedPartitions(image, brokerId, active, moment, (partition, rules) =>
    active && !lostData ? elect(partition, rules) : withoutReplica(partition, brokerId, lostData, rules),
  )
}

/** The broker is gone for good: whatever its replicas held cannot be counted on. */
export function brokerRemoved(image: Image, brokerId: number, moment: Moment): Change[] {
  return changedPartitions(image, brokerId, false, moment, (partition, rules) =>
    withoutReplica(partition, brokerId, true, rules),
  )
}

function changedPartitions(
  image: Image,
  brokerId: number,
  active: boolean,
  moment: Moment,
  next: (partition: Replication, rules: Rules) => Replication,
): Change[] {
  const isActive = (id: number): boolean => (id === brokerId ? active : image.isActive(id))
  const changes: Change[] = []
  for (const row of image.rowsWithReplicaOn(brokerId)) {
    const partition = image.partition(row)
    const after = next(partition, rulesFor(image, partition, isActive))
    if (!sameReplication(partition, after))
      changes.push({ kind: 'partitionChanged', row, partition: revised(partition, after, moment) })
  }
  return changes
}

export function rulesFor(image: Image, partition: Partition, isActive: Rules['isActive']): Rules {
  const config = image.topicById(partition.topicId)!.config
  return {
    minIsr: minInsyncReplicas(config, partition.replicas.length),
    unclean: uncleanElectionAllowed(config),
    isActive,
  }
}

/** Epochs as Kafka's: the leader epoch grows with every change of leader (to none as well), the partition's with any. */
export function revised(before: Partition, after: Replication, { time }: Moment): Partition {
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
