import { DmqError } from '../base/errors.ts'
import type { Broker } from '../metadata/broker.ts'

export type PlacementRequest = {
  readonly partitions: number
  readonly replicationFactor: number
  /** How many partitions were placed before: where these go on. */
  readonly start: number
}

/**
 * Replica lists for new partitions, round robin over the live brokers. No broker gets two leaders more than another, nor
 * two replicas more; and who follows a leader changes from round to round, so that what a lost broker led does not all
 * fall to its neighbour.
 */
export function placeRoundRobin(brokers: readonly Broker[], request: PlacementRequest): number[][] {
  const live = brokers.filter(broker => broker.status === 'ONLINE').map(broker => broker.brokerId)
  const { partitions, replicationFactor, start } = request
  if (live.length < replicationFactor) throw notEnough(brokers, live, replicationFactor)
  const rounds = Array.from({ length: Math.ceil(partitions / live.length) }, (_, i) => {
    const size = Math.min(live.length, partitions - i * live.length)
    const turn = Math.floor(start / live.length) + i
    const distances = distancesFromLeader({ brokers: live.length, replicationFactor, size, turn })
    return Array.from({ length: size }, (_, partition) =>
      distances.map(distance => live[(start + partition + distance) % live.length]!),
    )
  })
  return rounds.flat()
}

/**
 * How far each replica lies behind the leader, on the circle of brokers. In a round of as many partitions as there are
 * brokers, every distance gives each broker one replica. In the last round, which may be smaller, the replicas of one
 * rank are an arc of `size` brokers: the arcs lie end to end, and one further on where they would fall on one another.
 * In every second round they run backwards, which covers the circle just as evenly.
 */
function distancesFromLeader({ brokers, replicationFactor, size, turn }: Round): number[] {
  const others = size === brokers ? brokers - 1 : replicationFactor - 1
  const ranks = Array.from({ length: replicationFactor }, (_, replica) =>
    replica === 0 ? 0 : 1 + ((turn + replica - 1) % others),
  )
  if (size === brokers) return ranks
  const arcsBeforeOverlap = brokers / greatestCommonDivisor(brokers, size)
  // Where the arcs leave some brokers out, it is others in every round.
  const gap = turn % Math.max(1, brokers - replicationFactor * size + 1)
  return ranks.map(rank => {
    const distance = rank === 0 ? 0 : (gap + rank * size + Math.floor(rank / arcsBeforeOverlap)) % brokers
    return turn % 2 === 0 ? distance : brokers - distance
  })
}

type Round = {
  readonly brokers: number
  readonly replicationFactor: number
  /** Partitions in this round. */
  readonly size: number
  /** How many rounds there were before. */
  readonly turn: number
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
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
