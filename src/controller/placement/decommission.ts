import { REPLICATION_FACTOR_MAX } from '../../metadata/replication.ts'
import { type Obstacle, type Replacement, Replacements, reassigning, waiting } from './replacement.ts'
import type { PlacementView } from './view.ts'

export type ReplicaMove = {
  readonly topic: string
  readonly partition: number
  readonly from: readonly number[]
  readonly to: readonly number[]
}

export type StuckReplica = { readonly topic: string; readonly partition: number; readonly obstacle: Obstacle }

export type DecommissionPlan = {
  /** At most as many as were asked for. */
  readonly moves: readonly ReplicaMove[]
  /** Replicas that cannot be moved now, at most as many again: of those that were looked at to find the moves. */
  readonly stuck: readonly StuckReplica[]
  /** All of those. */
  readonly stuckCount: number
  /** Replicas that are on their way already. */
  readonly moving: number
  /** All replicas that are still on the broker. */
  readonly left: number
}

/** Brokers that stay away, and whether a move of a row could end without them. */
export type Absent = {
  readonly brokers: ReadonlySet<number>
  couldEnd(row: number, to: readonly number[]): boolean
}

const NOBODY: Absent = { brokers: new Set(), couldEnd: () => true }

/**
 * How the replicas of a broker get away from it, `limit` at a time, topic by topic. Those of brokers that stay away go with
 * them: one after the other, the first might wait for the next for ever.
 */
export function planDecommission(
  view: PlacementView,
  brokerId: number,
  limit: number,
  absent = NOBODY,
): DecommissionPlan {
  const replacements = new Replacements({ brokers: withoutNewReplicas(view, brokerId) })
  const registered = new Set(view.brokers.map(broker => broker.brokerId))
  const moves: ReplicaMove[] = []
  const stuck: StuckReplica[] = []
  let [stuckCount, moving, left] = [0, 0, 0]
  for (const { topic, partition, row } of replicasOn(view, brokerId)) {
    left += 1
    const from = view.replicas(row)
    if (!from.includes(brokerId)) moving += 1
    else if (moves.length < limit || view.isReassigning(row)) {
      const others = from.filter(id => id !== brokerId)
      const gone = [brokerId, ...others.filter(id => !registered.has(id))]
      const away = others.filter(id => registered.has(id) && absent.brokers.has(id))
      const found = view.isReassigning(row)
        ? reassigning(from)
        : ending(row, replaceMore(replacements, replaceAll(replacements, from, gone), gone, away), absent)
      if ('replicas' in found) moves.push({ topic, partition, from, to: found.replicas })
      else if (++stuckCount <= limit) stuck.push({ topic, partition, obstacle: found.obstacle })
    }
  }
  return { moves, stuck, stuckCount, moving, left }
}

/** Brokers that were removed leave together with the one that is to be left: no list may name them any more. */
function replaceAll(
  replacements: Replacements,
  from: readonly number[],
  leaving: readonly number[],
): Replacement {
  let replicas = from
  for (const brokerId of leaving) {
    const found = replacements.replace(replicas, brokerId)
    if ('obstacle' in found) return found
    replicas = found.replicas
  }
  return { replicas }
}

/** Of those who stay away as many as somebody takes over from, and the list has room for. */
function replaceMore(
  replacements: Replacements,
  begun: Replacement,
  gone: readonly number[],
  away: readonly number[],
): Replacement {
  if ('obstacle' in begun) return begun
  const room = REPLICATION_FACTOR_MAX - begun.replicas.length - gone.length
  let { replicas } = begun
  for (const brokerId of away.slice(0, Math.max(0, room))) {
    const found = replacements.replace(replicas, brokerId)
    if ('obstacle' in found) break
    replicas = found.replicas
  }
  return { replicas }
}

/** A move that could not end would hold up others, and help nobody. */
function ending(row: number, found: Replacement, absent: Absent): Replacement {
  if ('obstacle' in found || absent.couldEnd(row, found.replicas)) return found
  return waiting(found.replicas)
}

/** Whoever leaves takes nothing, even before it is known to drain. */
function withoutNewReplicas({ brokers }: PlacementView, leaving: number): PlacementView['brokers'] {
  return brokers.map(broker =>
    broker.brokerId === leaving ? { ...broker, unavailable: broker.unavailable ?? 'DRAINING' } : broker,
  )
}

function* replicasOn(view: PlacementView, brokerId: number) {
  const isHeld = view.holds(brokerId)
  for (const { name, rows } of view.topics)
    for (let partition = 0; partition < rows.length; partition++)
      if (isHeld(rows[partition]!)) yield { topic: name, partition, row: rows[partition]! }
}
