import { MOVES_WAIT_THEIR_TURN } from '../features.ts'
import type { Image } from '../image.ts'
import { awaitedReplicas, isMoving, isWaiting, queueMove } from '../reassignment.ts'
import type { Replication } from '../replication.ts'

/** Where more moves are wanted than may go on at a time, they wait. Releases of before begin them all. */
export function movesWaitTheirTurn({ cluster: { features } }: Image): boolean {
  return features['metadata.version']! >= MOVES_WAIT_THEIR_TURN
}

/** How many more partitions may be moved at this moment. */
export class MoveRoom {
  readonly #image: Image
  #free: number

  constructor(image: Image, movesMax: number) {
    this.#image = image
    this.#free = movesMax - copyingMoves(image)
  }

  /** Negative where more go on than may: they were begun when that was allowed, or brokers came back that they wait for. */
  get free(): number {
    return this.#free
  }

  /** A move takes its room and begins, or waits. */
  place(before: Replication, begun: Replication): Replication {
    if (!this.#admits(before, begun))
      return isWaiting(before) ? before : queueMove(before, begun.reassignment!.target, begun.reassignment!)
    this.#free -= Number(isCopying(this.#image, begun)) - Number(isCopying(this.#image, before))
    return begun
  }

  /**
   * Nothing has to be copied for it, or it takes the place of another; or there is room, and every broker that gets a replica
   * is there, so that moves that can go on do not wait for those that cannot.
   */
  #admits(before: Replication, begun: Replication): boolean {
    const awaited = awaitedReplicas(begun)
    if (awaited.length === 0 || isMoving(before)) return true
    return this.#free > 0 && awaited.every(this.#image.isActive)
  }
}

/** Moves of any cause for which somebody copies. One that waits for brokers that are away takes no room from others. */
function copyingMoves(image: Image): number {
  const moves = image.reassignments(({ waiting }) => waiting !== true)
  return moves.filter(({ partition }) => isCopying(image, partition)).length
}

function isCopying(image: Image, state: Replication): boolean {
  return awaitedReplicas(state).some(image.isActive)
}
