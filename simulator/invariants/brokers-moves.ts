import type { Command } from '../../src/metadata/command.ts'
import type { Image } from '../../src/metadata/image.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { countOf } from '../../src/metadata/replication.ts'
import { show } from './brokers-names.ts'
import { violated } from './violation.ts'

type Changed = { readonly before: Partition | null; readonly now: Partition }

/** No more moves begin than may go on, by whomever they are wanted (B11): what there is no room for waits, or is left for later. */
export class MoveLimit {
  readonly #configured: number

  constructor(configured: number) {
    this.#configured = configured
  }

  /** `all` are the partitions as they were before the command, and those of topics that are gone. */
  check(image: Image, command: Command, changed: readonly Changed[], all: Iterable<Partition>): void {
    if (command.type !== 'AlterReplicasCommand' || image.cluster.features['metadata.version']! < 4) return
    const ended = changed.filter(
      ({ before, now }) => before !== null && copies(image, before) && !copies(image, now),
    )
    const going = [...all].filter(each => exists(image, each) && copies(image, each)).length - ended.length
    // What takes the place of a move of the controller begins at once, though that one may have stood still.
    const begun = changed.filter(
      each => copies(image, each.now) && !(each.before !== null && isMoving(each.before)),
    )
    const limit = image.cluster.movesMax ?? this.#configured
    if (begun.length === 0 || going + begun.length <= limit) return
    const names = changed.map(({ now }) => show(image, now)).join('; ')
    violated(
      'B11',
      `${going} partitions are copied, ${limit} may be, and ${begun.length} more begin: ${names}`,
    )
  }
}

function exists(image: Image, { topicId }: Partition): boolean {
  return image.topicById(topicId) !== undefined
}

function isMoving({ reassignment }: Pick<Partition, 'reassignment'>): boolean {
  return reassignment !== null && reassignment.waiting === undefined
}

/** Somebody who is there gets a replica of what somebody leads, and has not caught up. */
function copies(image: Image, { replicas, isr, leader, reassignment }: Partition): boolean {
  if (leader === null) return false
  const awaited = (reassignment?.adding ?? 0) & ~isr
  return countOf(awaited) > 0 && replicas.some((id, i) => (awaited & (1 << i)) !== 0 && image.isActive(id))
}
