import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DmqError } from '../../../src/base/errors.ts'
import { AutomaticMoves } from '../../../src/controller/automatic-moves.ts'
import { drainProgress } from '../../../src/controller/drain-progress.ts'
import { Topics } from '../../../src/controller/topics.ts'
import { Stage, WRITE } from './stage.ts'

const FULL = { diskBytesTotal: 100, diskBytesFree: 1 }
const ROOM = { diskBytesTotal: 100, diskBytesFree: 80 }

async function staged(...brokerIds: number[]) {
  const stage = await new Stage().withBrokers(...brokerIds)
  const random = { fraction: () => 0, uuid: () => `id ${stage.log.length}` }
  const topics = new Topics({ ...stage, random } as ConstructorParameters<typeof Topics>[0])
  const create = (topicName: string, numPartitions: number, replicationFactor = 1) =>
    topics.create({ topicName, numPartitions, replicationFactor, config: {} }, WRITE)
  return { stage, create }
}

function held(stage: Stage, ...brokerIds: number[]): number[] {
  const counts = stage.replica.image.replicaCounts()
  return brokerIds.map(brokerId => counts.get(brokerId)?.replicas ?? 0)
}

describe('what heartbeats report of resources decides where replicas go', () => {
  test('a broker that is out of disk gets none, until it has room', async () => {
    const { stage, create } = await staged(1, 2)
    await stage.beat(2, { resources: FULL })
    await create('a', 4)
    assert.deepEqual(held(stage, 1, 2), [4, 0])
    await assert.rejects(create('b', 1, 2), (error: unknown) => {
      assert(error instanceof DmqError && error.code === 'NOT_ENOUGH_BROKERS')
      assert.match(error.message, /out of disk: 2/)
      return true
    })
    await stage.beat(2, { resources: ROOM })
    await create('b', 4)
    assert.deepEqual(held(stage, 1, 2), [4, 4])
  })

  test('a weight counts from the heartbeat on, and in place of the one it registered with', async () => {
    const { stage, create } = await staged(1, 2)
    await create('a', 4)
    assert.deepEqual(held(stage, 1, 2), [2, 2])
    await stage.beat(1, { resources: { weight: 1 } })
    await stage.beat(2, { resources: { weight: 3 } })
    await create('b', 8)
    assert.deepEqual(held(stage, 1, 2), [3, 9])
  })

  test('a heartbeat without resources takes nothing back; a new process does', async () => {
    const { stage, create } = await staged(1, 2)
    await stage.beat(2, { resources: FULL })
    await stage.beat(2)
    await create('a', 2)
    assert.deepEqual(held(stage, 1, 2), [2, 0])
    stage.found.set(2, 'refused')
    await stage.register(2, 'another process')
    await stage.beat(2)
    await create('b', 2)
    assert.deepEqual(held(stage, 1, 2), [2, 2])
  })

  test('what is in the log does not depend on it', async () => {
    const { stage } = await staged(1)
    const { stateHash, version } = stage.replica.image
    await stage.beat(1, { resources: FULL })
    assert.deepEqual([stage.replica.image.stateHash, stage.replica.image.version], [stateHash, version])
    assert.deepEqual(stage.replica.image.broker(1)!.resources, {})
  })
})

test('a decommission that waits for disk says so, and goes on when there is room, though the metadata is the same', async () => {
  const { stage, create } = await staged(1, 2)
  await stage.beat(2, { resources: FULL })
  await create('a', 1)
  const moves = new AutomaticMoves({ recoveryDelayMs: 0 }, stage)
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  await stage.pass(3_000, 1, 2)
  assert.equal(stage.replica.image.moves.count, 0)
  const why = () => drainProgress(stage.replica.image, stage.replica.image.broker(1)!, stage.resourcesOf)
  assert.match(why().left[0]!.why, /out of disk: 2/)
  const { version } = stage.replica.image
  await stage.beat(2, { resources: ROOM })
  assert.equal(stage.replica.image.version, version)
  await stage.pass(1_000, 1, 2)
  assert.equal(stage.replica.image.moves.count, 1)
  moves.end()
})
