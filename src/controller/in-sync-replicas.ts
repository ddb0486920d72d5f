import type { ErrorCode } from '../base/errors.ts'
import type { IsrChange, IsrRemoval } from '../metadata/commands/update-isr.ts'
import type { Rejection } from '../metadata/decision.ts'
import type { Image } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { bitOf, membersOf } from '../metadata/replication.ts'
import type { BrokerLifecycle } from './broker-lifecycle.ts'
import { type ExpandHint, ExpandHints } from './expand-hints.ts'
import type { Proposer, Write } from './proposer.ts'
import type { Replica } from './replica.ts'

/** What a storage node has seen of one replica. */
export type IsrReport = {
  readonly topic: string
  readonly partition: number
  /** Whose replica. */
  readonly brokerId: number
  readonly updateType: IsrReportType
  readonly currentLag?: number
  readonly lagThreshold?: number
  readonly isInIsr?: boolean
  readonly leaderEpoch?: number
  readonly partitionEpoch?: number
}

export type IsrReportType =
  | 'LAG_THRESHOLD_BREACHED'
  | 'LAG_THRESHOLD_RECOVERED'
  | 'ISR_MEMBERSHIP_CHANGED'
  | 'PARTITION_BECAME_LEADER'
  | 'PARTITION_BECAME_FOLLOWER'

/**
 * APPLIED: the ISR is as reported now. PASSED_TO_LEADER: only the partition's leader can do it, and is told. HELD: the
 * replica has to catch up further first. AGREES: so the metadata says. REFUSED: and why.
 */
export type IsrReportResult = {
  readonly outcome: 'APPLIED' | 'PASSED_TO_LEADER' | 'HELD' | 'AGREES' | 'REFUSED'
  readonly code?: ErrorCode
  readonly message?: string
}

type Parts = { readonly proposer: Proposer; readonly replica: Replica; readonly brokers: BrokerLifecycle }

/** What one report comes to: a part of the command, or an answer at once. */
type Judged = { readonly change: IsrChange | IsrRemoval } | IsrReportResult

/** A replica that fell out for its lag comes back when its lag is half of what put it out: it shall not flap. */
const RECOVERED_BELOW = 0.5

/**
 * ISRs. Only the current leader of a partition can expand its ISR, by compare and set; that a follower leaves is always safe
 * and is taken from anyone. Whatever else is reported is a hint for the leader.
 */
export class InSyncReplicas {
  readonly #parts: Parts
  readonly #hints = new ExpandHints()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The leader of partitions sets their ISRs. One result for each: null, or why not. */
  async alter(
    brokerId: number,
    brokerEpoch: number,
    changes: readonly (IsrChange | IsrRemoval)[],
    write: Write,
  ): Promise<readonly (Rejection | null)[]> {
    const { proposer, brokers } = this.#parts
    const command = { type: 'UpdateISRCommand', brokerId, brokerEpoch, changes } as const
    const { results = [] } = await proposer.submit(write, () => command)
    brokers.heard(brokerId)
    return results
  }

  /** One result for each report; what is applied is one command. */
  async report(
    nodeId: number,
    brokerEpoch: number | undefined,
    reports: readonly IsrReport[],
    write: Write,
  ): Promise<IsrReportResult[]> {
    const { brokers } = this.#parts
    const sender = brokers.known(nodeId, brokerEpoch)
    brokers.heard(nodeId)
    const judged = reports.map(report => this.#judge(nodeId, report))
    const changes = judged.flatMap(each => ('change' in each ? [each.change] : []))
    if (changes.length === 0) return judged as IsrReportResult[]
    const results = await this.alter(nodeId, sender.brokerEpoch, changes, write)
    const applied = results[Symbol.iterator]()
    return judged.map(each => ('change' in each ? appliedOr(applied.next().value ?? null) : each))
  }

  /** Which replicas the broker, as leader, should take into its ISRs: others have said that they caught up. Told once. */
  hintsFor(leader: number): ExpandHint[] {
    return this.#hints.take(leader, hint => isStillOut(this.#parts.replica.image, leader, hint))
  }

  #judge(nodeId: number, report: IsrReport): Judged {
    const { image } = this.#parts.replica
    const { topic, partition: id, brokerId } = report
    const row = image.topic(topic)?.rows[id]
    if (row === undefined) return refused('UNKNOWN_PARTITION', `there is no partition ${topic}-${id}`)
    const partition = image.partition(row)
    const bit = bitOf(partition.replicas, brokerId)
    if (bit === 0)
      return refused('INVALID_REQUEST', `partition ${topic}-${id}: broker ${brokerId} holds no replica of it`)
    const isIn = (partition.isr & bit) !== 0
    switch (report.updateType) {
      case 'PARTITION_BECAME_LEADER':
        return agreesOr(partition.leader === brokerId, partition, report)
      case 'PARTITION_BECAME_FOLLOWER':
        return agreesOr(partition.leader !== brokerId, partition, report)
      case 'LAG_THRESHOLD_BREACHED':
        return isIn ? removal(report) : { outcome: 'APPLIED' }
      case 'LAG_THRESHOLD_RECOVERED':
        return isIn ? { outcome: 'APPLIED' } : this.#recovered(nodeId, partition, report)
      case 'ISR_MEMBERSHIP_CHANGED':
        if (report.isInIsr === isIn) return { outcome: 'APPLIED' }
        return report.isInIsr === true ? this.#expansion(nodeId, partition, report) : removal(report)
    }
  }

  #recovered(nodeId: number, partition: Partition, report: IsrReport): Judged {
    const { currentLag = 0, lagThreshold = Number.POSITIVE_INFINITY } = report
    if (currentLag <= lagThreshold * RECOVERED_BELOW) return this.#expansion(nodeId, partition, report)
    const most = lagThreshold * RECOVERED_BELOW
    return { outcome: 'HELD', message: `lag is ${currentLag}; it comes back at ${most} or less` }
  }

  /** With all its epochs, from the leader itself: compare and set. From anybody else it is a hint for the leader. */
  #expansion(nodeId: number, partition: Partition, report: IsrReport): Judged {
    const { image } = this.#parts.replica
    const { topic, brokerId, leaderEpoch, partitionEpoch } = report
    if (partition.leader === null)
      return refused('LEADER_NOT_AVAILABLE', `partition ${topic}-${partition.id} has no leader to take it in`)
    if (partition.leader !== nodeId || leaderEpoch === undefined || partitionEpoch === undefined) {
      this.#hints.add(partition.leader, { topic, partition: partition.id, brokerId })
      return { outcome: 'PASSED_TO_LEADER' }
    }
    const members = [...membersOf(partition.replicas, partition.isr), brokerId]
    const newIsr = members.map(id => ({ brokerId: id, brokerEpoch: image.broker(id)?.brokerEpoch ?? 0 }))
    return { change: { topic, partition: partition.id, leaderEpoch, partitionEpoch, newIsr } }
  }
}

function removal({ topic, partition, brokerId: removed, leaderEpoch }: IsrReport): Judged {
  return { change: { topic, partition, removed, ...(leaderEpoch === undefined ? {} : { leaderEpoch }) } }
}

function agreesOr(agrees: boolean, { leader, leaderEpoch }: Partition, report: IsrReport): IsrReportResult {
  if (agrees && (report.leaderEpoch ?? leaderEpoch) === leaderEpoch) return { outcome: 'AGREES' }
  const { topic, partition } = report
  const is = `partition ${topic}-${partition} is led by ${leader ?? 'nobody'} in leader epoch ${leaderEpoch}`
  return refused('FENCED_LEADER_EPOCH', `${is}; pull the metadata`)
}

function appliedOr(rejection: Rejection | null): IsrReportResult {
  return rejection === null ? { outcome: 'APPLIED' } : refused(rejection.rejected, rejection.message)
}

function refused(code: ErrorCode, message: string): IsrReportResult {
  return { outcome: 'REFUSED', code, message }
}

function isStillOut(image: Image, leader: number, { topic, partition: id, brokerId }: ExpandHint): boolean {
  const row = image.topic(topic)?.rows[id]
  if (row === undefined || !image.isActive(brokerId)) return false
  const partition = image.partition(row)
  return partition.leader === leader && (partition.isr & bitOf(partition.replicas, brokerId)) === 0
}
