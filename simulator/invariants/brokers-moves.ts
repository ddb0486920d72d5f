import type { Command } from '../../src/metadata/command.ts'
import type { Image } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { countOf } from '../../src/metadata/replication.ts'
import { show } from './brokers-names.ts'
import { violated } from './violation.ts'

type Changed = { readonly before: Partition | null; readonly now: Partition }
type State = Pick<Partition, 'replicas' | 'isr' | 'reassignment'>

/**
 * No more moves begin than may go on (B11). An operator's wait where there is no room at that very version. Those that
 * waited were chosen a little earlier: of them no more begin at once than may go on at all.
 */
export class MoveLimit {
  readonly #configured: number
  /** Of now and of before it was changed last: what is in flight was decided under either. */
  #limits: readonly [number, number]

  constructor(configured: number) {
    this.#configured = configured
    this.#limits = [configured, configured]
  }

  /** `all` are the partitions as they were before the command, and those of topics that are gone. */
  check(image: Image, command: Command, changed: readonly Changed[], all: Iterable<Partition>): void {
    const limit = image.cluster.movesMax ?? this.#configured
    if (command.type === 'ThrottleMovesCommand') this.#limits = [limit, this.#limits[0]]
    if (command.type !== 'AlterReplicasCommand' || image.cluster.features['metadata.version']! < 4) return
    const begun = changed.filter(
      ({ before, now }) => isMoving(now) && before?.reassignment !== now.reassignment,
    )
    const copied = begun.filter(({ now }) => copies(image, now))
    if (command.movesMax !== undefined) this.#checkRoom(image, command.movesMax, changed, all)
    else if (command.cause === 'MANUAL' && copied.length > Math.max(...this.#limits))
      violated('B11', `${copied.length} moves begin at once, ${this.#limits} may go on`)
  }

  #checkRoom(image: Image, limit: number, changed: readonly Changed[], all: Iterable<Partition>): void {
    const gone = changed.filter(
      ({ before, now }) => before !== null && copies(image, before) && !copies(image, now),
    )
    const others = [...all].filter(each => exists(image, each) && copies(image, each)).length - gone.length
    // What takes the place of a move of the controller begins at once, though that one may have stood still.
    const begun = changed.filter(
      each => copies(image, each.now) && !(each.before !== null && isMoving(each.before)),
    )
    if (begun.length === 0 || others + begun.length <= limit) return
    const names = changed.map(({ now }) => show(image, now)).join('; ')
    violated(
      'B11',
      `${others} partitions are copied, ${limit} may be, and ${begun.length} more begin: ${names}`,
    )
  }
}

function exists(image: Image, { topicId }: Partition): boolean {
  return image.topicById(topicId) !== undefined
}

function isMoving({ reassignment }: Pick<Partition, 'reassignment'>): boolean {
  return reassignment !== null && reassignment.waiting === undefined
}

/** Somebody who is there gets a replica, and has not caught up. */
function copies(image: Image, { replicas, isr, reassignment }: State): boolean {
  const awaited = (reassignment?.adding ?? 0) & ~isr
  return countOf(awaited) > 0 && replicas.some((id, i) => (awaited & (1 << i)) !== 0 && image.isActive(id))
}
