import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { planDecommission } from '../../../../src/controller/placement/decommission.ts'
import { Replacements } from '../../../../src/controller/placement/replacement.ts'
import type { PlacementView } from '../../../../src/controller/placement/view.ts'
import { applied, type BrokerGiven, crowding, someBrokers, viewOf } from './views.ts'

const SEED = { seed: 20_261_121 }

test('a replacement stands where the leaving broker stood, on the broker that holds least', () => {
  const view = viewOf(
    [1, 2, 3, 4, 5].map(brokerId => ({ brokerId })),
    {
      t: [
        [1, 2, 3],
        [4, 1, 2],
        [4, 3, 2],
      ],
    },
  )
  assert.deepEqual(replacementFor(view, 0, 2), { replicas: [1, 5, 3] })
  assert.deepEqual(replacementFor(view, 0, 1), { replicas: [5, 2, 3] })
})

test('a replacement goes where the partition is least crowded, and mends what was too close together', () => {
  const brokers = inRacks({ 1: 'a', 2: 'a', 3: 'b', 4: 'b', 5: 'c' })
  const full = Array.from({ length: 10 }, () => [5])
  const view = viewOf(brokers, {
    t: [
      [1, 3],
      [1, 2],
    ],
    u: full,
  })
  assert.deepEqual(replacementFor(view, 0, 1), { replicas: [2, 3] })
  assert.deepEqual(replacementFor(view, 1, 1), { replicas: [4, 2] })
})

test('where no other rack is left a replacement comes closer', () => {
  const brokers = inRacks({ 1: 'a', 2: 'b', 3: 'c', 4: 'a' })
  const view = viewOf(brokers, { t: [[1, 2, 3]] })
  assert.deepEqual(replacementFor(view, 0, 3), { replicas: [1, 2, 4] })
})

for (const [what, brokers, code, text] of [
  [
    'every other broker holds a replica',
    [{ brokerId: 1 }, { brokerId: 2 }, { brokerId: 3, unavailable: 'OFFLINE' }],
    'TOO_FEW_BROKERS',
    'its 2 replicas need 2 brokers; without 1, all that take new replicas (2) hold one already (OFFLINE: 3). ' +
      'Start another broker, or give the topic fewer replicas.',
  ],
  [
    'no other broker takes replicas',
    [{ brokerId: 1 }, { brokerId: 2, unavailable: 'DRAINING' }, { brokerId: 3, unavailable: 'DISK_FULL' }],
    'NO_BROKER_AVAILABLE',
    'no broker but 1 takes new replicas (DRAINING: 2; out of disk: 3). Start another broker.',
  ],
] as const satisfies readonly (readonly [string, readonly BrokerGiven[], string, string])[]) {
  test(`there is no replacement where ${what}, and the reason says so`, () => {
    assert.deepEqual(replacementFor(viewOf(brokers, { t: [[1, 2]] }), 0, 1), { obstacle: { code, text } })
  })
}

test('a replacement is a broker that takes replicas, and the partition comes no closer where that can be avoided', () => {
  fc.assert(
    fc.property(someBrokers(8, 'some'), fc.nat(), fc.nat(), (given, length, chance) => {
      const ids = given.map(({ brokerId }) => brokerId)
      const list = ids.slice(0, 1 + (length % ids.length))
      const leaving = list[chance % list.length]!
      const view = viewOf(given, { t: [list] })
      const others = list.filter(id => id !== leaving)
      const open = view.brokers.filter(
        ({ brokerId, unavailable }) => unavailable === null && !list.includes(brokerId),
      )
      const found = replacementFor(view, 0, leaving)
      if ('obstacle' in found) return assert.equal(open.length, 0)
      const taker = found.replicas[list.indexOf(leaving)]!
      assert.deepEqual(
        found.replicas,
        list.map(id => (id === leaving ? taker : id)),
      )
      assert(open.some(({ brokerId }) => brokerId === taker))
      const crowdings = open.map(({ brokerId }) => crowding([...others, brokerId], view.brokers))
      assert.equal(crowding(found.replicas, view.brokers), Math.min(...crowdings))
    }),
    { ...SEED, numRuns: 500 },
  )
})

test('a decommission moves every replica of the broker to the others, evenly', () => {
  const topics = { t: Array.from({ length: 30 }, (_, i) => [1, 2 + (i % 2)]), u: [[2, 3]] }
  const view = viewOf(
    [1, 2, 3, 4, 5].map(brokerId => ({ brokerId })),
    topics,
  )
  const plan = planDecommission(view, 1, 100)
  assert.equal(plan.moves.length, 30)
  assert.deepEqual([plan.stuck, plan.stuckCount, plan.moving, plan.left], [[], 0, 0, 30])
  const after = viewOf(
    [1, 2, 3, 4, 5].map(brokerId => ({ brokerId })),
    applied(topics, plan.moves),
  )
  assert.deepEqual(
    after.brokers.map(({ replicas }) => replicas),
    [0, 16, 16, 15, 15],
  )
})

test('a decommission moves a few at a time, topic by topic', () => {
  const view = viewOf(
    [1, 2].map(brokerId => ({ brokerId })),
    { b: [[1], [2], [1]], a: [[1]] },
  )
  const plan = planDecommission(view, 1, 2)
  assert.deepEqual(plan.moves, [
    { topic: 'a', partition: 0, from: [1], to: [2] },
    { topic: 'b', partition: 0, from: [1], to: [2] },
  ])
  assert.equal(plan.left, 3)
})

test('a decommission says what moves already, and what cannot', () => {
  const brokers = [1, 2, 3].map(brokerId => ({ brokerId }))
  const view = viewOf(brokers, { t: [[1], [1, 2], [1, 2, 3], [1]] }, { 't-0': [2], 't-1': [1, 3] })
  const plan = planDecommission(view, 1, 10)
  assert.deepEqual([plan.moving, plan.left, plan.stuckCount], [1, 4, 2])
  assert.deepEqual(
    plan.stuck.map(({ partition, obstacle }) => [partition, obstacle.code]),
    [
      [1, 'REASSIGNING'],
      [2, 'TOO_FEW_BROKERS'],
    ],
  )
  assert.equal(
    plan.stuck[0]!.obstacle.text,
    'it is being reassigned to 1, 3, or waits to be. It is planned when that is done or cancelled.',
  )
  assert.deepEqual(
    plan.moves.map(({ partition }) => partition),
    [3],
  )
})

test('where everything is stuck no more is told than was asked for, and all is counted', () => {
  const plan = planDecommission(viewOf([{ brokerId: 1 }], { t: [[1], [1], [1]] }), 1, 2)
  assert.deepEqual([plan.moves.length, plan.stuck.length, plan.stuckCount, plan.left], [0, 2, 3, 3])
})

function inRacks(racks: Readonly<Record<number, string>>): BrokerGiven[] {
  return Object.entries(racks).map(([brokerId, rack]) => ({ brokerId: Number(brokerId), rack }))
}

function replacementFor(view: PlacementView, row: number, leaving: number) {
  return new Replacements(view).replace(view.replicas(row), leaving)
}
