import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { planOf } from '../../../src/controller/plan/plan.ts'
import { commandsFor, notesOnMoves } from '../../../src/controller/plan/planned.ts'
import { renderImage } from '../../../src/metadata/render.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { plainBroker } from '../metadata/machine.ts'
import { Told } from './told.ts'

/** Turns of the loop come at once. */
class ReadyClock extends FakeClock {
  override afterPending(callback: () => void): void {
    queueMicrotask(callback)
  }
}

type Change = { readonly topic: string; readonly partition: number; readonly replicas: readonly number[] }

const BROKERS = [101, 102, 103, 104, 105]

function cluster(lists: readonly (readonly number[])[], config: Record<string, string> = {}): Told {
  const told = new Told()
  for (const brokerId of BROKERS) told.accept(plainBroker(brokerId))
  return told.withTopic(
    'orders',
    lists.map(list => [...list]),
    config,
  )
}

function planned({ replica }: Told, changes: readonly Change[]) {
  const what = { action: 'reassign', changes } as const
  return planOf({ replica, clock: new ReadyClock() }, image =>
    commandsFor(image, what, () => assert.fail('nothing is to be placed')),
  )
}

/** Does it, and lets everybody who is there catch up. */
function done(told: Told, changes: readonly Change[]): void {
  told.accept({ type: 'AlterReplicasCommand', cause: 'MANUAL', changes })
  for (const { partition } of changes) {
    const { leader, replicas, isr, reassignment } = told.partition('orders', partition)
    if (leader === null || reassignment === null) continue
    const there = (id: number): boolean => reassignment.target.includes(id) && told.image.isActive(id)
    const members = replicas.filter(id => isr.includes(id) || there(id))
    if (members.length > isr.length) told.setIsr('orders', members, partition)
  }
}

test('a move away from the leader is shown with the leader that there is when it is done', async () => {
  const told = cluster([[101, 104, 102]])
  const before = renderImage(told.image)
  const changes = [{ topic: 'orders', partition: 0, replicas: [104, 103] }]
  const { outcome, unfinished } = await planned(told, changes)
  assert.deepEqual(renderImage(told.image), before, 'nothing is done')
  const { before: was, after } = outcome.changed.first[0]!
  assert.deepEqual([was!.leader, was!.replicas], [101, [101, 104, 102]])
  assert.deepEqual([after.leader, after.replicas, after.isr], [104, [104, 103], [104, 103]])
  assert.deepEqual([outcome.newLeaders, unfinished.count], [1, 0])
  assert.deepEqual(
    outcome.brokers.map(({ brokerId, after: load }) => [brokerId, load.leaders, load.replicas]),
    [
      [101, 0, 0],
      [102, 0, 0],
      [103, 0, 1],
      [104, 1, 1],
      [105, 0, 0],
    ],
  )
})

test('a move that would not be done is shown as it goes on, and named', async () => {
  const told = cluster([
    [101, 102],
    [101, 102],
  ])
  told.lose(103)
  const changes = [103, 104].map((id, partition) => ({ topic: 'orders', partition, replicas: [102, id] }))
  const { outcome, unfinished } = await planned(told, changes)
  assert.deepEqual(unfinished, { count: 1, first: ['orders-0'] })
  assert.deepEqual(
    outcome.changed.first.map(({ after }) => [after.leader, after.replicas]),
    [
      [101, [101, 102, 103]],
      [102, [102, 104]],
    ],
  )
  assert.match(notesOnMoves(unfinished)[0]!, /^1 move would not be done.* are away: orders-0$/)
  assert.deepEqual(notesOnMoves({ count: 0, first: [] }), [])
})

const list = fc.shuffledSubarray(BROKERS, { minLength: 1, maxLength: 4 })
const scenes = fc.record({
  lists: fc.array(fc.shuffledSubarray(BROKERS, { minLength: 3, maxLength: 3 }), {
    minLength: 2,
    maxLength: 5,
  }),
  targets: fc.array(list, { minLength: 2, maxLength: 5 }),
  lost: fc.subarray(BROKERS, { maxLength: 3 }),
  minIsr: fc.integer({ min: 1, max: 3 }),
})

test('what is shown of moves is what there is when they are done', async () => {
  await fc.assert(
    fc.asyncProperty(scenes, async ({ lists, targets, lost, minIsr }) => {
      const told = cluster(lists, { 'min.insync.replicas': String(minIsr) })
      for (const brokerId of lost) told.lose(brokerId)
      const changes = lists.flatMap((before, partition) => {
        const replicas = targets[partition % targets.length]!
        return replicas.join() === before.join() ? [] : [{ topic: 'orders', partition, replicas }]
      })
      fc.pre(changes.length > 0)
      const { outcome, unfinished, refused } = await planned(told, changes)
      fc.pre(refused.length < changes.length)
      done(told, changes)
      for (const { partition, after } of outcome.changed.first) {
        const { leader, isr, elr, leaderEpoch, partitionEpoch, replicas } = told.partition(
          'orders',
          partition,
        )
        assert.deepEqual(after, { leader, isr, elr, leaderEpoch, partitionEpoch, replicas })
      }
      assert.equal(unfinished.count, told.image.reassignments().length)
      const counts = told.image.replicaCounts()
      for (const { brokerId, after } of outcome.brokers) {
        const now = counts.get(brokerId) ?? { leaders: 0, replicas: 0 }
        assert.equal(after.leaders, now.leaders)
        if (unfinished.count === 0) assert.deepEqual(after, now)
      }
    }),
    { seed: 20_261_121, numRuns: 200 },
  )
})
