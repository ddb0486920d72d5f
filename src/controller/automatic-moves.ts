import { DmqError, remedied } from '../base/errors.ts'
import type { Clock, Timer } from '../io/clock.ts'
import type { Broker } from '../metadata/broker.ts'
import type { ReplicasChange } from '../metadata/commands/alter-replicas.ts'
import { REBALANCE_IS_KEPT } from '../metadata/features.ts'
import type { Image, TopicPartition } from '../metadata/image.ts'
import { keepsData, originalReplicas, removingReplicas } from '../metadata/reassignment.ts'
import type { ReassignmentCause } from '../metadata/replication.ts'
import { absence, canEnd } from './can-end.ts'
import type { MoveThrottle } from './move-throttle.ts'
import { type Absent, planDecommission, type ReplicaMove } from './placement/decommission.ts'
import { placementView, type ResourcesOf, standing } from './placement/image-view.ts'
import { type RebalancePlan, rebalanceSteps } from './placement/rebalance.ts'
import type { PlacementView } from './placement/view.ts'
import { ownWrite, type Proposer, type Write } from './proposer.ts'
import type { Replica } from './replica.ts'
import { changeOf } from './replica-moves.ts'
import { WaitingMoves } from './waiting-moves.ts'

export type AutomaticMoveOptions = {
  /** A broker that is OFFLINE for longer has its replicas rebuilt on others; 0: never. */
  readonly recoveryDelayMs: number
}

type Parts = {
  readonly proposer: Proposer
  readonly replica: Replica
  readonly clock: Clock
  readonly resourcesOf: ResourcesOf
  readonly throttle: MoveThrottle
}
type Leaving = { readonly brokerId: number; readonly cause: 'RECOVERY' | 'DECOMMISSION' }
type Planned = { readonly cause: ReassignmentCause; readonly changes: readonly ReplicasChange[] }

const TICK_MS = 1_000

/**
 * Moves that the controller makes by itself, a few at a time: replicas of brokers that stay away are rebuilt elsewhere (and
 * the move is given up when they return in time), brokers that are decommissioned give theirs away, and a rebalance that
 * was asked for goes on until the load is even. What is under way is in the image, so a new controller goes on with it; from
 * level 2 of `metadata.version` on that holds for a rebalance as a whole, before only for the moves that were begun.
 */
export class AutomaticMoves {
  readonly #options: AutomaticMoveOptions
  readonly #parts: Parts
  readonly #waiting: WaitingMoves
  /** Where the image cannot keep it. */
  #rebalancingSince: number | null = null
  /** Nothing was to be done for these reasons, the version among them. */
  readonly #idle = { urgent: '', planned: '' }
  #timer: Timer
  #ended = false

  constructor(options: AutomaticMoveOptions, parts: Parts) {
    this.#options = options
    this.#parts = parts
    this.#waiting = new WaitingMoves(parts)
    this.#timer = parts.clock.timer(TICK_MS, () => void this.#tick())
  }

  end(): void {
    this.#ended = true
    this.#timer.cancel()
  }

  /** Begins to even out the load, and goes on until it is. */
  async rebalance(write: Write): Promise<void> {
    await this.#wantRebalance(true, write)
  }

  /** Moves that were begun go on; no others follow. Throws NO_REASSIGNMENT_IN_PROGRESS where there is none. */
  async stopRebalance(write: Write): Promise<void> {
    await this.#wantRebalance(false, write)
  }

  /** The load is even, or being evened out: a keyed request for that is done with it. */
  async noteNothingToDo(write: Write): Promise<void> {
    const command = { type: 'RebalanceCommand', wanted: this.isRebalancing } as const
    if (this.rebalanceIsKept) await this.#parts.proposer.submit(write, () => command)
  }

  async #wantRebalance(wanted: boolean, write: Write): Promise<void> {
    const decide = () => {
      if (!wanted && !this.isRebalancing)
        throw new DmqError(
          'NO_REASSIGNMENT_IN_PROGRESS',
          ...remedied(
            'no rebalance is under way.',
            'GET /api/v1/metadata/reassignments lists the moves there are.',
          ),
        )
      return { type: 'RebalanceCommand', wanted } as const
    }
    if (this.rebalanceIsKept) await this.#parts.proposer.submit(write, decide)
    // Nothing of it is in the log: that a keyed write repeats one that was done cannot be known, and it is taken for that.
    else if (write.idempotency === undefined) decide()
    // One that began before the level was raised ends as well.
    if (!wanted) this.#rebalancingSince = null
    else if (!this.rebalanceIsKept) this.#rebalancingSince ??= this.#parts.clock.epoch()
  }

  /** It would outlive this controller. */
  get rebalanceIsKept(): boolean {
    return this.#parts.replica.image.cluster.features['metadata.version']! >= REBALANCE_IS_KEPT
  }

  /** Epoch milliseconds; null: none is under way. */
  get rebalancingSince(): number | null {
    return this.#parts.replica.image.cluster.rebalance?.since ?? this.#rebalancingSince
  }

  get isRebalancing(): boolean {
    return this.rebalancingSince !== null
  }

  /** Partitions that a rebalance moves now. */
  get rebalanceMoves(): number {
    return this.#parts.replica.image.movesFor('REBALANCE').length
  }

  async #tick(): Promise<void> {
    try {
      await this.#giveUpForReturned()
      await this.#giveUpForLost()
      // First what one more loss may take for good, then what operators wait for.
      await this.#waiting.beginUrgent(this.#lostIds())
      await this.#moveOn('urgent')
      await this.#waiting.beginNext()
      await this.#moveOn('planned')
    } catch {
      // Leadership may be lost meanwhile, or the disk be full: the next tick, or the next controller, looks again.
    }
    if (!this.#ended) this.#timer = this.#parts.clock.timer(TICK_MS, () => void this.#tick())
  }

  /** A broker that came back keeps what has not been rebuilt yet. */
  async #giveUpForReturned(): Promise<void> {
    const { image } = this.#parts.replica
    const returned = image.movesFor('RECOVERY').filter(({ partition }) => {
      const leaving = removingReplicas(partition)
      return leaving.length > 0 && leaving.every(image.isActive)
    })
    await this.#giveUp(returned)
  }

  /** Moves that cannot end without a broker that stays away would hold up all others; they are planned anew. */
  async #giveUpForLost(): Promise<void> {
    const { image } = this.#parts.replica
    const away = this.#awayIds()
    if (away.size === 0) return
    const lost = image
      .movesFor('RECOVERY', 'DECOMMISSION', 'REBALANCE')
      .filter(
        ({ partition }) =>
          !canEnd(image, partition, away) && keepsData(partition, originalReplicas(partition)),
      )
    await this.#giveUp([...lost, ...this.#waitingInVain(away)])
  }

  /** Of those that an operator waits for: what they leave as it is may have to be rebuilt. */
  #waitingInVain(away: ReadonlySet<number>): TopicPartition[] {
    const { image } = this.#parts.replica
    const { couldEnd } = absence(image, away)
    const rows = [...image.moves.waiting].filter(
      ([row, { target }]) => target.some(id => away.has(id)) && !couldEnd(row, target),
    )
    return rows.map(([row]) => image.named(row))
  }

  async #giveUp(moves: readonly TopicPartition[]): Promise<void> {
    const changes = moves.map(move => changeOf(move, null))
    if (changes.length > 0) await this.#alter({ cause: 'RECOVERY', changes })
  }

  /** A rebalance is what is left when nobody leaves. */
  async #moveOn(kind: 'urgent' | 'planned'): Promise<void> {
    const { image } = this.#parts.replica
    const leaving = kind === 'urgent' ? this.#lost() : this.#decommissioned()
    const rebalances = kind === 'planned' && this.isRebalancing
    if (leaving.length === 0 && !rebalances) return
    // A disk that has room again is no new version.
    const brokers = standing(image, this.#parts.resourcesOf)
    const away = [...this.#awayIds()].join()
    const reasons = `${image.version} ${leaving.map(({ brokerId }) => brokerId).join()} ${away} ${rebalances} ${brokers}`
    const { free } = this.#parts.throttle.room()
    if (reasons === this.#idle[kind] || free <= 0) return
    const planned = this.#planLeaving(leaving, free) ?? (rebalances ? await this.#planEven(free) : null)
    if (planned === null || !(await this.#alter(planned))) this.#idle[kind] = reasons
  }

  /** Whose replicas are missing: those that were removed first. */
  #lost(): Leaving[] {
    const gone = this.#options.recoveryDelayMs > 0 ? unregistered(this.#parts.replica.image) : []
    return [
      ...gone.map(brokerId => ({ brokerId, cause: 'RECOVERY' }) as const),
      ...this.#away().map(leavingOf),
    ]
  }

  #lostIds(): ReadonlySet<number> {
    return new Set(this.#lost().map(({ brokerId }) => brokerId))
  }

  /** Who is to give its replicas away, and has them. */
  #decommissioned(): Leaving[] {
    const lost = this.#lostIds()
    const brokers = this.#parts.replica.image.brokers()
    const leaving = brokers.filter(
      ({ brokerId, drain }) => drain?.mode === 'DECOMMISSION' && !lost.has(brokerId),
    )
    return leaving.map(leavingOf)
  }

  /** Brokers that stay away: OFFLINE for longer than they are waited for. */
  #away(): Broker[] {
    const { recoveryDelayMs } = this.#options
    if (recoveryDelayMs === 0) return []
    const since = this.#parts.clock.epoch() - recoveryDelayMs
    const brokers = this.#parts.replica.image.brokers()
    return brokers.filter(({ status, statusSince }) => status === 'OFFLINE' && statusSince <= since)
  }

  #awayIds(): ReadonlySet<number> {
    return new Set(this.#away().map(({ brokerId }) => brokerId))
  }

  /** What is begun is what would not be given up. */
  #absent(): Absent {
    return absence(this.#parts.replica.image, this.#awayIds())
  }

  #planLeaving(leaving: readonly Leaving[], free: number): Planned | null {
    const view = this.#view()
    const absent = this.#absent()
    for (const { brokerId, cause } of leaving) {
      const { moves } = planDecommission(view, brokerId, free, absent)
      if (moves.length > 0) return { cause, changes: this.#changesFor(moves, absent) }
    }
    return null
  }

  async #planEven(free: number): Promise<Planned | null> {
    const { moves, complete } = await this.planRebalance(free)
    // It is done when its last replicas have been copied, not when the last copy has begun.
    if (complete && moves.length === 0 && this.rebalanceMoves === 0)
      await this.stopRebalance(ownWrite('rebalance'))
    // The plan took its time: what was asked for meanwhile stands.
    const changes = this.isRebalancing ? this.#changesFor(moves, this.#absent()) : []
    return changes.length === 0 ? null : { cause: 'REBALANCE', changes }
  }

  /** Of the partitions that still are as they were when the moves were planned, and whose moves could end. */
  #changesFor(moves: readonly ReplicaMove[], absent: Absent): ReplicasChange[] {
    const { image } = this.#parts.replica
    return moves.flatMap(({ topic: name, partition: id, from, to }) => {
      const topic = image.topic(name)
      if (topic?.rows[id] === undefined) return []
      const row = topic.rows[id]
      const partition = image.partition(row)
      const isAsPlanned = partition.reassignment === null && partition.replicas.join() === from.join()
      return isAsPlanned && absent.couldEnd(row, to) ? [changeOf({ topic, partition }, to)] : []
    })
  }

  #view(): PlacementView {
    return placementView(this.#parts.replica.image, this.#parts.resourcesOf)
  }

  /** Everything else goes on while it is made: a large cluster takes longer than one turn of the loop may. */
  async planRebalance(movesMax: number): Promise<RebalancePlan> {
    const steps = rebalanceSteps(this.#view(), { movesMax })
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      await new Promise<void>(resolve => this.#parts.clock.afterPending(resolve))
    }
  }

  /** What there is no room for any more is planned again. Returns whether anything was done. */
  async #alter({ cause, changes }: Planned): Promise<boolean> {
    const by = ownWrite(cause.toLowerCase())
    const { configured: movesMax } = this.#parts.throttle
    const intent = { type: 'AlterReplicasCommand', cause, changes, movesMax } as const
    const done = await this.#parts.proposer.propose(intent, by)
    return done.changes.length > 0
  }
}

/** Brokers that were removed by force, and still stand in replica lists. */
function unregistered(image: Image): number[] {
  const named = new Set(image.replicaLists().flatMap(held => (held === null ? [] : held[0])))
  return [...named].filter(brokerId => image.broker(brokerId) === undefined).sort((a, b) => a - b)
}

function leavingOf({ brokerId, drain }: Broker): Leaving {
  return { brokerId, cause: drain?.mode === 'DECOMMISSION' ? 'DECOMMISSION' : 'RECOVERY' }
}
