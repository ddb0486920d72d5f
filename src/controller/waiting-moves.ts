import type { ReplicasChange } from '../metadata/commands/alter-replicas.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { beginMove } from '../metadata/reassignment.ts'
import type { MoveThrottle } from './move-throttle.ts'
import { type Intent, ownWrite, type Proposer } from './proposer.ts'
import type { Replica } from './replica.ts'
import { changeOf } from './replica-moves.ts'

type Parts = { readonly proposer: Proposer; readonly replica: Replica; readonly throttle: MoveThrottle }

/**
 * Moves that an operator asked for, and that wait for their turn. They are in the image, so a new controller goes on with
 * them. Who asked first is first, after partitions that have lost a replica; those whose brokers are away let others pass.
 */
export class WaitingMoves {
  readonly #parts: Parts
  /** Nothing could begin for these reasons. */
  readonly #idle = { urgent: '', any: '' }

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Begins as many as there is room for of those that have lost a replica with one of these brokers. */
  async beginUrgent(lost: ReadonlySet<number>): Promise<void> {
    if (lost.size > 0)
      await this.#begin('urgent', [...lost].join(), at => at.replicas.some(id => lost.has(id)))
  }

  /** Begins as many as there is room for. */
  async beginNext(): Promise<void> {
    await this.#begin('any', '', () => true)
  }

  async #begin(kind: 'urgent' | 'any', why: string, which: (at: Partition) => boolean): Promise<void> {
    const { replica, proposer } = this.#parts
    const reasons = `${replica.image.version} ${why}`
    if (reasons === this.#idle[kind]) return
    const changes = this.#due(which)
    if (changes.length === 0) this.#idle[kind] = reasons
    else await proposer.propose(this.#turnOf(changes), BY)
  }

  /** There may be less room by then. */
  #turnOf(changes: readonly ReplicasChange[]): Intent {
    const { configured: movesMax } = this.#parts.throttle
    return { type: 'AlterReplicasCommand', cause: 'MANUAL', changes, movesMax, inTurn: true }
  }

  #due(which: (at: Partition) => boolean): ReplicasChange[] {
    const { image } = this.#parts.replica
    const room = this.#parts.throttle.room()
    const due: ReplicasChange[] = []
    for (const [row, move] of image.moves.waiting) {
      if (room.free <= 0) break
      const partition = image.partition(row)
      if (!which(partition)) continue
      const begun = beginMove(partition, move.target, move)
      if (!room.admits(partition, begun)) continue
      room.take(partition, begun)
      due.push(changeOf(image.named(row), move.target))
    }
    return due
  }
}

const BY = ownWrite('waiting moves')
