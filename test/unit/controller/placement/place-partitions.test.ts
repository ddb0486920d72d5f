import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmqError } from '../../../../src/base/errors.ts'
import { placePartitions } from '../../../../src/controller/placement/place-partitions.ts'
import type { BrokerLoad } from '../../../../src/controller/placement/view.ts'
import { type BrokerGiven, countsOf, crowding, loadsOf, someBrokers } from './views.ts'

const SEED = { seed: 20_261_121 }

const someRequest = fc.record({ partitions: fc.nat(60), seed: fc.nat(10_000), more: fc.nat(30) })

test('leaders and replicas of a topic spread over the brokers within one of each other', () => {
  for (let brokers = 1; brokers <= 8; brokers++)
    for (let replicationFactor = 1; replicationFactor <= brokers; replicationFactor++)
      for (let partitions = 1; partitions <= 3 * brokers; partitions++)
        for (let seed = 0; seed < brokers; seed++) {
          const lists = placePartitions(empty(brokers), { partitions, replicationFactor, seed })
          const what = `${partitions} partitions by ${replicationFactor} on ${brokers} brokers, seed ${seed}`
          assertWithinOne(firsts(lists), brokers, `leaders: ${what}`)
          assertWithinOne(lists.flat(), brokers, `replicas: ${what}`)
        }
})

for (const racks of ['none', 'some', 'all'] as const) {
  test(`every partition gets so many brokers that take replicas, as far apart as they can be: ${racks} with racks`, () => {
    fc.assert(
      fc.property(someBrokers(12, racks), someRequest, (given, { partitions, seed, more }) => {
        const brokers = loadsOf(given, [])
        const takers = brokers.filter(({ unavailable }) => unavailable === null)
        fc.pre(takers.length > 0)
        const replicationFactor = 1 + (more % takers.length)
        const lists = placePartitions({ brokers }, { partitions, replicationFactor, seed })
        assert.equal(lists.length, partitions)
        const least = leastCrowding(takers, replicationFactor)
        for (const list of lists) {
          assert.equal(list.length, replicationFactor)
          assert.equal(new Set(list).size, replicationFactor)
          assert(list.every(id => takers.some(({ brokerId }) => brokerId === id)))
          assert.equal(crowding(list, brokers), least, `${list}`)
        }
      }),
      SEED,
    )
  })
}

test('with racks, and whatever lies there, no other placement as far apart would be more even', () => {
  fc.assert(
    fc.property(
      someBrokers(9, 'some', false),
      someRequest,
      fc.nat(6),
      (given, { partitions, seed, more }, spread) => {
        const brokers = loadsOf(given, []).map(broker => ({
          ...broker,
          replicas: 100 + ((seed * broker.brokerId) % (spread + 1)),
        }))
        const replicationFactor = 1 + (more % brokers.length)
        const lists = placePartitions({ brokers }, { partitions, replicationFactor, seed })
        const counts = countsOf(lists.flat())
        const loads = brokers.map(({ brokerId, replicas }) => replicas + (counts.get(brokerId) ?? 0))
        const racks = brokers.map(({ rack, brokerId }) => rack ?? `own ${brokerId}`)
        for (const [one, from] of brokers.entries())
          for (const [other, to] of brokers.entries()) {
            const isMovable = lists.some(list => {
              const inRack = (rack: string) =>
                list.filter(id => racks[brokers.findIndex(b => b.brokerId === id)] === rack).length
              const keeps = racks[one] === racks[other] || inRack(racks[other]!) < inRack(racks[one]!)
              return list.includes(from.brokerId) && !list.includes(to.brokerId) && keeps
            })
            const share = 2 * Math.ceil((partitions * replicationFactor) / brokers.length)
            const isFull = (counts.get(to.brokerId) ?? 0) >= share
            if (isMovable && !isFull)
              assert(loads[one]! - loads[other]! <= 1, `${from.brokerId} ${to.brokerId}: ${loads}`)
          }
      },
    ),
    SEED,
  )
})

test('equal racks hold equally many, and equally many leaders', () => {
  for (const replicationFactor of [1, 2, 3, 4, 5])
    for (const partitions of [1, 7, 30, 100]) {
      const brokers = loadsOf(inRacks('aaabbbccc'), [])
      const lists = placePartitions({ brokers }, { partitions, replicationFactor, seed: partitions })
      const racks = (ids: readonly number[]) => ids.map(id => Math.floor(id / 3))
      assertWithinOne(racks(lists.flat()), 3, `replicas of ${partitions} by ${replicationFactor}`)
      assertWithinOne(racks(firsts(lists)), 3, `leaders of ${partitions} by ${replicationFactor}`)
    }
})

test('a rack of one broker holds a replica of every partition when each rack must', () => {
  const brokers = loadsOf(inRacks('abbbbb'), [])
  const lists = placePartitions({ brokers }, { partitions: 50, replicationFactor: 2, seed: 1 })
  assert.deepEqual(
    [...countsOf(lists.flat())].sort(([a], [b]) => a - b),
    [0, 1, 2, 3, 4, 5].map(id => [id, id === 0 ? 50 : 10]),
  )
})

test('a broker without a rack is a rack of its own', () => {
  const brokers = loadsOf([{ brokerId: 0 }, { brokerId: 1 }, ...inRacks('aaa', 2)], [])
  const lists = placePartitions({ brokers }, { partitions: 20, replicationFactor: 3, seed: 1 })
  for (const list of lists) assert.equal(list.filter(id => id >= 2).length, 1, `${list}`)
})

test('what lies there already counts: after small topics and large ones all stand even', () => {
  const held: number[][] = []
  for (const [seed, partitions] of [1, 1, 5, 1, 2, 40, 1, 3, 7, 1].entries())
    held.push(
      ...placePartitions({ brokers: loadsOf(numbered(7), held) }, { partitions, replicationFactor: 3, seed }),
    )
  assertWithinOne(held.flat(), 7, 'replicas')
  assertWithinOne(firsts(held), 7, 'leaders')
})

test('a broker that stands low gets more, but not more than twice its share of a topic', () => {
  const brokers = loadsOf(numbered(5), []).map(broker => ({
    ...broker,
    replicas: broker.brokerId === 4 ? 0 : 1_000,
    leaders: broker.brokerId === 4 ? 0 : 500,
  }))
  const lists = placePartitions({ brokers }, { partitions: 50, replicationFactor: 2, seed: 0 })
  assert.deepEqual(
    [...countsOf(lists.flat())].sort(([a], [b]) => a - b),
    [
      [0, 15],
      [1, 15],
      [2, 15],
      [3, 15],
      [4, 40],
    ],
  )
  assert.equal(countsOf(firsts(lists)).get(4), 20)
})

test('brokers hold in proportion to their weights', () => {
  const brokers = loadsOf(
    [{ brokerId: 1, weight: 2 }, { brokerId: 2 }, { brokerId: 3 }, { brokerId: 4, weight: 2 }],
    [],
  )
  const lists = placePartitions({ brokers }, { partitions: 60, replicationFactor: 2, seed: 3 })
  const counts = (ids: readonly number[]) => [1, 2, 3, 4].map(id => countsOf(ids).get(id))
  assert.deepEqual(counts(lists.flat()), [40, 20, 20, 40])
  assert.deepEqual(counts(firsts(lists)), [20, 10, 10, 20])
})

test('shares of large and small brokers are rounded alike', () => {
  const brokers = loadsOf([{ brokerId: 1, weight: 10 }, { brokerId: 2 }], [])
  for (const seed of [0, 1, 2, 3, 4, 5]) {
    const lists = placePartitions({ brokers }, { partitions: 5, replicationFactor: 1, seed })
    assert.deepEqual(lists.flat(), [1, 1, 1, 1, 1])
  }
})

test('the same request on the same brokers gives the same lists, and another seed gives others', () => {
  const place = (seed: number) => placePartitions(empty(5), { partitions: 17, replicationFactor: 3, seed })
  assert.deepEqual(place(4), place(4))
  assert.notDeepEqual(place(4), place(5))
})

for (const [what, sizes] of [
  ['one topic of 120 partitions', [120]],
  ['120 topics of one partition', Array<number>(120).fill(1)],
  ['40 topics of three partitions', Array<number>(40).fill(3)],
] as const) {
  for (const replicationFactor of [2, 3, 5]) {
    test(`what a lost broker led does not all fall to one other: ${what}, replication factor ${replicationFactor}`, () => {
      const lists: number[][] = []
      for (const partitions of sizes) {
        const brokers = loadsOf(numbered(5), lists)
        lists.push(...placePartitions({ brokers }, { partitions, replicationFactor, seed: lists.length }))
      }
      for (let lost = 0; lost < 5; lost++) {
        const heirs = lists.filter(([leader]) => leader === lost).map(([, next]) => next!)
        const most = Math.max(...countsOf(heirs).values())
        assert(most <= heirs.length * 0.6, `one broker inherits ${most} of ${heirs.length} from ${lost}`)
      }
    })
  }
}

test('too few brokers are an error that says what is needed, what there is and what to do', () => {
  const given: BrokerGiven[] = [
    { brokerId: 1 },
    { brokerId: 2, unavailable: 'OFFLINE' },
    { brokerId: 5 },
    { brokerId: 7, unavailable: 'DRAINING' },
    { brokerId: 9, unavailable: 'OFFLINE' },
  ]
  assert.throws(
    () => placePartitions({ brokers: loadsOf(given, []) }, { partitions: 1, replicationFactor: 3, seed: 0 }),
    (error: unknown) => {
      assert(error instanceof DmqError)
      assert.equal(error.code, 'NOT_ENOUGH_BROKERS')
      assert.equal(
        error.message,
        'replication factor 3 needs 3 brokers that take new replicas, there are 2 (1, 5); OFFLINE: 2, 9; DRAINING: 7. ' +
          'Start more brokers or ask for fewer replicas.',
      )
      assert.deepEqual(error.details, { replicationFactor: 3, available: [1, 5], unavailable: [2, 7, 9] })
      return true
    },
  )
  assert.throws(
    () => placePartitions({ brokers: [] }, { partitions: 1, replicationFactor: 1, seed: 0 }),
    /needs 1 broker that takes new replicas, there are 0\./,
  )
})

test('without any broker the error says that there are none', () => {
  const place = () => placePartitions({ brokers: [] }, { partitions: 1, replicationFactor: 1, seed: 0 })
  assert.throws(place, /there are 0\. Start/)
})

function numbered(count: number): BrokerGiven[] {
  return Array.from({ length: count }, (_, brokerId) => ({ brokerId }))
}

function empty(count: number): { readonly brokers: BrokerLoad[] } {
  return { brokers: loadsOf(numbered(count), []) }
}

/** One letter for each broker. */
function inRacks(racks: string, first = 0): BrokerGiven[] {
  return [...racks].map((rack, i) => ({ brokerId: first + i, rack }))
}

function firsts(lists: readonly number[][]): number[] {
  return lists.map(list => list[0]!)
}

/** Of all choices of so many brokers, found by trying the least crowded rack each time. */
function leastCrowding(brokers: readonly BrokerLoad[], replicas: number): number {
  const chosen: number[] = []
  for (let i = 0; i < replicas; i++) {
    const others = brokers.map(({ brokerId }) => brokerId).filter(id => !chosen.includes(id))
    chosen.push(
      others.sort((a, b) => crowding([...chosen, a], brokers) - crowding([...chosen, b], brokers))[0]!,
    )
  }
  return crowding(chosen, brokers)
}

function assertWithinOne(ids: readonly number[], places: number, what: string): void {
  const counts = Array.from({ length: places }, (_, id) => countsOf(ids).get(id) ?? 0)
  assert(Math.max(...counts) - Math.min(...counts) <= 1, `${what}: ${counts.join(' ')}`)
}
