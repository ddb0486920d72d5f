import { Assignments } from './assignments.ts'
import { LeaderBoard } from './leader-board.ts'
import { Levelling } from './levelling.ts'
import { repairRacks } from './rack-repair.ts'
import { rackNumbers } from './racks.ts'
import { Reasons } from './reasons.ts'
import { ReplicaBoard } from './replica-board.ts'
import type { PlacementView } from './view.ts'

export type RebalanceMove = {
  readonly topic: string
  readonly partition: number
  readonly from: readonly number[]
  /** The new list. Where it is the old one in another order, no data moves. */
  readonly to: readonly number[]
  /** One sentence for people. */
  readonly reason: string
}

export type RebalancePlan = {
  /** Topic by topic. */
  readonly moves: readonly RebalanceMove[]
  /** Replicas that are copied: what the plan costs. */
  readonly copies: number
  /** Nothing is left to do after these moves; false: plan again when they are done. */
  readonly complete: boolean
}

export type RebalanceLimits = {
  /** Partitions that one plan changes; a chain of moves that was begun goes on to its end. */
  readonly movesMax?: number
}

export const REBALANCE_MOVES_MAX = 1_000

/** {@link rebalanceSteps} without a pause. */
export function planRebalance(view: PlacementView, limits: RebalanceLimits = {}): RebalancePlan {
  const steps = rebalanceSteps(view, limits)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/**
 * The fewest moves that mend what lies too close together, bring replicas to their shares, and then, by order alone,
 * leaders. It yields every few milliseconds: the caller may let others run in between.
 */
export function* rebalanceSteps(
  view: PlacementView,
  { movesMax = REBALANCE_MOVES_MAX }: RebalanceLimits = {},
): Generator<void, RebalancePlan> {
  const plan = new Rebalance(view, yield* Assignments.of(view))
  const complete = yield* plan.make(movesMax)
  return { ...plan.result(), complete }
}

class Rebalance {
  readonly #view: PlacementView
  readonly #assignments: Assignments
  /** By number: those that get new replicas, and take part. */
  readonly #takers: readonly number[]
  readonly #common: { readonly weights: readonly number[]; readonly takes: Uint8Array }
  readonly #reasons: Reasons

  constructor(view: PlacementView, assignments: Assignments) {
    const { brokers } = view
    this.#view = view
    this.#assignments = assignments
    this.#takers = [...brokers.keys()].filter(number => brokers[number]!.unavailable === null)
    const takes = Uint8Array.from(brokers, ({ unavailable }) => (unavailable === null ? 1 : 0))
    this.#common = { takes, weights: brokers.map(broker => broker.weight) }
    this.#reasons = new Reasons(brokers, assignments)
  }

  /** Returns whether that is all. */
  *make(movesMax: number): Generator<void, boolean> {
    return (yield* this.#moveReplicas(movesMax)) && (yield* this.#changeLeaders(movesMax))
  }

  *#moveReplicas(movesMax: number): Generator<void, boolean> {
    const { brokers } = this.#view
    const replicas = Int32Array.from(brokers, broker => broker.replicas)
    const board = new ReplicaBoard(this.#assignments, {
      ...this.#common,
      replicas,
      racks: rackNumbers(brokers),
    })
    this.#reasons.replicas.before = replicas.slice()
    const crowds = yield* repairRacks(this.#assignments, board, this.#takers, movesMax)
    for (const [partition, crowd] of crowds.found) this.#reasons.crowds.set(partition, crowd)
    if (!crowds.all) return false
    const levelling = new Levelling(board, movesMax)
    const done = yield* levelling.level(this.#takers)
    this.#reasons.replicas.share = levelling
    return done
  }

  *#changeLeaders(movesMax: number): Generator<void, boolean> {
    const leaders = this.#leaderCounts()
    this.#reasons.leaders.before = leaders.slice()
    const board = new LeaderBoard(this.#assignments, { ...this.#common, leaders })
    const levelling = new Levelling(board, movesMax)
    const done = yield* levelling.level(this.#takers)
    this.#reasons.leaders.share = levelling
    for (const { partition, from, to } of board.settle()) this.#reasons.handovers.set(partition, { from, to })
    return done
  }

  /** What the brokers lead after the moves. */
  #leaderCounts(): Int32Array {
    const counts = Int32Array.from(this.#view.brokers, broker => broker.leaders)
    for (const partition of this.#assignments.changed()) {
      const before = this.#assignments.original(partition)[0]!
      if (before < counts.length) counts[before]! -= 1
      const after = this.#assignments.at(partition)[0]!
      if (after < counts.length) counts[after]! += 1
    }
    return counts
  }

  result(): Omit<RebalancePlan, 'complete'> {
    const changed = this.#assignments.changed().sort((a, b) => a - b)
    const moves = changed.flatMap(partition => this.#moveOf(partition))
    const copies = moves.reduce((sum, { from, to }) => sum + to.filter(id => !from.includes(id)).length, 0)
    return { moves, copies }
  }

  #moveOf(partition: number): RebalanceMove[] {
    const from = this.#assignments.idsBefore(partition)
    const to = this.#assignments.ids(partition)
    if (from.every((brokerId, i) => brokerId === to[i])) return []
    return [{ ...this.#assignments.name(partition), from, to, reason: this.#reasons.of(partition) }]
  }
}
