import type { Image } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { membersOf, minIsrOf } from '../../src/metadata/replication.ts'
import { minInsyncReplicas } from '../../src/metadata/topic-config.ts'
import { keyOf } from '../invariants/brokers-names.ts'
import type { EpochEnd, PartitionLog, StoredRecord } from './partition-log.ts'

export type FetchRequest = {
  readonly key: string
  readonly leaderEpoch: number
  readonly offset: number
  /** Of the last record that the follower has. */
  readonly lastEpoch: number | null
}

export type FetchAnswer =
  | { readonly kind: 'records'; readonly records: readonly StoredRecord[]; readonly highWatermark: number }
  | ({ readonly kind: 'diverging' } & EpochEnd)
  | { readonly kind: 'refused'; readonly why: 'notLeader' | 'fencedEpoch' | 'unknownEpoch' }

/** What the leader knows of a follower. */
type Follower = { end: number; brokerEpoch: number; caughtUpAt: number; endThen: number }

/** An ISR that the leader has proposed and does not know the fate of: whichever it is, its members count. */
export type Proposal = {
  readonly partitionEpoch: number
  readonly leaderEpoch: number
  readonly members: readonly { readonly brokerId: number; readonly brokerEpoch: number }[]
}

type Waiter = { readonly offset: number; readonly done: (acknowledged: boolean) => void }

/** What is seen of a leader from outside. */
export type ReplicaObserver = {
  leads(replica: PartitionReplica): void
  leadsNoMore(replica: PartitionReplica): void
  commits(replica: PartitionReplica): void
  truncated(records: number): void
}

/**
 * The replica of one partition on one broker, as Kafka's: the leader takes records and counts as committed what its ISR,
 * the proposed one included, has; a follower fetches, and cuts off what parts from its leader, epoch by epoch.
 */
export class PartitionReplica {
  readonly key: string
  readonly brokerId: number
  readonly log: PartitionLog
  readonly #observer: ReplicaObserver
  partition: Partition
  minIsr = 1
  isLeader = false
  proposal: Proposal | null = null
  readonly #followers = new Map<number, Follower>()
  #epochStart = 0
  #waiters: Waiter[] = []

  constructor(brokerId: number, partition: Partition, log: PartitionLog, observer: ReplicaObserver) {
    this.key = keyOf(partition)
    this.brokerId = brokerId
    this.partition = partition
    this.log = log
    this.#observer = observer
  }

  get epoch(): number {
    return this.partition.leaderEpoch
  }

  get isr(): number[] {
    return membersOf(this.partition.replicas, this.partition.isr)
  }

  /** What the copy of the metadata says now; `serves`: this process is the one that is registered. */
  follow(partition: Partition, image: Image, serves: boolean, now: number): void {
    const before = this.partition
    const { config } = image.topicById(partition.topicId)!
    this.partition = partition
    this.minIsr = minIsrOf(partition, { minIsr: minInsyncReplicas(config) })
    const leads = serves && partition.leader === this.brokerId
    if (this.isLeader && (!leads || partition.leaderEpoch !== before.leaderEpoch)) this.resign()
    if (leads && !this.isLeader) this.#lead(now)
    if (this.proposal !== null && isOver(this.proposal, partition, image)) this.proposal = null
    if (this.isLeader) this.advance()
  }

  #lead(now: number): void {
    this.isLeader = true
    this.#epochStart = this.log.end
    this.#followers.clear()
    // Who is in the ISR has all that is committed, and some time to show more.
    for (const id of this.isr)
      this.#followers.set(id, { end: 0, brokerEpoch: -1, caughtUpAt: now, endThen: this.log.end })
    this.#observer.leads(this)
  }

  resign(): void {
    if (!this.isLeader) return
    this.isLeader = false
    this.proposal = null
    for (const { done } of this.#waiters.splice(0)) done(false)
    this.#observer.leadsNoMore(this)
  }

  // The leader.

  /** Takes a record; `done` hears whether all in-sync replicas have it. False: it does not take any now. */
  append(value: number, done: (acknowledged: boolean, offset: number) => void): boolean {
    if (!this.isLeader || this.isr.length < this.minIsr) return false
    const offset = this.log.end
    this.log.append([{ epoch: this.epoch, value }])
    this.#waiters.push({ offset, done: acknowledged => done(acknowledged, offset) })
    this.advance()
    return true
  }

  fetch(
    request: FetchRequest,
    from: { id: number; brokerEpoch: number },
    most: number,
    now: number,
  ): FetchAnswer {
    if (request.leaderEpoch < this.epoch) return { kind: 'refused', why: 'fencedEpoch' }
    if (request.leaderEpoch > this.epoch) return { kind: 'refused', why: 'unknownEpoch' }
    if (!this.isLeader || !this.partition.replicas.includes(from.id))
      return { kind: 'refused', why: 'notLeader' }
    const diverging = this.#divergence(request)
    if (diverging !== null) return { kind: 'diverging', ...diverging }
    this.#heard(request.offset, from, now)
    const records = this.log.records.slice(request.offset, request.offset + most)
    return { kind: 'records', records, highWatermark: this.log.highWatermark }
  }

  #divergence({ offset, lastEpoch }: FetchRequest): EpochEnd | null {
    if (lastEpoch === null) return null
    const end = this.log.endOf(lastEpoch)
    return end.epoch === lastEpoch && end.endOffset >= offset ? null : end
  }

  #heard(offset: number, { id, brokerEpoch }: { id: number; brokerEpoch: number }, now: number): void {
    const { end } = this.log
    const before = this.#followers.get(id)
    // As Kafka: also caught up is who has reached the end that there was at its fetch before this one.
    const reached = offset >= end || offset >= (before?.endThen ?? Number.POSITIVE_INFINITY)
    const caughtUpAt = reached ? now : (before?.caughtUpAt ?? Number.NEGATIVE_INFINITY)
    this.#followers.set(id, { end: offset, brokerEpoch, caughtUpAt, endThen: end })
    this.advance()
  }

  /** Committed is what all have that count: the ISR, and the one that is proposed. */
  advance(): void {
    const { isr } = this
    if (isr.length < this.minIsr) return
    const proposed = this.proposal?.members.map(({ brokerId }) => brokerId) ?? []
    const ends = [...isr, ...proposed].map(id =>
      id === this.brokerId ? this.log.end : (this.#followers.get(id)?.end ?? 0),
    )
    const committed = Math.min(...ends)
    if (committed <= this.log.highWatermark) return
    this.log.highWatermark = committed
    this.#observer.commits(this)
    const done = this.#waiters.filter(({ offset }) => offset < committed)
    this.#waiters = this.#waiters.filter(({ offset }) => offset >= committed)
    for (const waiter of done) waiter.done(true)
  }

  /** The ISR as it should be, if it should be another; the same again while the fate of a proposal is not known. */
  isrToPropose(image: Image, brokerEpoch: number, lagMs: number, now: number): Proposal | null {
    if (!this.isLeader) return null
    if (this.proposal !== null) return this.proposal
    const { leaderEpoch, partitionEpoch, replicas } = this.partition
    const members = replicas.filter(id => id === this.brokerId || this.#belongs(id, image, lagMs, now))
    if (members.length === this.isr.length && members.every(id => this.isr.includes(id))) return null
    this.proposal = {
      leaderEpoch,
      partitionEpoch,
      members: members.map(id => ({ brokerId: id, brokerEpoch: this.#epochOf(id, image, brokerEpoch) })),
    }
    return this.proposal
  }

  #belongs(id: number, image: Image, lagMs: number, now: number): boolean {
    const follower = this.#followers.get(id)
    if (follower === undefined) return false
    if (this.isr.includes(id)) return follower.end >= this.log.end || now - follower.caughtUpAt <= lagMs
    const isThis = image.broker(id)?.brokerEpoch === follower.brokerEpoch
    return isThis && image.isActive(id) && follower.end >= Math.max(this.log.highWatermark, this.#epochStart)
  }

  /** Of the process that has fetched: another one may have the id by now, with less in its log. */
  #epochOf(id: number, image: Image, ownEpoch: number): number {
    if (id === this.brokerId) return ownEpoch
    const known = this.#followers.get(id)?.brokerEpoch ?? -1
    return known >= 0 ? known : (image.broker(id)?.brokerEpoch ?? -1)
  }

  // The follower.

  request(): FetchRequest {
    const { end, lastEpoch } = this.log
    return { key: this.key, leaderEpoch: this.epoch, offset: end, lastEpoch }
  }

  /** Returns whether there may be more at once. */
  took(request: FetchRequest, answer: FetchAnswer): boolean {
    const stale = this.isLeader || request.leaderEpoch !== this.epoch || request.offset !== this.log.end
    if (stale || answer.kind === 'refused') return false
    if (answer.kind === 'diverging') {
      this.#cut(answer)
      return true
    }
    this.log.append(answer.records)
    this.log.highWatermark = Math.max(this.log.highWatermark, Math.min(answer.highWatermark, this.log.end))
    return answer.records.length > 0
  }

  #cut({ epoch, endOffset }: EpochEnd): void {
    const own = this.log.endOf(epoch)
    const before = this.log.end
    this.log.truncate(Math.min(endOffset, own.endOffset))
    this.#observer.truncated(before - this.log.end)
  }
}

/** It was accepted or overtaken; or it names a process that is gone for good, and can never be accepted any more. */
function isOver({ partitionEpoch, members }: Proposal, partition: Partition, image: Image): boolean {
  if (partition.partitionEpoch > partitionEpoch) return true
  return members.some(
    ({ brokerId, brokerEpoch }) => (image.broker(brokerId)?.brokerEpoch ?? Infinity) > brokerEpoch,
  )
}
