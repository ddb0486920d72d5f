import { DmqError } from '../../base/errors.ts'
import type { Image } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { bitOf } from '../../metadata/replication.ts'
import type { HistoryEntry, PartitionChange } from './entry.ts'
import type { History } from './history.ts'
import { changeText, elrOf, isrOf } from './sentence.ts'

/** `from` and `to` are versions, both included. `after` is the version that the page before ended with. */
export type HistoryFilter = {
  readonly topic?: string
  readonly broker?: number
  readonly from?: number
  readonly to?: number
  readonly after?: number
  readonly limit: number
}

export type PartitionChangeView = {
  readonly topic: string
  readonly partition: number
  readonly text: string
  readonly before: StateView
  readonly after: StateView
}
type StateView = ReturnType<typeof stateView>

export type HistoryEntryView = Omit<HistoryEntry, 'statuses' | 'partitions'> & {
  /** Those that the filter asks for; the first few where it asks for none. */
  readonly partitions: readonly PartitionChangeView[]
  /** Whether these are all of them: an entry keeps the first of so many. */
  readonly complete: boolean
}

export type HistoryPage = {
  /** Everything after this version is known here. */
  readonly knownAfter: number
  readonly entries: readonly HistoryEntryView[]
  /** Pass as `after` for the next page. */
  readonly next?: number
}

const NAMES_SHOWN = 20
const PARTITIONS_SHOWN = 10
const PARTITIONS_SHOWN_FILTERED = 100

/**
 * What changed, oldest first. Who names no beginning gets the newest; who names one that is not known any more gets
 * VERSION_COMPACTED, so that nobody takes a part for the whole.
 */
export function historyPage(history: History, image: Image, filter: HistoryFilter): HistoryPage {
  const { from, after, to = Number.POSITIVE_INFINITY, limit } = filter
  const since = Math.max(after ?? 0, (from ?? 1) - 1)
  const open = from === undefined && after === undefined
  if (!open && since < history.from) throw compacted(since + 1, history.from)
  const known = open ? history.entries : history.entries.slice(history.positionAfter(since))
  const matching = known.filter(entry => entry.version <= to && matches(entry, image, filter))
  const entries = open ? matching.slice(-limit) : matching.slice(0, limit)
  const more = !open && entries.length < matching.length
  return {
    knownAfter: history.from,
    entries: entries.map(entry => entryView(entry, filter)),
    ...(more ? { next: entries.at(-1)!.version } : {}),
  }
}

function compacted(from: number, knownAfter: number): DmqError {
  return new DmqError(
    'VERSION_COMPACTED',
    `the history from version ${from} on was asked for; this node knows what came after version ${knownAfter}. ` +
      `Ask from ${knownAfter + 1} on, or another metadata node.`,
    { knownAfter },
  )
}

function matches(entry: HistoryEntry, image: Image, { topic, broker }: HistoryFilter): boolean {
  if (broker !== undefined && !touchesBroker(entry, broker)) return false
  return topic === undefined || entry.topics.includes(topic) || mayTouch(entry, image, topic)
}

function touchesBroker({ brokers, partitions }: HistoryEntry, brokerId: number): boolean {
  return brokers.includes(brokerId) || partitions.some(change => isAbout(change, brokerId))
}

/** The broker leads, is in sync or eligible, or holds a replica, and did not before; or the other way round. */
function isAbout({ before, after }: PartitionChange, brokerId: number): boolean {
  return roleOf(before, brokerId) !== roleOf(after, brokerId)
}

function roleOf({ replicas, isr, elr, leader }: Partition, brokerId: number): string {
  const bit = bitOf(replicas, brokerId)
  return `${bit !== 0} ${(isr & bit) !== 0} ${(elr & bit) !== 0} ${leader === brokerId}`
}

/** Of an entry with more topics than it keeps: the topic was there, and has replicas on the broker that it is about. */
function mayTouch({ topics, topicCount, brokers, time }: HistoryEntry, image: Image, name: string): boolean {
  if (topics.length === topicCount) return false
  const topic = image.topic(name)
  if (topic === undefined || topic.createdAt > time) return false
  return image
    .partitionsOf(topic)
    .some(partition => partition.modifiedAt >= time && brokers.some(id => partition.replicas.includes(id)))
}

function entryView(entry: HistoryEntry, { topic, broker }: HistoryFilter): HistoryEntryView {
  const { statuses: _, partitions, topics, brokers, ...told } = entry
  const filtered = topic !== undefined || broker !== undefined
  const asked = partitions.filter(
    change =>
      (topic === undefined || change.topic === topic) && (broker === undefined || isAbout(change, broker)),
  )
  const shown = asked.slice(0, filtered ? PARTITIONS_SHOWN_FILTERED : PARTITIONS_SHOWN)
  return {
    ...told,
    topics: topics.slice(0, NAMES_SHOWN),
    brokers: brokers.slice(0, NAMES_SHOWN),
    partitions: shown.map(changeView),
    complete: shown.length === asked.length && partitions.length === entry.partitionCount,
  }
}

function changeView(change: PartitionChange): PartitionChangeView {
  const { topic, before, after } = change
  return {
    topic,
    partition: before.id,
    text: changeText(change),
    before: stateView(before),
    after: stateView(after),
  }
}

export function stateView(partition: Partition) {
  const { leader, leaderEpoch, partitionEpoch, replicas } = partition
  return {
    leader,
    leaderEpoch,
    partitionEpoch,
    replicas: [...replicas],
    isr: isrOf(partition),
    elr: elrOf(partition),
  }
}
