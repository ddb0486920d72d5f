import type { Image } from '../../metadata/image.ts'
import { planDecommission, type ReplicaMove } from '../placement/decommission.ts'
import { placementView, type ResourcesOf } from '../placement/image-view.ts'
import type { Intent } from '../proposer.ts'
import type { Some } from './outcome.ts'

export type DecommissionDraft = {
  /** As the controller would propose them, if it moved everything at the same time. */
  readonly commands: readonly Intent[]
  readonly moves: Some<ReplicaMove>
  readonly stays: Some<Staying>
  /** Replicas that are on their way already. */
  readonly underWay: number
}

type Staying = { readonly topic: string; readonly partition: number; readonly why: string }

/** So many partitions are planned; those that follow would go where these go. */
const MOVES_PLANNED = 10_000
const SHOWN = 1_000

/** What a decommission would do to each replica of a broker, by the code that does it. */
export function decommissionDraft(
  image: Image,
  brokerId: number,
  resourcesOf: ResourcesOf,
): DecommissionDraft {
  const view = placementView(image, resourcesOf)
  const { moves, stuck, stuckCount, moving, left } = planDecommission(view, brokerId, MOVES_PLANNED)
  const changes = moves.map(({ topic, partition, to }) => ({ topic, partition, replicas: to }))
  const drain: Intent = { type: 'DrainBrokerCommand', brokerId, mode: 'DECOMMISSION' }
  const move: Intent = { type: 'AlterReplicasCommand', cause: 'DECOMMISSION', changes }
  const stays = stuck
    .slice(0, SHOWN)
    .map(({ topic, partition, obstacle }) => ({ topic, partition, why: obstacle.text }))
  return {
    commands: changes.length === 0 ? [drain] : [drain, move],
    moves: { count: left - moving - stuckCount, first: moves.slice(0, SHOWN) },
    stays: { count: stuckCount, first: stays },
    underWay: moving,
  }
}
