import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  planRebalance,
  type RebalancePlan,
  rebalanceSteps,
} from '../../../../src/controller/placement/rebalance.ts'
import type { BrokerLoad } from '../../../../src/controller/placement/view.ts'
import {
  applied,
  type BrokerGiven,
  countsOf,
  crowding,
  someBrokers,
  type TopicGiven,
  viewOf,
} from './views.ts'

const SEED = { seed: 20_261_121 }
const ALL = { movesMax: Number.MAX_SAFE_INTEGER }

type Cluster = { readonly brokers: readonly BrokerGiven[]; readonly topics: TopicGiven }

function someCluster(brokersMax: number, partitionsMax: number): fc.Arbitrary<Cluster> {
  return someBrokers(brokersMax, 'some').chain(brokers => {
    const ids = brokers.map(({ brokerId }) => brokerId)
    const list = fc.shuffledSubarray(ids, { minLength: 1, maxLength: Math.min(4, ids.length) })
    const lists = fc.array(list, { maxLength: partitionsMax })
    return fc.record({ one: lists, other: lists }).map(topics => ({ brokers, topics }))
  })
}

/** The lower the id, the more a broker holds. */
function skewedCluster(brokersMax: number, partitionsMax: number): fc.Arbitrary<Cluster> {
  return someBrokers(brokersMax, 'some').chain(brokers => {
    const id = fc.tuple(fc.nat(brokers.length - 1), fc.nat(brokers.length - 1)).map(pair => Math.min(...pair))
    const list = fc.uniqueArray(id, { minLength: 1, maxLength: 4 })
    return fc.array(list, { maxLength: partitionsMax }).map(one => ({ brokers, topics: { one } }))
  })
}

for (const [size, clusters, numRuns] of [
  ['small', someCluster(5, 2), 1_000],
  ['larger', someCluster(12, 40), 200],
  ['skewed', skewedCluster(12, 120), 300],
] as const) {
  test(`a plan for a ${size} cluster moves to brokers that take replicas, and nothing closer together`, () => {
    fc.assert(
      fc.property(clusters, cluster => {
        const { brokers } = viewOf(cluster.brokers, cluster.topics)
        for (const { topic, partition, from, to, reason } of planRebalance(
          viewOf(cluster.brokers, cluster.topics),
          ALL,
        ).moves) {
          assert.deepEqual(from, cluster.topics[topic]![partition])
          assert.notDeepEqual(to, from)
          assert.equal(to.length, from.length)
          assert.equal(new Set(to).size, to.length)
          const isTaker = (id: number) =>
            brokers.find(({ brokerId }) => brokerId === id)?.unavailable === null
          assert(
            to.every(id => from.includes(id) || isTaker(id)),
            `${from} to ${to}`,
          )
          assert(
            from.every(id => to.includes(id) || isTaker(id)),
            `${from} to ${to}`,
          )
          assert(crowding(to, brokers) <= crowding(from, brokers), `${from} to ${to}`)
          assert.match(reason, /share|rack/)
        }
      }),
      { ...SEED, numRuns },
    )
  })

  test(`after a plan for a ${size} cluster there is nothing to do`, () => {
    fc.assert(
      fc.property(clusters, ({ brokers, topics }) => {
        const plan = planRebalance(viewOf(brokers, topics), ALL)
        assert.equal(plan.complete, true)
        const again = planRebalance(viewOf(brokers, applied(topics, plan.moves)), ALL)
        assert.deepEqual(again, { moves: [], copies: 0, complete: true })
      }),
      { ...SEED, numRuns },
    )
  })

  test(`plans of a few moves at a time lead to the same loads in a ${size} cluster`, () => {
    fc.assert(
      fc.property(clusters, fc.integer({ min: 1, max: 4 }), ({ brokers, topics }, movesMax) => {
        const whole = applied(topics, planRebalance(viewOf(brokers, topics), ALL).moves)
        const parts = inParts({ brokers, topics }, movesMax)
        const sorted = (given: TopicGiven) =>
          loads({ brokers, topics: given })
            .map(({ replicas }) => replicas)
            .sort()
        assert.deepEqual(sorted(parts), sorted(whole))
      }),
      { ...SEED, numRuns: numRuns / 4 },
    )
  })
}

function inParts({ brokers, topics }: Cluster, movesMax: number): TopicGiven {
  for (let rounds = 0; rounds < 1_000; rounds++) {
    const plan = planRebalance(viewOf(brokers, topics), { movesMax })
    assert(plan.complete || plan.moves.length > 0)
    topics = applied(topics, plan.moves)
    if (plan.complete) return topics
  }
  throw new Error('no end')
}

test('no other assignment is more even, and none that is as even needs fewer copies', () => {
  fc.assert(
    fc.property(someCluster(5, 3), cluster => {
      const plan = planRebalance(viewOf(cluster.brokers, cluster.topics), ALL)
      const best = bruteForce(cluster)
      const after = { ...cluster, topics: applied(cluster.topics, plan.moves) }
      assert.deepEqual({ unevenness: unevenness(after), copies: plan.copies }, best)
      const { brokers } = viewOf(cluster.brokers, cluster.topics)
      for (const list of Object.values(after.topics).flat())
        assert.equal(crowding(list, brokers), leastCrowding(list, brokers), `${list}`)
    }),
    { ...SEED, numRuns: 1_500 },
  )
})

test('without racks a large plan has as many copies as replicas are above or below the shares, and leaders are even', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 4, max: 20 }),
      fc.integer({ min: 20, max: 200 }),
      fc.nat(),
      (count, partitions, chance) => {
        const brokers = Array.from({ length: count }, (_, brokerId) => ({ brokerId }))
        const lists = Array.from({ length: partitions }, (_, i) => threeOf(count, (chance + i * i) % 10_007))
        const before = loads({ brokers, topics: { t: lists } })
        const mean = (3 * partitions) / count
        const above = before.reduce((sum, { replicas }) => sum + Math.max(0, replicas - Math.ceil(mean)), 0)
        const below = before.reduce((sum, { replicas }) => sum + Math.max(0, Math.floor(mean) - replicas), 0)
        const plan = planRebalance(viewOf(brokers, { t: lists }), ALL)
        assert.equal(plan.copies, Math.max(above, below))
        const after = loads({ brokers, topics: applied({ t: lists }, plan.moves) })
        assertWithinOne(after.map(({ replicas }) => replicas))
        assertWithinOne(after.map(({ leaders }) => leaders))
      },
    ),
    { ...SEED, numRuns: 60 },
  )
})

test('no exchange of first places would make leaders more even', () => {
  fc.assert(
    fc.property(someCluster(6, 20), ({ brokers, topics }) => {
      const after = applied(topics, planRebalance(viewOf(brokers, topics), ALL).moves)
      const lists = Object.values(after).flat()
      const places = loads({ brokers, topics: after })
      for (const giver of places)
        for (const taker of reachableFrom(giver, lists, places))
          assert(
            giver.leaders - taker.leaders <= 1,
            `${giver.brokerId} leads ${giver.leaders}, ${taker.brokerId} ${taker.leaders}`,
          )
    }),
    { ...SEED, numRuns: 300 },
  )
})

test('leaders that lie unevenly are evened out by order alone', () => {
  const lists = Array.from(
    { length: 12 },
    (_, i) =>
      [
        [1, 2, 3],
        [1, 3, 2],
      ][i % 2]!,
  )
  const plan = planRebalance(
    viewOf(
      [1, 2, 3].map(brokerId => ({ brokerId })),
      { t: lists },
    ),
    ALL,
  )
  assert.equal(plan.copies, 0)
  assert.equal(plan.moves.length, 8)
  assert.deepEqual(plan.moves[0]!.reason, 'broker 1 leads 12 (share 4), broker 2 0 (share 4)')
})

test('where leaders are changed, it is of partitions that are moved anyway', () => {
  const brokers = [1, 2, 3].map(brokerId => ({ brokerId }))
  const topics = { t: Array.from({ length: 6 }, () => [1, 2]) }
  const plan = planRebalance(viewOf(brokers, topics), ALL)
  assert.deepEqual([plan.copies, plan.moves.length], [4, 4])
  const after = loads({ brokers, topics: applied(topics, plan.moves) })
  assert.deepEqual(
    after.map(({ leaders }) => leaders),
    [2, 2, 2],
  )
})

test('what turns out not to be needed is taken back: a plan that once never ended', {
  timeout: 60_000,
}, () => {
  const racks = ['a', 'b', 'a', 'b', 'b', null, 'b', 'a']
  const brokers = racks.map((rack, brokerId) => ({ brokerId, rack }))
  const lists =
    '03142 62 4 51 16 2 4123 53 20 1 23 72310 74201 14305 0123 10 15 03 46 4106 2 61 25106 301 401 40321 0324 07 2 2013 25 15 540'
  const topics = { t: lists.split(' ').map(list => [...list].map(Number)) }
  const plan = planRebalance(viewOf(brokers, topics), ALL)
  assert.deepEqual(planRebalance(viewOf(brokers, applied(topics, plan.moves)), ALL).moves, [])
})

test('a new broker gets its share, a little of every topic', () => {
  const brokers = [1, 2, 3, 4, 5].map(brokerId => ({ brokerId }))
  const lists = Array.from({ length: 40 }, (_, i) => [1 + (i % 4), 1 + ((i + 1) % 4), 1 + ((i + 2) % 4)])
  const topics = { a: lists, b: lists, c: lists }
  const plan = planRebalance(viewOf(brokers, topics), ALL)
  assert.equal(plan.copies, 72)
  const after = applied(topics, plan.moves)
  for (const name of ['a', 'b', 'c']) {
    const gained = countsOf(after[name]!.flat()).get(5)!
    assert(gained >= 20 && gained <= 28, `${gained} of topic ${name}`)
  }
  assert.match(plan.moves[0]!.reason, /^broker [1-4] holds 90 \(share 72\), broker 5 0 \(share 72\)/)
})

test('replicas that lie in one rack are moved apart, with the reason', () => {
  const brokers = [
    ['a', 1],
    ['a', 2],
    ['b', 3],
    ['c', 4],
  ].map(([rack, brokerId]) => ({ rack: `${rack}`, brokerId: Number(brokerId) }))
  const plan = planRebalance(viewOf(brokers, { t: [[1, 2, 3]] }), ALL)
  assert.deepEqual(plan.moves, [
    { topic: 't', partition: 0, from: [1, 2, 3], to: [1, 4, 3], reason: 'rack a holds 2 of its 3 replicas' },
  ])
})

test('brokers hold in proportion to their weights, and stay so', () => {
  const brokers = [{ brokerId: 1, weight: 3 }, { brokerId: 2 }, { brokerId: 3 }, { brokerId: 4 }]
  const topics = { t: Array.from({ length: 60 }, (_, i) => [1 + (i % 4)]) }
  const after = applied(topics, planRebalance(viewOf(brokers, topics), ALL).moves)
  assert.deepEqual(
    loads({ brokers, topics: after }).map(({ replicas }) => replicas),
    [30, 10, 10, 10],
  )
  assert.deepEqual(planRebalance(viewOf(brokers, after), ALL).moves, [])
})

test('with weights and racks of all kinds a plan ends, and nothing is left to do', () => {
  fc.assert(
    fc.property(
      someCluster(8, 20),
      fc.array(fc.constantFrom(0.5, 1, 2, 3.7), { minLength: 8, maxLength: 8 }),
      (cluster, weights) => {
        const brokers = cluster.brokers.map((broker, i) => ({ ...broker, weight: weights[i]! }))
        const plan = planRebalance(viewOf(brokers, cluster.topics), ALL)
        assert.deepEqual(planRebalance(viewOf(brokers, applied(cluster.topics, plan.moves)), ALL).moves, [])
      },
    ),
    { ...SEED, numRuns: 500 },
  )
})

test('partitions that are being reassigned stay as they are, and count where they go', () => {
  const brokers = [1, 2].map(brokerId => ({ brokerId }))
  const topics = { t: [[1], [1], [1], [1]] }
  assert.equal(planRebalance(viewOf(brokers, topics), ALL).moves.length, 2)
  const moving = planRebalance(viewOf(brokers, topics, { 't-0': [2], 't-3': [2] }), ALL)
  assert.deepEqual(moving.moves, [])
  const one = planRebalance(viewOf(brokers, topics, { 't-2': [2] }), ALL)
  assert.equal(one.moves.length, 1)
  assert.notEqual(one.moves[0]!.partition, 2)
})

test('replicas on brokers that take none stay, and so does what a broker that is gone held', () => {
  const brokers: BrokerGiven[] = [{ brokerId: 1, unavailable: 'DRAINING' }, { brokerId: 2 }, { brokerId: 3 }]
  const topics = {
    t: [
      [1, 2, 9],
      [1, 2, 9],
      [1, 2],
      [1, 2],
    ],
  }
  const { moves } = planRebalance(viewOf(brokers, topics), ALL)
  const after = applied(topics, moves)
  assert.equal(moves.length, 2)
  for (const [i, list] of after.t!.entries())
    assert.deepEqual(
      list.filter(id => id === 1 || id === 9),
      topics.t[i]!.filter(id => id === 1 || id === 9),
    )
})

test('a plan does not depend on how a node numbers its rows, nor on the pauses while it is made', () => {
  fc.assert(
    fc.property(someCluster(6, 20), ({ brokers, topics }) => {
      const view = viewOf(brokers, topics)
      const shifted = {
        ...view,
        topics: [...view.topics].map(({ name, rows }) => ({ name, rows: rows.map(row => 1_000 - row) })),
        replicas: (row: number) => view.replicas(1_000 - row),
        held: (row: number) => view.held(1_000 - row),
      }
      const plan = planRebalance(view, ALL)
      assert.deepEqual(planRebalance(shifted, ALL), plan)
      assert.deepEqual(lastOf(rebalanceSteps(view, ALL)), plan)
    }),
    { ...SEED, numRuns: 100 },
  )
})

test('making a large plan pauses many times', () => {
  const brokers = [1, 2, 3, 4].map(brokerId => ({ brokerId }))
  const list = [1, 2]
  const topics = { t: Array.from({ length: 100_000 }, () => list) }
  const steps = rebalanceSteps(viewOf(brokers, topics), { movesMax: 100_000 })
  let pauses = 0
  while (steps.next().done !== true) pauses += 1
  assert(pauses >= 6, `${pauses}`)
})

test('an empty cluster needs nothing', () => {
  assert.deepEqual(planRebalance(viewOf([], {})), { moves: [], copies: 0, complete: true })
  assert.deepEqual(planRebalance(viewOf([{ brokerId: 1 }], {})), { moves: [], copies: 0, complete: true })
  assert.deepEqual(planRebalance(viewOf([], { t: [[1, 2]] })), { moves: [], copies: 0, complete: true })
})

function lastOf(steps: Generator<void, RebalancePlan>): RebalancePlan {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The brokers that take replicas, with their loads. */
function loads({ brokers, topics }: Cluster): BrokerLoad[] {
  return viewOf(brokers, topics).brokers.filter(({ unavailable }) => unavailable === null)
}

function unevenness(cluster: Cluster): number {
  return loads(cluster).reduce((sum, { replicas }) => sum + replicas ** 2, 0)
}

/** Tries every assignment that lies as far apart as can be. */
function bruteForce({ brokers, topics }: Cluster): { readonly unevenness: number; readonly copies: number } {
  const all = viewOf(brokers, topics).brokers
  const held = new Map(
    all.filter(({ unavailable }) => unavailable === null).map(({ brokerId }) => [brokerId, 0]),
  )
  const lists = Object.values(topics).flat()
  const choices = lists.map(list => choicesFor(list, all))
  let best = { unevenness: Number.POSITIVE_INFINITY, copies: 0 }
  const tryFrom = (i: number, copies: number): void => {
    if (i === lists.length) {
      const sum = [...held.values()].reduce((all, count) => all + count ** 2, 0)
      if (sum < best.unevenness || (sum === best.unevenness && copies < best.copies))
        best = { unevenness: sum, copies }
      return
    }
    for (const choice of choices[i]!) {
      const change = (by: number) => {
        for (const id of choice) if (held.has(id)) held.set(id, held.get(id)! + by)
      }
      change(1)
      tryFrom(i + 1, copies + choice.filter(id => !lists[i]!.includes(id)).length)
      change(-1)
    }
  }
  tryFrom(0, 0)
  return best
}

function choicesFor(list: readonly number[], brokers: readonly BrokerLoad[]): number[][] {
  const takers = brokers.filter(({ unavailable }) => unavailable === null).map(({ brokerId }) => brokerId)
  const choices: number[][] = []
  const choose = (chosen: readonly number[], from: number): void => {
    if (chosen.length === list.length) choices.push([...chosen])
    else for (let i = from; i < takers.length; i++) choose([...chosen, takers[i]!], i + 1)
  }
  choose(
    list.filter(id => !takers.includes(id)),
    0,
  )
  const least = Math.min(...choices.map(choice => crowding(choice, brokers)))
  return choices.filter(choice => crowding(choice, brokers) === least)
}

function leastCrowding(list: readonly number[], brokers: readonly BrokerLoad[]): number {
  return crowding(choicesFor(list, brokers)[0]!, brokers)
}

/** To whom first places can go from a broker, over any others. */
function reachableFrom(
  giver: BrokerLoad,
  lists: readonly (readonly number[])[],
  places: readonly BrokerLoad[],
): BrokerLoad[] {
  const reached = new Set([giver.brokerId])
  for (const id of reached)
    for (const [leader, ...others] of lists)
      if (leader === id)
        for (const other of others) if (places.some(({ brokerId }) => brokerId === other)) reached.add(other)
  return places.filter(({ brokerId }) => reached.has(brokerId))
}

function threeOf(count: number, chance: number): number[] {
  const first = (chance * chance) % Math.ceil(count / 2)
  const second = (first + 1 + (chance % (count - 1))) % count
  const third = [...Array(count).keys()].find(id => id !== first && id !== second && (id + chance) % 2 === 0)
  return [first, second, third ?? [...Array(count).keys()].find(id => id !== first && id !== second)!]
}

function assertWithinOne(counts: readonly number[]): void {
  assert(Math.max(...counts) - Math.min(...counts) <= 1, counts.join(' '))
}
