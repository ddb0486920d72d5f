import { DmqError } from '../base/errors.ts'
import { type ReplicasChange, waitOrCancel } from '../metadata/commands/alter-replicas.ts'
import type { Rejection } from '../metadata/decision.ts'
import type { Image, TopicPartition } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { isWaiting, removingReplicas } from '../metadata/reassignment.ts'
import { bitOf, membersOf } from '../metadata/replication.ts'
import type { MoveThrottle } from './move-throttle.ts'
import { brokerLoads, type ResourcesOf } from './placement/image-view.ts'
import { withReplicationFactor } from './placement/replication-factor.ts'
import type { Intent, Proposer, Write } from './proposer.ts'
import type { Replica } from './replica.ts'

type Parts = {
  readonly proposer: Proposer
  readonly replica: Replica
  readonly resourcesOf: ResourcesOf
  readonly throttle: MoveThrottle
}

/** How far the move of one partition is. */
export type MoveProgress = {
  readonly topic: string
  readonly partition: number
  readonly replicas: readonly number[]
  readonly target: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
  readonly cause: string
  /** When it began; while it waits, when it was asked for. */
  readonly startedAt: number
  readonly state: 'MOVING' | 'WAITING'
  /** What it waits for, in words. */
  readonly waitsFor: readonly string[]
}

/** Why it was not done, if so; `unchanged`: there was nothing to do. */
export type AlterResult = { readonly rejection: Rejection | null; readonly unchanged: boolean }

/** Replicas that an operator moves, and how far all moves are. */
export class ReplicaMoves {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Begins moves, or lets them wait for their turn; `replicas` null cancels one. A result for each. */
  async alter(changes: readonly ReplicasChange[], write: Write): Promise<readonly AlterResult[]> {
    const { proposer } = this.#parts
    const { results = [], unchanged = [] } = await proposer.submit(write, () => this.#intent(changes))
    const idle = new Set(unchanged)
    return changes.map((_, i) => ({ rejection: results[i] ?? null, unchanged: idle.has(i) }))
  }

  /** Every partition of a topic gets more replicas, or fewer; all of them or none. */
  async setReplicationFactor(topicName: string, replicationFactor: number, write: Write): Promise<void> {
    const { proposer } = this.#parts
    const { results = [] } = await proposer.submit(write, () => {
      const changes = this.#resized(topicName, replicationFactor)
      const intent = this.#intent(changes)
      assertAccepted(proposer.check(intent).results ?? [])
      return intent
    })
    // What came in between can still refuse some: that must not look like success.
    assertAccepted(results)
  }

  #intent(changes: readonly ReplicasChange[]): Intent {
    const { configured: movesMax } = this.#parts.throttle
    return { type: 'AlterReplicasCommand', cause: 'MANUAL', changes, movesMax }
  }

  #resized(topicName: string, replicationFactor: number): ReplicasChange[] {
    const { image } = this.#parts.replica
    const topic = image.topic(topicName)
    if (topic === undefined)
      throw new DmqError('UNKNOWN_TOPIC', `topic ${JSON.stringify(topicName)} does not exist`)
    const partitions = image.partitionsOf(topic)
    const moving = partitions.find(({ reassignment }) => reassignment?.cause === 'MANUAL')
    if (moving !== undefined) throw beingMoved(topicName, moving)
    const lists = withReplicationFactor(
      { brokers: brokerLoads(image, this.#parts.resourcesOf) },
      partitions,
      replicationFactor,
    )
    return lists.map((replicas, partition) => ({ topic: topicName, partition, replicas }))
  }
}

/** It says what it was decided on: between a proposal and its commit others come to theirs. */
export function changeOf(
  { topic, partition }: TopicPartition,
  replicas: readonly number[] | null,
): ReplicasChange {
  const { id, partitionEpoch } = partition
  return { topic: topic.name, topicId: topic.id, partition: id, partitionEpoch, replicas }
}

function assertAccepted(results: readonly (Rejection | null)[]): void {
  const refused = results.find(rejection => rejection !== null)
  if (refused !== undefined) throw new DmqError(refused.rejected, refused.message, refused.details)
}

function beingMoved(topic: string, partition: Partition): DmqError {
  const { id } = partition
  const state = isWaiting(partition) ? 'waits to be' : 'is being'
  return new DmqError(
    'REASSIGNMENT_IN_PROGRESS',
    ...waitOrCancel(`partition ${topic}-${id} ${state} moved.`, { topic, partition: id }),
  )
}

export function movesUnderWay(image: Image): MoveProgress[] {
  return image.reassignments().map(moving => progressOf(image, moving))
}

export function progressOf(image: Image, { topic, partition }: TopicPartition): MoveProgress {
  const { id, replicas, reassignment, isr } = partition
  const { target, adding, cause, startedAt } = reassignment!
  return {
    topic: topic.name,
    partition: id,
    replicas,
    target,
    addingReplicas: membersOf(replicas, adding),
    removingReplicas: removingReplicas(partition),
    cause,
    startedAt,
    state: isWaiting(partition) ? 'WAITING' : 'MOVING',
    waitsFor: isWaiting(partition)
      ? whyNotBegun(image, partition)
      : target.filter(id => (isr & bitOf(replicas, id)) === 0).map(id => whyNotInSync(image, id)),
  }
}

/** What holds it up by itself; else it is that others are moved first. */
function whyNotBegun(image: Image, { replicas, reassignment }: Partition): string[] {
  const away = reassignment!.target.filter(id => !replicas.includes(id) && !image.isActive(id))
  const why = [
    ...(image.cluster.movesMax === 0 ? ['moves are paused'] : []),
    ...away.map(id => whyNotInSync(image, id)),
  ]
  return why.length === 0 ? ['its turn'] : why
}

function whyNotInSync(image: Image, brokerId: number): string {
  const broker = image.broker(brokerId)
  if (broker === undefined) return `broker ${brokerId} is not registered any more`
  if (!image.isActive(brokerId)) return `broker ${brokerId} is ${broker.status}: ${broker.statusReason}`
  return `the replica on broker ${brokerId} has not caught up yet`
}
