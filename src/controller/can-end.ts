import { rulesFor } from '../metadata/commands/partitions-of-broker.ts'
import type { Image } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import { beginMove, withMoveDone } from '../metadata/reassignment.ts'
import { countOf, maskOf, minIsrOf } from '../metadata/replication.ts'
import type { Absent } from './placement/decommission.ts'

/**
 * Whether a move can end while these brokers stay away, at best: by the rules that decide it, with everybody else of the target
 * in sync beside those who are. What is eligible on a broker that is away stays so while the ISR is below its minimum.
 */
export function canEnd(image: Image, partition: Partition, away: ReadonlySet<number>): boolean {
  const { replicas, reassignment, isr: before } = partition
  const { target } = reassignment!
  const isr = before | maskOf(replicas, id => target.includes(id) && !away.has(id))
  const isBelow = countOf(isr) < minIsrOf(partition, rulesFor(image, partition, image))
  const elr = isBelow ? partition.elr & ~isr : 0
  return withMoveDone({ ...partition, isr, elr }).reassignment === null
}

/** For plans: nothing is begun that these brokers would keep from ending. */
export function absence(image: Image, brokers: ReadonlySet<number>): Absent {
  const isAny = brokers.size > 0
  return { brokers, couldEnd: (row, to) => !isAny || couldEnd(image, image.partition(row), to, brokers) }
}

/** The same of one that has not begun. */
function couldEnd(
  image: Image,
  partition: Partition,
  target: readonly number[],
  away: ReadonlySet<number>,
): boolean {
  const begun = beginMove(partition, target, { cause: 'RECOVERY', startedAt: 0 })
  return canEnd(image, { ...partition, ...begun }, away)
}
