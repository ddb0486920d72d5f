import type { BrokerStatus } from '../../metadata/broker.ts'
import { type Change, changedCount, changedRowsOf } from '../../metadata/change.ts'
import type { Command } from '../../metadata/command.ts'
import type { Moment } from '../../metadata/decision.ts'
import type { Image } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { type Touched, topicCount } from '../../metadata/touched.ts'
import { sentence } from './sentence.ts'

/** A partition as it was before and after a command. */
export type PartitionChange = {
  readonly topic: string
  readonly before: Partition
  readonly after: Partition
}

/** A broker in another state: null before it registered, and after it was removed. */
export type StatusChange = {
  readonly brokerId: number
  readonly before: BrokerStatus | null
  readonly after: BrokerStatus | null
  readonly reason: string
}

/** What one command did. The lists are the first of so many; what is left out is only counted. */
export type HistoryEntry = {
  readonly version: number
  readonly time: number
  readonly commandType: string
  /** A sentence for people. */
  readonly text: string
  /** The operation or the duty of the controller that it came from; null where nobody said. */
  readonly by: string | null
  readonly idempotencyKey: string | null
  readonly topics: readonly string[]
  readonly topicCount: number
  readonly brokers: readonly number[]
  readonly statuses: readonly StatusChange[]
  readonly partitions: readonly PartitionChange[]
  readonly partitionCount: number
}

/** The detail of one entry is bounded, so that the loss of a large broker costs no more than this. */
export const TOPICS_KEPT = 1_000
export const PARTITIONS_KEPT = 1_000

/** `image` is still as it was before the changes; `touched` is all that they are about. */
export function entryOf(
  image: Image,
  command: Command,
  changes: readonly Change[],
  touched: Touched,
  { version, time }: Moment,
): HistoryEntry {
  const { partitions, partitionCount } = partitionChanges(image, changes)
  const statuses = statusChanges(image, changes, command)
  const { topics, brokers } = touched
  return {
    version,
    time,
    commandType: command.type,
    text: sentence(command, { image, changes, partitions, partitionCount, statuses }),
    by: command.by ?? null,
    idempotencyKey: command.idempotency?.key ?? null,
    topics: topics.length > TOPICS_KEPT ? topics.slice(0, TOPICS_KEPT) : topics,
    topicCount: topicCount(touched),
    brokers,
    statuses,
    partitions,
    partitionCount,
  }
}

/** In place of an entry that could not be made, which is a bug. */
export function untold(
  { type: commandType, by }: Command,
  touched: Touched,
  moment: Moment,
  why: string,
): HistoryEntry {
  return {
    ...moment,
    commandType,
    text: `${commandType}, of which nothing can be told: ${why}`,
    by: by ?? null,
    idempotencyKey: null,
    topics: touched.topics.slice(0, TOPICS_KEPT),
    topicCount: topicCount(touched),
    brokers: touched.brokers,
    statuses: [],
    partitions: [],
    partitionCount: 0,
  }
}

function partitionChanges(
  image: Image,
  changes: readonly Change[],
): { partitions: PartitionChange[]; partitionCount: number } {
  const partitions: PartitionChange[] = []
  for (const [row, after] of changedRowsOf(changes, each => image.partition(each))) {
    if (partitions.length === PARTITIONS_KEPT) break
    const before = image.partition(row)
    partitions.push({ topic: image.topicById(before.topicId)!.name, before, after })
  }
  return { partitions, partitionCount: changedCount(changes) }
}

/** Only changes of what a broker may do; a registration that repeats is none. */
function statusChanges(image: Image, changes: readonly Change[], command: Command): StatusChange[] {
  const statuses: StatusChange[] = []
  for (const change of changes) {
    if (change.kind !== 'brokerSet' && change.kind !== 'brokerRemoved') continue
    const brokerId = change.kind === 'brokerSet' ? change.broker.brokerId : change.brokerId
    const broker = change.kind === 'brokerSet' ? change.broker : null
    const was = image.broker(brokerId)
    if (was?.status === broker?.status && was?.brokerEpoch === broker?.brokerEpoch) continue
    const reason = broker?.statusReason ?? `${command.by ?? 'it'} removed it`
    statuses.push({ brokerId, before: was?.status ?? null, after: broker?.status ?? null, reason })
  }
  return statuses
}
