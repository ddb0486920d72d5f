import fc from 'fast-check'
import type { BrokerLoad, PlacementView } from '../../../../src/controller/placement/view.ts'

export type BrokerGiven = Partial<BrokerLoad> & { readonly brokerId: number }
export type TopicGiven = Readonly<Record<string, readonly (readonly number[])[]>>

/** A view of these brokers and topics; loads are counted from the topics. `moving`: partitions, as `topic-0`, with targets. */
export function viewOf(
  brokers: readonly BrokerGiven[],
  topics: TopicGiven,
  moving: Readonly<Record<string, readonly number[]>> = {},
): PlacementView {
  const held: (readonly number[])[] = []
  const targets = new Map<number, readonly number[]>()
  const names = Object.keys(topics).sort()
  const rows = names.map(name => {
    const of = topics[name]!.map((list, partition) => {
      const row = held.push(list) - 1
      const target = moving[`${name}-${partition}`]
      if (target !== undefined) targets.set(row, target)
      return row
    })
    return { name, rows: of }
  })
  const lists = held.map((list, row) => targets.get(row) ?? list)
  return {
    brokers: loadsOf(brokers, lists),
    topics: rows,
    held: row => held[row]!,
    holds: brokerId => row => held[row]!.includes(brokerId),
    replicas: row => lists[row]!,
    isReassigning: row => targets.has(row),
  }
}

export function loadsOf(
  brokers: readonly BrokerGiven[],
  lists: readonly (readonly number[])[],
): BrokerLoad[] {
  const ordered = [...brokers].sort((a, b) => a.brokerId - b.brokerId)
  const [replicas, leaders] = [countsOf(lists.flat()), countsOf(lists.map(list => list[0]!))]
  return ordered.map(broker => ({
    rack: null,
    weight: 1,
    unavailable: null,
    replicas: replicas.get(broker.brokerId) ?? 0,
    leaders: leaders.get(broker.brokerId) ?? 0,
    ...broker,
  }))
}

export function countsOf(ids: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

/** The topics after the moves of a plan. */
export function applied(
  topics: TopicGiven,
  moves: readonly { topic: string; partition: number; to: readonly number[] }[],
): TopicGiven {
  const after = Object.fromEntries(Object.entries(topics).map(([name, lists]) => [name, [...lists]]))
  for (const { topic, partition, to } of moves) after[topic]![partition] = to
  return after
}

/** How close together the replicas of a partition lie: the sum over the racks of their squared counts; least is best. */
export function crowding(list: readonly number[], brokers: readonly BrokerLoad[]): number {
  const racks = list.map(id => brokers.find(({ brokerId }) => brokerId === id)?.rack ?? `own ${id}`)
  return [...countsOf(racks.map(rackKey)).values()].reduce((sum, count) => sum + count * count, 0)
}

const keys = new Map<string, number>()
function rackKey(rack: string): number {
  if (!keys.has(rack)) keys.set(rack, keys.size)
  return keys.get(rack)!
}

export type Racks = 'none' | 'some' | 'all'

/** Brokers 0..n-1, some of them unavailable, in a few racks. */
export function someBrokers(max: number, racks: Racks, unavailable = true): fc.Arbitrary<BrokerGiven[]> {
  const rack =
    racks === 'none' ? fc.constant(null) : fc.constantFrom('a', 'b', 'c', ...(racks === 'some' ? [null] : []))
  const why = unavailable
    ? fc.constantFrom<BrokerLoad['unavailable']>(null, null, null, 'OFFLINE', 'DRAINING', 'DISK_FULL')
    : fc.constant(null)
  return fc
    .array(fc.record({ rack, unavailable: why }), { minLength: 1, maxLength: max })
    .map(brokers => brokers.map((broker, brokerId) => ({ brokerId, ...broker })))
}
