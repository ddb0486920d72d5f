import { remedied } from '../../base/errors.ts'
import type { Change } from '../change.ts'
import { type Decision, type Moment, type Rejection, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import type { Partition } from '../partition-table.ts'
import { beginMove, cancelMove, isWaiting, keepsData, originalReplicas, queueMove } from '../reassignment.ts'
import {
  REPLICATION_FACTOR_MAX,
  type Reassignment,
  type ReassignmentCause,
  type Replication,
  settle,
} from '../replication.ts'
import { replicasFault } from './create-topic.ts'
import { MoveRoom, movesWaitTheirTurn } from './move-room.ts'
import { changesSayWhatTheyMean, type NamedPartition, rowOf } from './named-partition.ts'
import { revised, rulesFor } from './partitions-of-broker.ts'
import { replicationFactors } from './replication-factors.ts'

/**
 * Replicas of partitions move to other brokers (KIP-455), or a move is cancelled (`replicas` is null). Those that come are
 * added at once, the others go when these are in sync. Each partition succeeds or fails by itself. What an operator asks for
 * takes the place of what the controller is doing by itself; nothing takes the place of what an operator asked for and that
 * has begun.
 */
export type AlterReplicasCommand = {
  readonly type: 'AlterReplicasCommand'
  readonly time: number
  readonly cause: ReassignmentCause
  readonly changes: readonly ReplicasChange[]
  /**
   * So many partitions are moved at a time while no operator said otherwise (from level 4 of `metadata.version` on). Of what
   * there is no room for, moves of an operator wait, and those of the controller are left for later. Absent: all begin.
   */
  readonly movesMax?: number
  /** These wait already, and it is their turn. */
  readonly inTurn?: true
}

export type ReplicasChange = NamedPartition & {
  readonly replicas: readonly number[] | null
  /** What it was decided on: where the partition has changed since, it is to be decided anew. */
  readonly partitionEpoch?: number
}

export function decide(image: Image, command: AlterReplicasCommand, moment: Moment): Decision {
  const { cause, changes } = command
  const place = placing(image, command)
  const seen = new Set<number>()
  const planned: Change[] = []
  const unchanged: number[] = []
  const results = changes.map((change, i) => {
    const row = rowOf(image, change)
    if (typeof row !== 'number') return row
    if (seen.has(row)) return reject('INVALID_REQUEST', `partition ${nameOf(change)} is named twice`)
    seen.add(row)
    const before = image.partition(row)
    const fault = faultOf(image, before, change, cause)
    if (fault !== null) return fault
    const wanted = settle(altered(before, change.replicas, command, moment), rulesFor(image, before, image))
    const partition = revised(before, place(before, wanted), moment)
    if (partition === before) unchanged.push(i)
    else planned.push({ kind: 'partitionChanged', row, partition })
    return null
  })
  const plan = { changes: [...planned, ...replicationFactors(image, planned, moment)], results }
  return unchanged.length === 0 ? plan : { ...plan, unchanged }
}

type Place = (before: Replication, wanted: Replication) => Replication

/** What becomes of each part, in their order, as far as there is room. */
function placing(image: Image, { cause, changes, movesMax, inTurn }: AlterReplicasCommand): Place {
  const begins = changes.some(({ replicas }) => replicas !== null)
  if (movesMax === undefined || !begins || !movesWaitTheirTurn(image)) return (_, wanted) => wanted
  const room = new MoveRoom(image, movesMax)
  // What is asked for now does not overtake those that wait; where none of them can begin, its turn comes soon.
  if (cause === 'MANUAL' && inTurn !== true && image.moves.waiting.size > 0) room.close()
  return (before, wanted) => {
    if (room.admits(before, wanted)) return room.take(before, wanted)
    const leftAsItIs = cause !== 'MANUAL' || isWaiting(before)
    return leftAsItIs ? before : queueMove(before, wanted.reassignment!.target, wanted.reassignment!)
  }
}

function altered(
  before: Partition,
  replicas: readonly number[] | null,
  { cause, inTurn }: AlterReplicasCommand,
  { time }: Moment,
): Replication {
  if (replicas === null) return before.reassignment === null ? before : cancelMove(before)
  const moving = before.reassignment
  const already = (moving?.target ?? before.replicas).join() === replicas.join()
  const takesOver = cause === 'MANUAL' && moving !== null && moving.cause !== 'MANUAL'
  const itsTurn = inTurn === true && isWaiting(before)
  return already && !takesOver && !itsTurn ? before : beginMove(before, replicas, { cause, startedAt: time })
}

function faultOf(
  image: Image,
  before: Partition,
  change: ReplicasChange,
  cause: ReassignmentCause,
): Rejection | null {
  const { replicas, partitionEpoch = before.partitionEpoch } = change
  const moving = before.reassignment
  if (partitionEpoch !== before.partitionEpoch && changesSayWhatTheyMean(image))
    return reject(
      'INVALID_UPDATE_VERSION',
      `partition ${nameOf(change)}: partition epoch is ${before.partitionEpoch}, ${partitionEpoch} was given`,
    )
  if (replicas === null) {
    if (moving === null)
      return reject('NO_REASSIGNMENT_IN_PROGRESS', `partition ${nameOf(change)} is not being moved`)
    if (cause !== 'MANUAL' && moving.cause === 'MANUAL' && !moving.waiting) return movingFault(moving, change)
    return dataFault(before, change, 'the move cannot be cancelled')
  }
  const fault = replicasFault(image, replicas, replicas.length, change.partition)
  if (fault !== null) return fault
  if (new Set([...originalReplicas(before), ...replicas]).size > REPLICATION_FACTOR_MAX)
    return reject(
      'INVALID_REPLICA_ASSIGNMENT',
      `partition ${nameOf(change)}: with those of before these are more than ${REPLICATION_FACTOR_MAX} replicas`,
    )
  if (moving === null || moving.target.join() === replicas.join()) return null
  if (cause === 'MANUAL' && moving.cause !== 'MANUAL')
    return dataFault(before, change, 'the move under way cannot be given up')
  return movingFault(moving, change)
}

/** Message and details of what a move under way does not allow. */
export function waitOrCancel(fact: string, { topic, partition }: Omit<ReplicasChange, 'replicas'>) {
  const remedy = `Wait for it, or cancel it with DELETE /api/v1/metadata/reassignments/${topic}/${partition}.`
  return remedied(fact, remedy, { topic, partition })
}

function movingFault(moving: Reassignment, change: ReplicasChange): Rejection {
  return reject(
    'REASSIGNMENT_IN_PROGRESS',
    ...waitOrCancel(
      `partition ${nameOf(change)} ${moving.waiting ? 'waits to be' : 'is being'} moved to [${moving.target.join(', ')}] (${moving.cause}).`,
      change,
    ),
  )
}

/** To go back is refused while only replicas that were added hold all records. */
function dataFault(before: Partition, change: ReplicasChange, what: string): Rejection | null {
  const kept = [...originalReplicas(before), ...(change.replicas ?? [])]
  if (keepsData(before, kept)) return null
  return reject(
    'INELIGIBLE_REPLICA',
    `partition ${nameOf(change)}: ${what}: none of the brokers ${originalReplicas(before).join(', ')}, where it was before, is in sync`,
  )
}

function nameOf({ topic, partition }: ReplicasChange): string {
  return `${topic}-${partition}`
}
