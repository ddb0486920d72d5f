import { counted } from '../../base/counted.ts'
import type { Change } from '../../metadata/change.ts'
import type { Command } from '../../metadata/command.ts'
import type { Image } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { isWaiting } from '../../metadata/reassignment.ts'
import { membersOf } from '../../metadata/replication.ts'
import type { PartitionChange, StatusChange } from './entry.ts'

type Done = {
  /** As it was before. */
  readonly image: Image
  readonly changes: readonly Change[]
  readonly partitions: readonly PartitionChange[]
  readonly partitionCount: number
  readonly statuses: readonly StatusChange[]
}

type Of<T extends Command['type']> = Extract<Command, { type: T }>

/** What a command did, in one line for people. */
export function sentence(command: Command, done: Done): string {
  switch (command.type) {
    case 'RegisterBrokerCommand':
      return registered(command, done)
    case 'UnregisterBrokerCommand':
      return `broker ${command.brokerId} was removed${andPartitions(done)}`
    case 'UpdateBrokerStatusCommand': {
      const status = done.statuses[0]?.after ?? command.status
      return `broker ${command.brokerId} ${status}: ${command.reason}${andPartitions(done)}`
    }
    case 'DrainBrokerCommand':
      return `broker ${command.brokerId} ${DRAINS[command.mode ?? 'NONE']}${andPartitions(done)}`
    case 'CreateTopicCommand':
      return `topic ${command.topicName} created: ${counted(command.assignments.length, 'partition')}, ${counted(command.assignments[0]!.length, 'replica')} each`
    case 'DeleteTopicCommand':
      return `topic ${command.topicName} deleted`
    case 'UpdateTopicConfigCommand':
      return `topic ${command.topicName}: ${configText(command)}${andPartitions(done)}`
    case 'CreatePartitionsCommand': {
      const { topicName, from, assignments } = command
      return `topic ${topicName}: ${counted(assignments.length, 'partition')} added, ${from + assignments.length} in all`
    }
    case 'UpdateISRCommand':
      return `${oneOrMany(done, 'ISRs')}, said by broker ${command.brokerId}`
    case 'ElectLeadersCommand':
      return `${oneOrMany(done, 'leaders')} (${command.electionType.toLowerCase()} election)`
    case 'AlterReplicasCommand':
      return `${oneOrManyMoves(done)} (${moveOf(command, done)})`
    case 'UpdateFeaturesCommand':
      return Object.entries(command.levels)
        .map(([name, level]) => `${name} is ${level} now`)
        .join(', ')
    case 'RebalanceCommand':
      return command.wanted ? 'the load is to be evened out' : 'the load is no longer evened out'
    case 'ThrottleMovesCommand':
      return throttled(command)
    case 'NoteRejectionCommand':
      return `a request was refused: ${command.message}`
  }
}

const DRAINS = {
  DRAIN: 'is to be drained',
  DECOMMISSION: 'is to be decommissioned',
  NONE: 'is no longer drained',
} as const

/** Whose moves were begun or, if nothing else was done, which were given up, and by whom. */
function moveOf({ cause, changes }: Of<'AlterReplicasCommand'>, { partitions }: Done): string {
  const given = partitions.map(({ before }) => before.reassignment?.cause.toLowerCase() ?? null)
  const known = [...new Set(given)]
  if (changes.some(({ replicas }) => replicas !== null) || known.length === 0 || known.includes(null))
    return `${cause.toLowerCase()} move`
  return `${known.join(' or ')} move, cancelled by ${cause === 'MANUAL' ? 'an operator' : 'the controller'}`
}

function throttled({ movesMax }: Of<'ThrottleMovesCommand'>): string {
  if (movesMax === null) return 'moves at a time: as the controller is configured'
  return movesMax === 0 ? 'no more moves begin' : `at most ${counted(movesMax, 'move')} at a time`
}

function registered(command: Of<'RegisterBrokerCommand'>, done: Done): string {
  const { brokerId, host, port, rack } = command
  const amended = amendmentText(command, done)
  if (amended !== null) return `broker ${brokerId} ${amended}`
  const where = `at ${host}:${port}${rack === null ? '' : `, rack ${rack}`}`
  const again = done.image.broker(brokerId) === undefined ? 'registered' : 'registered again'
  return `broker ${brokerId} ${again} ${where}${andPartitions(done)}`
}

/** The same process says something else of itself: it did not register again, and keeps its epoch. Null: it did register. */
function amendmentText(after: Of<'RegisterBrokerCommand'>, { image, changes }: Done): string | null {
  const before = image.broker(after.brokerId)
  const isAmended = changes.some(
    change =>
      change.kind === 'brokerSet' &&
      change.broker.brokerEpoch === before?.brokerEpoch &&
      change.broker.status === before.status,
  )
  if (before === undefined || !isAmended) return null
  const { pairedMetadataServiceId: pair } = after
  if (pair !== before.pairedMetadataServiceId)
    return pair === null ? 'is paired with no metadata node now' : `is paired with metadata node ${pair} now`
  return 'amended its registration'
}

function configText({ config }: Of<'UpdateTopicConfigCommand'>): string {
  return Object.entries(config)
    .map(([key, value]) => (value === null ? `${key} is its default again` : `${key}=${value}`))
    .join(', ')
}

function andPartitions({ partitionCount }: Done): string {
  return partitionCount === 0 ? '' : `; ${counted(partitionCount, 'partition')} changed`
}

function oneOrMany({ partitions, partitionCount }: Done, what: string): string {
  const [only] = partitions
  if (partitionCount === 1 && only !== undefined) return changeText(only)
  return `${what} of ${counted(partitionCount, 'partition')} changed`
}

/** Those that only wait from now on, or only waited, have changed nothing. */
function oneOrManyMoves(done: Done): string {
  if (done.partitionCount === 1) return oneOrMany(done, 'replicas')
  const count = { waiting: 0, cancelled: 0, changed: 0 }
  for (const change of done.changes) {
    if (change.kind !== 'partitionChanged') continue
    const before = done.image.partition(change.row)
    if (isWaiting(change.partition)) count.waiting += 1
    else if (isWaiting(before) && change.partition.reassignment === null) count.cancelled += 1
    else count.changed += 1
  }
  const told = [
    ...(count.changed > 0 ? [`replicas of ${counted(count.changed, 'partition')} changed`] : []),
    ...(count.waiting > 0 ? [`${counted(count.waiting, 'move')} to wait for a turn`] : []),
    ...(count.cancelled > 0 ? [`${counted(count.cancelled, 'move')} that waited given up`] : []),
  ]
  return told.join(', ')
}

/** Such as `orders-3: leader 1 -> 2, ISR [1,2] -> [2]`. */
export function changeText({ topic, before, after }: PartitionChange): string {
  const parts = [
    difference('leader', before.leader ?? 'nobody', after.leader ?? 'nobody'),
    difference('ISR', list(isrOf(before)), list(isrOf(after))),
    difference('ELR', list(elrOf(before)), list(elrOf(after))),
    difference('replicas', list(before.replicas), list(after.replicas)),
    moveText(before, after),
  ]
  const told = parts.filter(part => part !== null)
  return `${topic}-${before.id}: ${told.length === 0 ? 'epochs' : told.join(', ')}`
}

function difference(name: string, before: string | number, after: string | number): string | null {
  return before === after ? null : `${name} ${before} -> ${after}`
}

function moveText(before: Partition, after: Partition): string | null {
  const [from, to] = [before, after].map(({ reassignment }) => reassignment?.target ?? null)
  if (from?.join() === to?.join() && isWaiting(before) === isWaiting(after)) return null
  if (to) return `${isWaiting(after) ? 'is to move' : 'moves'} to ${list(to)}`
  const arrived = from!.join() === after.replicas.join()
  return arrived ? 'the move is done' : `the move to ${list(from!)} is given up`
}

export function isrOf({ replicas, isr }: Partition): number[] {
  return membersOf(replicas, isr)
}

export function elrOf({ replicas, elr }: Partition): number[] {
  return membersOf(replicas, elr)
}

export function list(ids: readonly number[]): string {
  return `[${ids.join(',')}]`
}
