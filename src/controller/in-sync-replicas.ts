import type { ErrorCode } from '../base/errors.ts'
import type { Broker } from '../metadata/broker.ts'
import { type NamedPartition, rowOf } from '../metadata/commands/named-partition.ts'
import type { IsrChange, IsrRemoval } from '../metadata/commands/update-isr.ts'
import type { Rejection } from '../metadata/decision.ts'
import type { Image } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { bitOf, membersOf } from '../metadata/replication.ts'
import type { BrokerLifecycle } from './broker-lifecycle.ts'
import { type ExpandHint, ExpandHints, type SaidHint } from './expand-hints.ts'
import type { Outcome, Proposer, Write } from './proposer.ts'
import type { Replica } from './replica.ts'

/** What a storage node has seen of one replica. */
export type IsrReport = NamedPartition & {
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

/** Who reports, and with which metadata. */
type Sender = { readonly nodeId: number; readonly brokerEpoch: number; readonly metadataVersion: number }

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
    const { results = [] } = await this.#submit(brokerId, brokerEpoch, changes, write)
    return results
  }

  async #submit(
    brokerId: number,
    brokerEpoch: number,
    changes: readonly (IsrChange | IsrRemoval)[],
    write: Write,
  ): Promise<Outcome> {
    const { proposer, brokers } = this.#parts
    const command = { type: 'UpdateISRCommand', brokerId, brokerEpoch, changes } as const
    const outcome = await proposer.submit(write, () => command)
    brokers.heard(brokerId)
    return outcome
  }

  /**
   * One result for each report. What is applied is one command, and one more for each time that a partition is named again:
   * what the second report of it comes to rests on what the first one did. `metadataVersion`: what the sender had.
   */
  async report(
    nodeId: number,
    { brokerEpoch, metadataVersion }: { readonly brokerEpoch?: number; readonly metadataVersion: number },
    reports: readonly IsrReport[],
    write: Write,
  ): Promise<IsrReportResult[]> {
    const { brokers } = this.#parts
    const sender = { nodeId, metadataVersion, brokerEpoch: brokers.known(nodeId, brokerEpoch).brokerEpoch }
    brokers.heard(nodeId)
    const results = new Map<IsrReport, IsrReportResult>()
    // A key stands for one command; done once more, the later ones change nothing.
    const { idempotency: _, ...later } = write
    let waiting = await this.#round(sender, reports, write, results)
    while (waiting.length > 0) waiting = await this.#round(sender, waiting, later, results)
    return reports.map(report => results.get(report)!)
  }

  /** A command names a partition once. Returns the reports that have to wait for the next one. */
  async #round(
    sender: Sender,
    reports: readonly IsrReport[],
    write: Write,
    results: Map<IsrReport, IsrReportResult>,
  ): Promise<IsrReport[]> {
    const changes = new Map<string, { readonly report: IsrReport; readonly change: IsrChange | IsrRemoval }>()
    const waiting: IsrReport[] = []
    for (const report of reports) {
      const name = `${report.topic}-${report.partition}`
      const judged = changes.has(name) ? null : this.#judge(sender, report)
      if (judged === null) waiting.push(report)
      else if ('change' in judged) changes.set(name, { report, change: judged.change })
      else results.set(report, judged)
    }
    if (changes.size === 0) return waiting
    const told = [...changes.values()]
    const { nodeId, brokerEpoch } = sender
    const parts = told.map(({ change }) => change)
    const applied = await this.#submit(nodeId, brokerEpoch, parts, write)
    for (const [i, { report }] of told.entries())
      results.set(
        report,
        applied.replayed === undefined ? appliedOr(applied.results?.[i] ?? null) : OVERTAKEN,
      )
    return waiting
  }

  /** Which replicas the broker, as leader, should take into its ISRs: others have said that they caught up. Told once. */
  hintsFor(leader: number): ExpandHint[] {
    return this.#hints.take(leader, hint => isStillOut(this.#parts.replica.image, leader, hint))
  }

  #judge(sender: Sender, report: IsrReport): Judged {
    const { image } = this.#parts.replica
    const { topic, partition: id, brokerId } = report
    const row = rowOf(image, report)
    if (typeof row !== 'number') return refused(row.rejected, row.message)
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
        return isIn ? removal(partition, report) : { outcome: 'APPLIED' }
      case 'LAG_THRESHOLD_RECOVERED':
        return isIn ? { outcome: 'APPLIED' } : this.#recovered(sender, partition, report)
      case 'ISR_MEMBERSHIP_CHANGED':
        if (report.isInIsr === isIn) return { outcome: 'APPLIED' }
        return report.isInIsr === true
          ? this.#expansion(sender, partition, report)
          : removal(partition, report)
    }
  }

  #recovered(sender: Sender, partition: Partition, report: IsrReport): Judged {
    const { currentLag = 0, lagThreshold = Number.POSITIVE_INFINITY } = report
    if (currentLag <= lagThreshold * RECOVERED_BELOW) return this.#expansion(sender, partition, report)
    const most = lagThreshold * RECOVERED_BELOW
    return { outcome: 'HELD', message: `lag is ${currentLag}; it comes back at ${most} or less` }
  }

  /** With all its epochs, from the leader itself: compare and set. From anybody else it is a hint for the leader. */
  #expansion({ nodeId, metadataVersion }: Sender, partition: Partition, report: IsrReport): Judged {
    const { image } = this.#parts.replica
    const { topic, brokerId, leaderEpoch, partitionEpoch } = report
    if (partition.leader === null)
      return refused('LEADER_NOT_AVAILABLE', `partition ${topic}-${partition.id} has no leader to take it in`)
    if (partition.leader !== nodeId || leaderEpoch === undefined || partitionEpoch === undefined) {
      const { topicId, id } = partition
      const brokerEpoch = image.broker(brokerId)?.brokerEpoch ?? 0
      this.#hints.add(partition.leader, { topic, topicId, partition: id, brokerId, brokerEpoch })
      return { outcome: 'PASSED_TO_LEADER' }
    }
    const registeredAnew = newerThan(image.broker(brokerId), metadataVersion)
    if (registeredAnew !== null)
      return refused('INELIGIBLE_REPLICA', `partition ${topic}-${partition.id}: ${registeredAnew}`)
    const members = [...membersOf(partition.replicas, partition.isr), brokerId]
    const newIsr = members.map(id => ({ brokerId: id, brokerEpoch: image.broker(id)?.brokerEpoch ?? 0 }))
    const { topicId, id } = partition
    return { change: { topic, topicId, partition: id, leaderEpoch, partitionEpoch, newIsr } }
  }
}

/** A process that the leader did not know of cannot be what it saw catch up (KIP-903). Null: it knew of it. */
function newerThan(broker: Broker | undefined, metadataVersion: number): string | null {
  if (broker === undefined || broker.incarnationId === null || broker.brokerEpoch <= metadataVersion)
    return null
  const { brokerId, brokerEpoch } = broker
  return `broker ${brokerId} registered anew at version ${brokerEpoch}, and the leader has metadata of version ${metadataVersion}; pull it`
}

function removal({ topicId, id: partition }: Partition, report: IsrReport): Judged {
  const { topic, brokerId: removed, leaderEpoch } = report
  const change = { topic, topicId, partition, removed }
  return { change: leaderEpoch === undefined ? change : { ...change, leaderEpoch } }
}

function agreesOr(agrees: boolean, { leader, leaderEpoch }: Partition, report: IsrReport): IsrReportResult {
  if (agrees && (report.leaderEpoch ?? leaderEpoch) === leaderEpoch) return { outcome: 'AGREES' }
  const { topic, partition } = report
  const is = `partition ${topic}-${partition} is led by ${leader ?? 'nobody'} in leader epoch ${leaderEpoch}`
  return refused('FENCED_LEADER_EPOCH', `${is}; pull the metadata`)
}

/** It was reported before, and is no longer, or not yet, as reported: what the first report came to holds. */
const OVERTAKEN = refused(
  'INVALID_UPDATE_VERSION',
  'this report was taken before, and the partition is not as it says; look again, then report anew',
)

function appliedOr(rejection: Rejection | null): IsrReportResult {
  return rejection === null ? { outcome: 'APPLIED' } : refused(rejection.rejected, rejection.message)
}

function refused(code: ErrorCode, message: string): IsrReportResult {
  return { outcome: 'REFUSED', code, message }
}

function isStillOut(image: Image, leader: number, hint: SaidHint): boolean {
  const { topic: name, topicId, partition: id, brokerId, brokerEpoch } = hint
  const topic = image.topic(name)
  const row = topic?.rows[id]
  if (row === undefined || topic?.id !== topicId || !image.isActive(brokerId)) return false
  const partition = image.partition(row)
  const isOut = (partition.isr & bitOf(partition.replicas, brokerId)) === 0
  return partition.leader === leader && isOut && image.broker(brokerId)!.brokerEpoch === brokerEpoch
}
