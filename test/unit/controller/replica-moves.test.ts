import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DmqError } from '../../../src/base/errors.ts'
import { movesUnderWay, ReplicaMoves } from '../../../src/controller/replica-moves.ts'
import { Stage, WRITE } from './stage.ts'

const isCode = (code: string) => (error: unknown) => error instanceof DmqError && error.code === code

const KEYED = { ...WRITE, idempotency: { key: 'a key', request: 'a request' } }

async function staged(brokers: number[], assignments: number[][]) {
  const stage = await (await new Stage().withBrokers(...brokers)).withTopic('t', assignments)
  return { stage, moves: new ReplicaMoves(stage) }
}

describe('more replicas', () => {
  test('come last, spread over the brokers that hold least; the topic counts as what it will be', async () => {
    const { stage, moves } = await staged([1, 2, 3, 4], [[1], [2]])
    await moves.setReplicationFactor('t', 2, WRITE)
    assert.deepEqual(
      [0, 1].map(id => stage.partition('t', id).reassignment?.target),
      [
        [1, 3],
        [2, 4],
      ],
    )
    assert.equal(stage.replica.image.topic('t')!.replicationFactor, 2)
    assert.deepEqual([stage.partition('t').leader, stage.partition('t').isr], [1, [1]])
  })

  test('than there are brokers are refused, and nothing is begun', async () => {
    const { stage, moves } = await staged([1, 2], [[1]])
    await assert.rejects(moves.setReplicationFactor('t', 3, WRITE), isCode('NOT_ENOUGH_BROKERS'))
    assert.deepEqual(movesUnderWay(stage.replica.image), [])
  })

  test('are refused with what was asked for, who may hold them, and who may not', async () => {
    const { stage, moves } = await staged([1, 2, 3, 4], [[1], [2]])
    await stage.brokers.drain(3, 'DRAIN', WRITE)
    await stage.beat(4, { wantFence: true })
    await assert.rejects(moves.setReplicationFactor('t', 9, WRITE), {
      message:
        'replication factor 9 needs 9 brokers that take new replicas, or hold one already; there are 2 (1, 2); ' +
        'others may not (OFFLINE: 4; DRAINING: 3). Start more brokers, or ask for fewer replicas.',
    })
  })
})

describe('fewer replicas', () => {
  test('are those at the front, at once', async () => {
    const { stage, moves } = await staged([1, 2, 3], [[1, 2, 3]])
    await moves.setReplicationFactor('t', 2, WRITE)
    assert.deepEqual(
      [stage.partition('t').replicas, stage.partition('t').isr],
      [
        [1, 2],
        [1, 2],
      ],
    )
  })

  test('are those that are in sync, before those at the front', async () => {
    const { stage, moves } = await staged([1, 2, 3], [[1, 2, 3]])
    await stage.beat(1, { wantFence: true })
    await moves.setReplicationFactor('t', 2, WRITE)
    assert.deepEqual([stage.partition('t').replicas, stage.partition('t').leader], [[2, 3], 2])
  })
})

test('of brokers that were removed none counts as one of those that stay', async () => {
  const { stage, moves } = await staged([1, 2, 3, 4], [[1, 2, 3]])
  for (const brokerId of [1, 2]) await stage.beat(brokerId, { wantFence: true })
  await stage.brokers.unregister(1, true, WRITE)
  await stage.beat(2)
  assert.deepEqual(stage.partition('t').isr, [3])
  await moves.setReplicationFactor('t', 2, WRITE)
  assert.deepEqual(stage.partition('t').replicas, [2, 3])
})

test('a result for each tells a move from nothing to do, to who repeats the request as well', async () => {
  const { moves } = await staged([1, 2, 3], [[1], [2], [1]])
  const changes = [
    { topic: 't', partition: 0, replicas: [3] },
    { topic: 't', partition: 1, replicas: [2] },
    { topic: 't', partition: 7, replicas: [2] },
  ]
  const told = async () =>
    (await moves.alter(changes, KEYED)).map(({ rejection, unchanged }) => [rejection?.rejected, unchanged])
  const expected = [
    [undefined, false],
    [undefined, true],
    ['UNKNOWN_PARTITION', false],
  ]
  assert.deepEqual(await told(), expected)
  assert.deepEqual(await told(), expected)
  const [again] = await moves.alter(changes.slice(0, 1), WRITE)
  assert.deepEqual(again, { rejection: null, unchanged: true })
})

test('while an operator moves a partition of it, the topic keeps its replicas', async () => {
  const { moves } = await staged([1, 2, 3], [[1], [1]])
  await moves.alter([{ topic: 't', partition: 1, replicas: [2] }], WRITE)
  await assert.rejects(moves.setReplicationFactor('t', 2, WRITE), isCode('REASSIGNMENT_IN_PROGRESS'))
  await assert.rejects(moves.setReplicationFactor('nosuch', 2, WRITE), isCode('UNKNOWN_TOPIC'))
})

test('a move says what it waits for', async () => {
  const { stage, moves } = await staged([1, 2, 3], [[1]])
  await stage.beat(3, { wantFence: true })
  await moves.alter([{ topic: 't', partition: 0, replicas: [2, 3] }], WRITE)
  const [move] = movesUnderWay(stage.replica.image)
  assert.deepEqual([move!.addingReplicas, move!.removingReplicas, move!.cause], [[2, 3], [1], 'MANUAL'])
  assert.deepEqual(move!.waitsFor, [
    'the replica on broker 2 has not caught up yet',
    'broker 3 is OFFLINE: it asked to be fenced',
  ])
})

describe('replicas of a topic', () => {
  test('on brokers that were removed give way to new ones', async () => {
    const stage = await (await new Stage().withBrokers(1, 2, 3, 4)).withTopic('t', [[1, 2]])
    await stage.pass(8_000, 1, 3, 4)
    await stage.brokers.unregister(2, true, WRITE)
    await new ReplicaMoves(stage).setReplicationFactor('t', 3, WRITE)
    assert.deepEqual(stage.replica.image.reassignments()[0]!.partition.reassignment!.target, [1, 3, 4])
  })

  test('stay as they are where one partition cannot be changed', async () => {
    const topic = [
      [1, 2],
      [3, 4],
    ]
    const stage = await (await new Stage().withBrokers(1, 2, 3, 4)).withTopic('t', topic)
    await stage.pass(8_000, 1, 2)
    const done = new ReplicaMoves(stage).setReplicationFactor('t', 1, WRITE)
    await assert.rejects(done, { code: 'NOT_ENOUGH_BROKERS' })
    assert.deepEqual(stage.partition('t', 0).replicas, [1, 2])
    assert.equal(stage.replica.image.topic('t')!.replicationFactor, 2)
  })
})
