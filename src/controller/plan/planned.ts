import { counted } from '../../base/counted.ts'
import { DmqError } from '../../base/errors.ts'
import type { ReplicasChange } from '../../metadata/commands/alter-replicas.ts'
import type { Image } from '../../metadata/image.ts'
import type { Intent } from '../proposer.ts'
import type { TopicRequest } from '../topics.ts'
import type { Some } from './outcome.ts'

/** Something that may happen, or that an operator may do. */
export type Planned =
  | { readonly action: 'lose-broker'; readonly brokerId: number }
  | { readonly action: 'lose-rack'; readonly rack: string }
  | { readonly action: 'drain'; readonly brokerId: number }
  | { readonly action: 'remove-broker'; readonly brokerId: number; readonly force: boolean }
  | { readonly action: 'reassign'; readonly changes: readonly ReplicasChange[] }
  | { readonly action: 'create-topic'; readonly topic: TopicRequest }

/** The commands that it would be. `place` makes the one that creates a topic. Throws what names nothing. */
export function commandsFor(
  image: Image,
  planned: Planned,
  place: (topic: TopicRequest) => Intent,
): Intent[] {
  switch (planned.action) {
    case 'lose-broker':
      return [loss(image, planned.brokerId)]
    case 'lose-rack':
      return brokersOf(image, planned.rack).map(brokerId => loss(image, brokerId))
    case 'drain':
      return [{ type: 'DrainBrokerCommand', brokerId: planned.brokerId, mode: 'DRAIN' }]
    case 'remove-broker':
      return [{ type: 'UnregisterBrokerCommand', brokerId: planned.brokerId, force: planned.force }]
    case 'reassign':
      return [{ type: 'AlterReplicasCommand', cause: 'MANUAL', changes: planned.changes }]
    case 'create-topic':
      return [place(planned.topic)]
  }
}

/** What is so already of what is planned, for people. */
export function notesOn(image: Image, planned: Planned): string[] {
  return lostBrokers(image, planned)
    .flatMap(brokerId => image.broker(brokerId) ?? [])
    .filter(({ status }) => status === 'OFFLINE')
    .map(
      ({ brokerId, statusReason }) =>
        `broker ${brokerId} is OFFLINE already (${statusReason}): what its loss means has happened, so it would change nothing more`,
    )
}

/** Of moves that would not be done, for people. */
export function notesOnMoves({ count, first }: Some<string>): string[] {
  if (count === 0) return []
  const more = count > first.length ? ` and ${count - first.length} more` : ''
  return [
    `${counted(count, 'move')} would not be done as things are, for brokers that are to hold a replica or to lead are away: ${first.join(', ')}${more}`,
  ]
}

function lostBrokers(image: Image, planned: Planned): number[] {
  if (planned.action === 'lose-broker') return [planned.brokerId]
  return planned.action === 'lose-rack' ? brokersOf(image, planned.rack) : []
}

function loss(image: Image, brokerId: number): Intent {
  const broker = image.broker(brokerId)
  if (broker === undefined) throw new DmqError('UNKNOWN_BROKER', `broker ${brokerId} is not registered`)
  const { brokerEpoch } = broker
  return {
    type: 'UpdateBrokerStatusCommand',
    brokerId,
    brokerEpoch,
    status: 'OFFLINE',
    reason: 'planned loss',
  }
}

function brokersOf(image: Image, rack: string): number[] {
  const brokers = image.brokers()
  const there = brokers.filter(broker => broker.rack === rack).map(({ brokerId }) => brokerId)
  if (there.length > 0) return there
  const racks = [...new Set(brokers.flatMap(broker => broker.rack ?? []))].sort()
  const known =
    racks.length === 0
      ? 'no broker names its rack'
      : `the racks are ${racks.map(each => JSON.stringify(each)).join(', ')}`
  throw new DmqError('UNKNOWN_RACK', `no broker is in rack ${JSON.stringify(rack)}: ${known}`, { racks })
}
