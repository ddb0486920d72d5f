import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AutomaticMoves } from '../../../src/controller/automatic-moves.ts'
import { decommissionDraft } from '../../../src/controller/plan/decommission.ts'
import { planOf } from '../../../src/controller/plan/plan.ts'
import { renderImage } from '../../../src/metadata/render.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { Stage, WRITE } from './stage.ts'

/** Turns of the loop come at once. */
class ReadyClock extends FakeClock {
  override afterPending(callback: () => void): void {
    queueMicrotask(callback)
  }
}

async function staged() {
  const stage = await new Stage().withBrokers(1, 2, 3)
  await stage.withTopic('alone', [[1], [1], [2]])
  return stage.withTopic('everywhere', [[1, 2, 3]])
}

async function planned(stage: Stage, brokerId: number) {
  const { resourcesOf, replica } = stage
  const draft = decommissionDraft(replica.image, brokerId, resourcesOf)
  const plan = await planOf({ replica, clock: new ReadyClock() }, () => draft.commands)
  return { ...plan, ...draft }
}

test('what would move where, what stays and why; and nothing is done', async () => {
  const stage = await staged()
  const before = renderImage(stage.replica.image)
  const { outcome, moves, stays, underWay, refused } = await planned(stage, 1)
  assert.deepEqual(renderImage(stage.replica.image), before)
  assert.deepEqual([moves.count, stays.count, underWay, refused.length], [2, 1, 0, 0])
  assert.deepEqual(
    moves.first.map(({ topic, partition, from }) => [topic, partition, from]),
    [
      ['alone', 0, [1]],
      ['alone', 1, [1]],
    ],
  )
  assert.deepEqual(
    stays.first.map(({ topic, partition }) => [topic, partition]),
    [['everywhere', 0]],
  )
  assert.match(stays.first[0]!.why, /need 3 brokers; without 1,/)
  assert.deepEqual(
    outcome.brokers.map(({ brokerId, before: was, after }) => [brokerId, was.replicas, after.replicas]),
    [
      [1, 3, 1],
      [2, 2, 3],
      [3, 1, 2],
    ],
  )
})

test('it is what then happens', async () => {
  const stage = await staged()
  const { moves, stays } = await planned(stage, 1)
  const automatic = new AutomaticMoves({ recoveryDelayMs: 0 }, stage)
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  await stage.pass(1_000, 1, 2, 3)
  automatic.end()
  const begun = stage.replica.image.reassignments().map(({ topic, partition }) => ({
    topic: topic.name,
    partition: partition.id,
    to: partition.reassignment!.target,
  }))
  assert.deepEqual(
    begun,
    moves.first.map(({ topic, partition, to }) => ({ topic, partition, to })),
  )
  const again = await planned(stage, 1)
  assert.deepEqual([again.moves.count, again.underWay, again.stays], [0, 2, stays])
})

test('disks that heartbeats report full take nothing', async () => {
  const stage = await staged()
  await stage.beat(3, { resources: { diskBytesTotal: 100, diskBytesFree: 0 } })
  const { moves } = await planned(stage, 1)
  assert.deepEqual(
    moves.first.map(({ to }) => to),
    [[2], [2]],
  )
})

test('a broker that is not registered is refused', async () => {
  await assert.rejects(planned(await staged(), 9), { code: 'UNKNOWN_BROKER' })
})
