import { DmqError } from '../base/errors.ts'
import type { Broker } from '../metadata/broker.ts'

export type PlacementRequest = {
  readonly partitions: number
  readonly replicationFactor: number
  /** Chooses the first leader: its position among the live brokers, modulo their number. */
  readonly start: number
}

/**
 * Replica lists for new partitions, round robin over the live brokers: leaders one after the other, and the followers of
 * successive rounds at a growing distance, so that the partitions of a lost broker do not all fall to its neighbour.
 */
export function placeRoundRobin(brokers: readonly Broker[], request: PlacementRequest): number[][] {
  const live = brokers.filter(broker => broker.status === 'ONLINE').map(broker => broker.brokerId)
  const { partitions, replicationFactor, start } = request
  if (live.length < replicationFactor) throw notEnough(brokers, live, replicationFactor)
  return Array.from({ length: partitions }, (_, partition) => {
    const leader = (start + partition) % live.length
    const round = Math.floor(partition / live.length)
    return Array.from(
      { length: replicationFactor },
      (_, replica) => live[position(leader, replica, round, live.length)]!,
    )
  })
}

/** The leader itself, then the others in a circle that begins one further on in every round. */
function position(leader: number, replica: number, round: number, brokers: number): number {
  if (replica === 0) return leader
  return (leader + 1 + ((round + replica - 1) % (brokers - 1))) % brokers
}

function notEnough(brokers: readonly Broker[], live: readonly number[], replicationFactor: number): DmqError {
  const offline = brokers.filter(broker => !live.includes(broker.brokerId)).map(broker => broker.brokerId)
  const away = offline.length > 0 ? `; not ONLINE: ${offline.join(', ')}` : ''
  return new DmqError(
    'NOT_ENOUGH_BROKERS',
    `replication factor ${replicationFactor} needs ${replicationFactor} brokers that are ONLINE, there are ${live.length}` +
      `${live.length > 0 ? ` (${live.join(', ')})` : ''}${away}. Start more brokers or ask for fewer replicas.`,
    { replicationFactor, online: live, offline },
  )
}
