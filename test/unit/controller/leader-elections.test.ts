import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaderElections } from '../../../src/controller/leader-elections.ts'
import { Stage, WRITE } from './stage.ts'

const DELAY_MS = 10_000

/** Broker 1, which is preferred for all partitions, was away and is in sync again; broker 2 leads. */
async function staged(partitions: number, delayMs = DELAY_MS) {
  const lists = Array.from({ length: partitions }, () => [1, 2])
  const stage = await (await new Stage().withBrokers(1, 2)).withTopic('t', lists)
  const elections = new LeaderElections(delayMs, stage)
  await stage.beat(1, { wantFence: true })
  await stage.beat(1)
  assert.equal(led(stage, 2), partitions)
  for (const id of lists.keys()) await stage.proposer.propose(stage.isrIs('t', [1, 2], id))
  return { stage, elections }
}

function led(stage: Stage, brokerId: number): number {
  const { image } = stage.replica
  return image.partitionsOf(image.topic('t')!).filter(({ leader }) => leader === brokerId).length
}

test('leaderships go back to the preferred replica when its broker has been ONLINE for a while', async () => {
  const { stage } = await staged(3)
  await stage.pass(DELAY_MS - 1_000, 1, 2)
  assert.equal(led(stage, 1), 0)
  await stage.pass(2_000, 1, 2)
  assert.equal(led(stage, 1), 3)
})

test('and a few at a time', async () => {
  const { stage } = await staged(450)
  await stage.pass(DELAY_MS, 1, 2)
  const seen = new Set<number>()
  for (let i = 0; i < 6; i++) {
    seen.add(led(stage, 1))
    await stage.pass(1_000, 1, 2)
  }
  assert.ok(seen.has(200) && seen.has(400), [...seen].join())
  assert.equal(led(stage, 1), 450)
})

test('never by themselves when the delay is 0', async () => {
  const { stage } = await staged(1, 0)
  await stage.pass(10 * DELAY_MS, 1, 2)
  assert.equal(led(stage, 1), 0)
})

test('not to a broker that is being drained, nor to one that is not in sync', async () => {
  const { stage } = await staged(2)
  await stage.brokers.drain(1, 'DRAIN', WRITE)
  await stage.pass(2 * DELAY_MS, 1, 2)
  assert.equal(led(stage, 1), 0)
  await stage.brokers.drain(1, null, WRITE)
  await stage.beat(1, { wantFence: true })
  await stage.beat(1)
  await stage.pass(2 * DELAY_MS, 1, 2)
  assert.equal(led(stage, 1), 0, 'it has left the ISR')
})

test('at once, when an operator asks, with a result for each', async () => {
  const { stage, elections } = await staged(2)
  const results = await elections.elect('PREFERRED', null, WRITE)
  assert.deepEqual(
    results.map(({ partition, rejection }) => [partition, rejection]),
    [
      [0, null],
      [1, null],
    ],
  )
  assert.equal(led(stage, 1), 2)
  assert.deepEqual(await elections.elect('PREFERRED', null, WRITE), [])
  const names = [0, 9].map(partition => ({ topic: 't', partition }))
  const named = await elections.elect('PREFERRED', names, WRITE)
  assert.deepEqual(
    named.map(({ rejection }) => rejection?.rejected),
    ['ELECTION_NOT_NEEDED', 'UNKNOWN_PARTITION'],
  )
})

test('once for a key: a repeat of an election of all names none', async () => {
  const { stage, elections } = await staged(2)
  const versions: number[] = []
  const onReplay = (version: number) => versions.push(version)
  const write = { ...WRITE, idempotency: { key: 'k', request: 'elect all' }, onReplay }
  assert.equal((await elections.elect('PREFERRED', null, write)).length, 2)
  const { version } = stage.replica.image
  await stage.beat(1, { wantFence: true })
  await stage.beat(1)
  for (const id of [0, 1]) await stage.proposer.propose(stage.isrIs('t', [1, 2], id))
  assert.deepEqual(await elections.elect('PREFERRED', null, write), [])
  assert.deepEqual([versions, led(stage, 2)], [[version], 2])
})

test('an unclean election is for partitions that nobody leads', async () => {
  const stage = await (await new Stage().withBrokers(1, 2)).withTopic('t', [[1, 2]])
  const elections = new LeaderElections(0, stage)
  await stage.beat(2, { wantFence: true })
  await stage.beat(1, { wantFence: true })
  await stage.beat(2)
  assert.deepEqual([stage.partition('t', 0).leader, stage.partition('t', 0).elr], [null, [1]])
  const results = await elections.elect('UNCLEAN', null, WRITE)
  assert.deepEqual(results, [{ topic: 't', partition: 0, rejection: null }])
  assert.deepEqual([stage.partition('t', 0).leader, stage.partition('t', 0).isr], [2, [2]])
})
