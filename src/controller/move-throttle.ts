import { MoveRoom, movesWaitTheirTurn } from '../metadata/commands/move-room.ts'
import type { Proposer, Write } from './proposer.ts'
import type { Replica } from './replica.ts'

/** How many partitions are moved at a time, and by whose word. */
export type ThrottleState = {
  readonly movesMax: number
  readonly setBy: 'OPERATOR' | 'CONFIGURATION'
  /** Partitions that are being moved, and those that are to be. */
  readonly moving: number
  readonly waiting: number
  /** What an operator moves waits for its turn; otherwise all of it begins at once, and only the controller keeps to the limit. */
  readonly holdsOperators: boolean
}

type Parts = { readonly proposer: Proposer; readonly replica: Replica }

/**
 * How many partitions are moved at a time: as the controller is configured, or as an operator said since, which is in the
 * image. A limit in bytes per second is a matter of those who copy.
 */
export class MoveThrottle {
  /** While no operator says otherwise. */
  readonly configured: number
  readonly #parts: Parts

  constructor(configured: number, parts: Parts) {
    this.configured = configured
    this.#parts = parts
  }

  room(): MoveRoom {
    return new MoveRoom(this.#parts.replica.image, this.configured)
  }

  get state(): ThrottleState {
    const { image } = this.#parts.replica
    return {
      movesMax: image.cluster.movesMax ?? this.configured,
      setBy: image.cluster.movesMax === undefined ? 'CONFIGURATION' : 'OPERATOR',
      moving: image.moves.begun.size,
      waiting: image.moves.waiting.size,
      holdsOperators: movesWaitTheirTurn(image),
    }
  }

  /** Null: as configured. Moves that have begun go on. */
  async set(movesMax: number | null, write: Write): Promise<void> {
    await this.#parts.proposer.submit(write, () => ({ type: 'ThrottleMovesCommand', movesMax }))
  }
}
