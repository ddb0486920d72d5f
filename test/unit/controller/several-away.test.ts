import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AutomaticMoves } from '../../../src/controller/automatic-moves.ts'
import { drainProgress } from '../../../src/controller/drain-progress.ts'
import { Stage, WRITE } from './stage.ts'

const RECOVERY_MS = 20_000
const LOST_AND_AWAY_MS = RECOVERY_MS + 8_000
const MIN_3 = { 'min.insync.replicas': '3' }

async function staged(
  brokers: number[],
  assignments: number[][],
  config: Record<string, string>,
  movesMax = 2,
) {
  const stage = await (await new Stage().withBrokers(...brokers)).withTopic('t', assignments, config)
  return { stage, moves: new AutomaticMoves({ recoveryDelayMs: RECOVERY_MS }, stage.throttledTo(movesMax)) }
}

/** The leaders take everybody in who is there, as they do when a replica has caught up. */
async function catchUp(stage: Stage): Promise<void> {
  const { image } = stage.replica
  for (const { topic, partition } of image.reassignments())
    await stage.proposer.propose(
      stage.isrIs(topic.name, partition.replicas.filter(image.isActive), partition.id),
    )
}

function moving(stage: Stage): string[] {
  return stage.replica.image
    .reassignments()
    .map(({ partition: { id, reassignment } }) => `${id} to ${reassignment!.target} (${reassignment!.cause})`)
}

function alterations(stage: Stage): number {
  return stage.log.filter(type => type === 'AlterReplicasCommand').length
}

test('all replicas that stay away are replaced by one move, though none of them could be by itself', async () => {
  const { stage } = await staged([1, 2, 3, 4, 5], [[1, 2, 3]], MIN_3)
  await stage.pass(LOST_AND_AWAY_MS, 1, 4, 5)
  assert.deepEqual(stage.partition('t').elr, [2, 3])
  assert.deepEqual(moving(stage), ['0 to 1,4,5 (RECOVERY)'])
  await catchUp(stage)
  assert.deepEqual([stage.partition('t').isr, stage.partition('t').elr, moving(stage)], [[1, 4, 5], [], []])
})

test('a move that cannot end any more, for what is eligible on brokers that stay away, is planned anew', async () => {
  const { stage } = await staged([1, 2, 3, 4, 5, 6], [[1, 2, 3]], MIN_3)
  await stage.brokers.drain(3, 'DECOMMISSION', WRITE)
  await stage.pass(1_000, 1, 2, 3, 4, 5, 6)
  assert.deepEqual(moving(stage), ['0 to 1,2,4 (DECOMMISSION)'])
  await stage.pass(8_000, 1, 4, 5, 6)
  await stage.proposer.propose(stage.isrIs('t', [1, 4]))
  assert.deepEqual(
    [stage.partition('t').isr, stage.partition('t').elr],
    [
      [1, 4],
      [2, 3],
    ],
  )
  await stage.pass(RECOVERY_MS, 1, 4, 5, 6)
  assert.deepEqual(moving(stage), ['0 to 1,4,5 (RECOVERY)'])
  await catchUp(stage)
  assert.deepEqual([stage.partition('t').isr, moving(stage)], [[1, 4, 5], []])
})

test('where there are fewer takers, as many are replaced as can be, and the others when somebody takes them', async () => {
  const { stage } = await staged([1, 2, 3, 4, 5], [[1, 2, 3]], { 'min.insync.replicas': '2' })
  await stage.brokers.drain(5, 'DRAIN', WRITE)
  await stage.pass(LOST_AND_AWAY_MS, 1, 4, 5)
  assert.deepEqual(moving(stage), ['0 to 1,4,3 (RECOVERY)'])
  await catchUp(stage)
  await stage.brokers.drain(5, null, WRITE)
  await stage.pass(2_000, 1, 4, 5)
  assert.deepEqual(moving(stage), ['0 to 1,4,5 (RECOVERY)'])
  await catchUp(stage)
  assert.deepEqual(stage.partition('t').isr, [1, 4, 5])
})

test('a move that could not end is not begun, and keeps none from being made that can', async () => {
  const { stage } = await staged([1, 2, 3, 4], [[1, 2, 3]], MIN_3, 1)
  await stage.withTopic('u', [[1, 2]])
  await stage.pass(LOST_AND_AWAY_MS, 1, 4)
  assert.deepEqual(stage.partition('t').reassignment, null)
  assert.deepEqual(stage.partition('u').addingReplicas, [4])
  await catchUp(stage)
  const before = stage.log.length
  await stage.pass(10_000, 1, 4)
  assert.deepEqual(stage.log.slice(before), [], 'nothing begins and is given up again')
})

test('of several that stay away, one goes alone where only its move can end', async () => {
  const { stage } = await staged([1, 2, 3, 4], [[1, 2, 3]], MIN_3)
  stage.found.set(3, 'refused')
  await stage.register(3, 'process 3 again')
  await stage.pass(LOST_AND_AWAY_MS, 1, 4)
  assert.deepEqual([stage.partition('t').isr, stage.partition('t').elr], [[1], [2]])
  assert.deepEqual(moving(stage), ['0 to 1,2,4 (RECOVERY)'], 'what is eligible stays')
  await catchUp(stage)
  assert.deepEqual([stage.partition('t').replicas, moving(stage)], [[1, 2, 4], []])
})

test('a decommission that waits for others says so', async () => {
  const { stage } = await staged([1, 2, 3, 4], [[1, 2, 3]], MIN_3)
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  await stage.brokers.drain(4, 'DRAIN', WRITE)
  await stage.pass(LOST_AND_AWAY_MS, 1, 4)
  await stage.brokers.drain(4, null, WRITE)
  await stage.pass(4_000, 1, 4)
  assert.deepEqual(moving(stage), [])
  const { image } = stage.replica
  const { why } = drainProgress(image, image.broker(1)!).left[0]!
  assert.match(why, /^moved to 4, 2, 3, it would wait for brokers that stay away\. Start them again/)
})

test('a rebalance begins nothing that could not end', async () => {
  const { stage, moves } = await staged([1, 2, 3], Array(4).fill([1, 2]), {}, 10)
  await stage.pass(LOST_AND_AWAY_MS, 1, 3)
  await catchUp(stage)
  assert.deepEqual(moving(stage), [])
  await moves.rebalance(WRITE)
  const before = alterations(stage)
  for (let i = 0; i < 6; i++) {
    await stage.pass(1_000, 1, 3)
    await catchUp(stage)
  }
  assert.ok(alterations(stage) - before <= 2, `${alterations(stage) - before} commands`)
})

const BROKERS = [1, 2, 3, 4, 5, 6, 7]

const scenes = fc.record({
  factor: fc.integer({ min: 1, max: 4 }),
  orders: fc.array(fc.shuffledSubarray(BROKERS, { minLength: 7 }), { minLength: 1, maxLength: 3 }),
  minIsr: fc.integer({ min: 1, max: 4 }),
  /** Broker 1 always stays. */
  away: fc.subarray([2, 3, 4, 5, 6, 7], { minLength: 1, maxLength: 5 }),
  decommissioned: fc.option(fc.constantFrom(1, 2, 3, 4)),
})

test('whoever stays away, moves end, and none is begun and given up for ever', async () => {
  await fc.assert(
    fc.asyncProperty(scenes, async ({ factor, orders, minIsr, away, decommissioned }) => {
      const live = BROKERS.filter(id => !away.includes(id))
      const lists = orders
        .map(order => order.slice(0, factor))
        .map(list => (list.some(id => live.includes(id)) ? list : [1, ...list.slice(1)]))
      const config = { 'min.insync.replicas': String(Math.min(minIsr, factor)) }
      const { stage, moves } = await staged(BROKERS, lists, config)
      if (decommissioned !== null) await stage.brokers.drain(decommissioned, 'DECOMMISSION', WRITE)
      await stage.pass(LOST_AND_AWAY_MS, ...live)
      for (let i = 0; i < 8; i++) {
        await catchUp(stage)
        await stage.pass(1_000, ...live)
      }
      const before = alterations(stage)
      await stage.pass(4_000, ...live)
      moves.end()
      assert.deepEqual([moving(stage), alterations(stage) - before], [[], 0])
      const takers = live.filter(id => id !== decommissioned)
      for (let id = 0; id < lists.length; id++) {
        const { replicas, isr } = stage.partition('t', id)
        if (takers.length < replicas.length) continue
        assert.deepEqual(isr, replicas, 'there are takers for all of it')
        assert.ok(replicas.every(each => takers.includes(each)))
      }
    }),
    { seed: 20_261_121, numRuns: 60 },
  )
})
