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
  #isOpen: boolean
  #free: number

  /** `configured`: while no operator said otherwise. */
  constructor(image: Image, configured: number) {
    this.#image = image
    const limit = image.cluster.movesMax ?? configured
    this.#isOpen = limit > 0
    this.#free = limit - copyingMoves(image)
  }

  /** Negative where more go on than may: they were begun when that was allowed, or brokers came back that they wait for. */
  get free(): number {
    return this.#free
  }

  /**
   * Whether a move may begin. Nothing has to be copied for it, or it takes the place of another; or there is room, and every broker
   * that gets a replica is there, so that moves that can go on do not wait for those that cannot. Where nobody leads there is
   * nothing to copy from, and it takes no room: it may be what brings a partition back whose replicas are all lost.
   */
  admits(before: Replication, begun: Replication): boolean {
    const awaited = awaitedReplicas(begun)
    if (awaited.length === 0 || isMoving(before)) return true
    const hasRoom = begun.leader === null ? this.#isOpen : this.#free > 0
    return hasRoom && awaited.every(this.#image.isActive)
  }

  /** Returns `after`, for which there is less room from now on, or more. */
  take(before: Replication, after: Replication): Replication {
    this.#free -= Number(isCopying(this.#image, after)) - Number(isCopying(this.#image, before))
    return after
  }

  /** Nothing begins any more that has to be copied. */
  close(): void {
    this.#isOpen = false
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
