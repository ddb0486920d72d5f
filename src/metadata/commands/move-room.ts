import { MOVES_WAIT_THEIR_TURN } from '../features.ts'
import type { Image } from '../image.ts'
import { awaitedReplicas, isMoving } from '../reassignment.ts'
import type { Replication } from '../replication.ts'

/** Where more moves are wanted than may go on at a time, they wait. Releases of before begin them all. */
export function movesWaitTheirTurn({ cluster: { features } }: Image): boolean {
  return features['metadata.version']! >= MOVES_WAIT_THEIR_TURN
}

/** How many more partitions may be moved at this moment. */
export class MoveRoom {
  readonly #image: Image
  #free: number

  /** `configured`: while no operator said otherwise. */
  constructor(image: Image, configured: number) {
    this.#image = image
    this.#free = (image.cluster.movesMax ?? configured) - copyingMoves(image)
  }

  /** Negative where more go on than may: they were begun when that was allowed, or brokers came back that they wait for. */
  get free(): number {
    return this.#free
  }

  /**
   * Whether a move may begin. Nothing has to be copied for it, or it takes the place of another; or there is room, somebody leads
   * who is copied, and every broker that gets a replica is there, so that moves that can go on do not wait for those that cannot.
   */
  admits(before: Replication, begun: Replication): boolean {
    const awaited = awaitedReplicas(begun)
    if (awaited.length === 0 || isMoving(before)) return true
    return this.#free > 0 && begun.leader !== null && awaited.every(this.#image.isActive)
  }

  /** Returns `after`, for which there is less room from now on, or more. */
  take(before: Replication, after: Replication): Replication {
    this.#free -= Number(isCopying(this.#image, after)) - Number(isCopying(this.#image, before))
    return after
  }

  /** Nothing begins any more that has to be copied. */
  close(): void {
    this.#free = Number.NEGATIVE_INFINITY
  }
}

/** Moves of any cause for which somebody copies. One that waits for a leader, or for brokers that are away, takes no room from others. */
function copyingMoves(image: Image): number {
  let count = 0
  for (const [row] of image.moves.begun) count += Number(isCopying(image, image.partition(row)))
  return count
}

function isCopying(image: Image, state: Replication): boolean {
  return state.leader !== null && awaitedReplicas(state).some(image.isActive)
}
