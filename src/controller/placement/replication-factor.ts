import { DmqError } from '../../base/errors.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { bitOf } from '../../metadata/replication.ts'
import { Replacements } from './replacement.ts'
import type { PlacementView } from './view.ts'

/**
 * The replica lists of partitions with more or fewer replicas each. New ones come last, where the spread over racks is best
 * and the load least. Those that are not in sync go first, then the last ones: the preferred leader stays, if it can. Brokers
 * that were removed do not.
 * Throws NOT_ENOUGH_BROKERS.
 */
export function withReplicationFactor(
  view: Pick<PlacementView, 'brokers'>,
  partitions: readonly Partition[],
  replicationFactor: number,
): number[][] {
  const replacements = new Replacements(view)
  const registered = new Set(view.brokers.map(({ brokerId }) => brokerId))
  return partitions.map(partition => {
    const list = shrunk(partition, id => registered.has(id), replicationFactor)
    while (list.length < replicationFactor) {
      const added = replacements.add(list, replicationFactor)
      if ('obstacle' in added) throw new DmqError('NOT_ENOUGH_BROKERS', added.obstacle.text)
      list.push(added.brokerId)
    }
    return list
  })
}

function shrunk(
  { replicas, isr }: Partition,
  isRegistered: (brokerId: number) => boolean,
  replicationFactor: number,
): number[] {
  const there = replicas.filter(isRegistered)
  const isOut = (brokerId: number): number => ((isr & bitOf(replicas, brokerId)) === 0 ? 1 : 0)
  const stay = there.toSorted((a, b) => isOut(a) - isOut(b)).slice(0, replicationFactor)
  return there.filter(brokerId => stay.includes(brokerId))
}
