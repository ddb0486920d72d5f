import type { ReplicasChange } from '../metadata/commands/alter-replicas.ts'
import { beginMove } from '../metadata/reassignment.ts'
import type { MoveThrottle } from './move-throttle.ts'
import { type Intent, ownWrite, type Proposer } from './proposer.ts'
import type { Replica } from './replica.ts'
import { changeOf } from './replica-moves.ts'

type Parts = { readonly proposer: Proposer; readonly replica: Replica; readonly throttle: MoveThrottle }

/**
 * Moves that an operator asked for, and that wait for their turn. They are in the image, so a new controller goes on with
 * them. Who asked first is first; those whose brokers are away let others pass.
 */
export class WaitingMoves {
  readonly #parts: Parts
  /** Nothing could begin at this version. */
  #idleAt = -1

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Begins as many as there is room for. */
  async beginNext(): Promise<void> {
    const { replica, proposer } = this.#parts
    const { version } = replica.image
    if (version === this.#idleAt) return
    const changes = this.#due()
    if (changes.length === 0) this.#idleAt = version
    else await proposer.propose(this.#turnOf(changes), BY)
  }

  /** There may be less room by then. */
  #turnOf(changes: readonly ReplicasChange[]): Intent {
    const { configured: movesMax } = this.#parts.throttle
    return { type: 'AlterReplicasCommand', cause: 'MANUAL', changes, movesMax, inTurn: true }
  }

  #due(): ReplicasChange[] {
    const { image } = this.#parts.replica
    const room = this.#parts.throttle.room()
    const due: ReplicasChange[] = []
    for (const [row, move] of image.moves.waiting) {
      if (room.free <= 0) break
      const partition = image.partition(row)
      const begun = beginMove(partition, move.target, move)
      if (!room.admits(partition, begun)) continue
      room.take(partition, begun)
      due.push(changeOf(image.named(row), move.target))
    }
    return due
  }
}

const BY = ownWrite('waiting moves')
