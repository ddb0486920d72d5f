import type { Change } from '../change.ts'
import { type Decision, type Moment, type Rejection, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import type { Partition } from '../partition-table.ts'
import { bitOf, countOf, minIsrOf, type Replication, settle } from '../replication.ts'
import { type NamedPartition, rowOf } from './named-partition.ts'
import { revised, rulesFor } from './partitions-of-broker.ts'
import { staleEpoch, unknownBroker } from './register-broker.ts'

/**
 * ISRs change. The leader of a partition proposes the whole ISR: compare and set with the epochs of broker, leader and
 * partition, and with the broker epoch of each member (KIP-903); nobody but the current leader can expand an ISR. That a
 * follower leaves can be reported by anyone, for it is always safe. Each partition succeeds or fails by itself.
 */
export type UpdateISRCommand = {
  readonly type: 'UpdateISRCommand'
  readonly time: number
  /** Who says so, and its epoch. */
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly changes: readonly (IsrChange | IsrRemoval)[]
}

/** The epochs are those of the topic with that id: one created again under the name begins them anew. */
export type IsrChange = NamedPartition & {
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly newIsr: readonly { readonly brokerId: number; readonly brokerEpoch: number }[]
}

export type IsrRemoval = NamedPartition & {
  /** The follower that is no longer in sync. */
  readonly removed: number
  /** Of the leadership in which it was seen; a report of an earlier one says nothing about this one. */
  readonly leaderEpoch?: number
}

export function decide(
  image: Image,
  { brokerId, brokerEpoch, changes }: UpdateISRCommand,
  moment: Moment,
): Decision {
  const broker = image.broker(brokerId)
  if (broker === undefined) return unknownBroker(brokerId)
  if (broker.brokerEpoch !== brokerEpoch) return staleEpoch(broker, brokerEpoch)
  const seen = new Set<number>()
  const planned: Change[] = []
  const results = changes.map(change => {
    const row = rowOf(image, change)
    if (typeof row !== 'number') return row
    if (seen.has(row)) return reject('INVALID_REQUEST', `partition ${nameOf(change)} is named twice`)
    seen.add(row)
    const partition = image.partition(row)
    const fault =
      'removed' in change
        ? removalFault(partition, change)
        : (epochFault(partition, brokerId, change) ?? isrFault(image, partition, change))
    if (fault !== null) return fault
    const after = revised(partition, underIsr(image, partition, isrMask(partition, change)), moment)
    if (after !== partition) planned.push({ kind: 'partitionChanged', row, partition: after })
    return null
  })
  return { changes: planned, results }
}

/** In Kafka's order: what is ahead of us shows that *we* are behind; what is behind is the sender's loss. */
function epochFault(partition: Partition, brokerId: number, change: IsrChange): Rejection | null {
  const { leader, leaderEpoch, partitionEpoch } = partition
  const at = `partition ${nameOf(change)}`
  if (change.leaderEpoch > leaderEpoch || change.partitionEpoch > partitionEpoch) {
    return reject(
      'NOT_CONTROLLER',
      `${at}: epochs ${change.leaderEpoch}/${change.partitionEpoch} are ahead of ${leaderEpoch}/${partitionEpoch} here`,
    )
  }
  if (change.leaderEpoch < leaderEpoch)
    return reject(
      'FENCED_LEADER_EPOCH',
      `${at}: leader epoch is ${leaderEpoch}, ${change.leaderEpoch} was given`,
    )
  if (leader !== brokerId)
    return reject('INVALID_REQUEST', `${at}: is led by ${leader ?? 'nobody'}, not by broker ${brokerId}`)
  if (change.partitionEpoch < partitionEpoch) {
    return reject(
      'INVALID_UPDATE_VERSION',
      `${at}: partition epoch is ${partitionEpoch}, ${change.partitionEpoch} was given; look again, then repeat`,
    )
  }
  return null
}

function isrFault(image: Image, { replicas, leader }: Partition, change: IsrChange): Rejection | null {
  const members = change.newIsr.map(({ brokerId }) => brokerId)
  const wrong = (what: string): Rejection =>
    reject('INVALID_REQUEST', `partition ${nameOf(change)}: ISR [${members.join(', ')}]: ${what}`)
  if (leader === null || !members.includes(leader)) return wrong(`it must hold the leader ${leader}`)
  if (new Set(members).size !== members.length) return wrong('a broker is named twice')
  const stranger = members.find(brokerId => !replicas.includes(brokerId))
  if (stranger !== undefined)
    return wrong(`broker ${stranger} holds no replica; replicas are ${replicas.join(', ')}`)
  for (const { brokerId, brokerEpoch } of change.newIsr) {
    const broker = image.broker(brokerId)
    if (image.isActive(brokerId) && broker?.brokerEpoch === brokerEpoch) continue
    const is = broker === undefined ? 'not registered' : `${broker.status} with epoch ${broker.brokerEpoch}`
    return reject(
      'INELIGIBLE_REPLICA',
      `partition ${nameOf(change)}: broker ${brokerId} (epoch ${brokerEpoch}) cannot be in the ISR: it is ${is}`,
    )
  }
  return null
}

function removalFault({ leader, leaderEpoch }: Partition, change: IsrRemoval): Rejection | null {
  const at = `partition ${nameOf(change)}`
  if (change.removed === leader)
    return reject('INVALID_REQUEST', `${at}: broker ${leader} leads it, and cannot leave its ISR`)
  if (change.leaderEpoch === undefined || change.leaderEpoch === leaderEpoch) return null
  return reject(
    'FENCED_LEADER_EPOCH',
    `${at}: leader epoch is ${leaderEpoch}, the report is of ${change.leaderEpoch}`,
  )
}

function isrMask({ replicas, isr }: Partition, change: IsrChange | IsrRemoval): number {
  if ('removed' in change) return isr & ~bitOf(replicas, change.removed)
  return change.newIsr.reduce((mask, { brokerId }) => mask | bitOf(replicas, brokerId), 0)
}

/** Who leaves while the ISR falls below its minimum still holds every committed record: the ELR (KIP-966). */
function underIsr(image: Image, before: Partition, isr: number): Replication {
  const rules = rulesFor(image, before, image)
  const elr = countOf(isr) < minIsrOf(before, rules) ? (before.elr | before.isr) & ~isr : 0
  return settle({ ...before, isr, elr }, rules)
}

function nameOf({ topic, partition }: IsrChange | IsrRemoval): string {
  return `${topic}-${partition}`
}
