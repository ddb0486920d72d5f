import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AutomaticMoves } from '../../../src/controller/automatic-moves.ts'
import { drainProgress } from '../../../src/controller/drain-progress.ts'
import { movesUnderWay, ReplicaMoves } from '../../../src/controller/replica-moves.ts'
import { FEATURES } from '../../../src/metadata/features.ts'
import { Stage, WRITE } from './stage.ts'

const RECOVERY_MS = 20_000
const levels = { 'metadata.version': FEATURES['metadata.version'].max }

/** Partitions on broker 1 alone, in a cluster at the newest level. */
async function staged(partitions: number, movesMax: number, brokers = [1, 2, 3], recoveryDelayMs = 0) {
  const assignments = Array<number[]>(partitions).fill([1])
  const stage = await (await new Stage().withBrokers(...brokers)).withTopic('t', assignments)
  await stage.proposer.propose({ type: 'UpdateFeaturesCommand', levels })
  stage.throttledTo(movesMax)
  return {
    stage,
    moves: new ReplicaMoves(stage),
    automatic: new AutomaticMoves({ recoveryDelayMs }, stage),
  }
}

function to(...targets: number[]) {
  return targets.map((target, partition) => ({ topic: 't', partition, replicas: [target] }))
}

function states(stage: Stage): string[] {
  return movesUnderWay(stage.replica.image).map(
    ({ partition, target, state, waitsFor }) => `${partition} ${state} to ${target}: ${waitsFor.join('; ')}`,
  )
}

const copies = (brokerId: number) => `the replica on broker ${brokerId} has not caught up yet`

test('moves begin one after the other as those before them end, in the order they were asked for', async () => {
  const { stage, moves } = await staged(3, 1)
  await moves.alter(to(2, 3, 2), WRITE)
  assert.deepEqual(states(stage), [
    `0 MOVING to 2: ${copies(2)}`,
    '1 WAITING to 3: its turn',
    '2 WAITING to 2: its turn',
  ])
  assert.deepEqual(stage.throttle.state, {
    movesMax: 1,
    setBy: 'CONFIGURATION',
    moving: 1,
    waiting: 2,
    holdsOperators: true,
  })
  await stage.pass(2_000, 1, 2, 3)
  assert.equal(stage.throttle.state.moving, 1, 'the one before it has not ended')
  await stage.proposer.propose(stage.isrIs('t', [1, 2], 0))
  await stage.pass(1_000, 1, 2, 3)
  assert.deepEqual(states(stage), [`1 MOVING to 3: ${copies(3)}`, '2 WAITING to 2: its turn'])
})

test('those that wait go before decommissions', async () => {
  const { stage, moves } = await staged(3, 1)
  await moves.alter(to(2, 2), WRITE)
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  await stage.pass(2_000, 1, 2, 3)
  await stage.proposer.propose(stage.isrIs('t', [1, 2], 0))
  await stage.pass(2_000, 1, 2, 3)
  assert.deepEqual(states(stage), [`1 MOVING to 2: ${copies(2)}`])
  await stage.proposer.propose(stage.isrIs('t', [1, 2], 1))
  await stage.pass(2_000, 1, 2, 3)
  assert.equal(stage.partition('t', 2).reassignment?.cause, 'DECOMMISSION')
})

test('a drain says of a move that waits that it does', async () => {
  const { stage, moves } = await staged(1, 0)
  await moves.alter(to(2), WRITE)
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  const { image } = stage.replica
  const [left] = drainProgress(image, image.broker(1)!).left
  assert.equal(left?.why, 'is to move to [2]: its turn')
})

test('one whose broker is away lets others pass, and begins when it is back', async () => {
  const { stage, moves } = await staged(2, 1)
  await moves.alter(to(2, 3), WRITE)
  await stage.proposer.propose(stage.isrIs('t', [1, 2], 0))
  const [first] = to(2, 3)
  await stage.beat(3, { wantFence: true })
  await moves.alter([{ ...first!, replicas: [1] }], WRITE)
  await stage.pass(1_000, 1, 2)
  assert.match(states(stage)[1] ?? '', /1 WAITING to 3: broker 3 is OFFLINE/)
  assert.match(states(stage)[0] ?? '', /0 MOVING to 1/)
  await stage.proposer.propose(stage.isrIs('t', [1, 2], 0))
  await stage.pass(2_000, 1, 2, 3)
  assert.deepEqual(states(stage), [`1 MOVING to 3: ${copies(3)}`])
})

test('an operator pauses all moves, lets them go on faster, and hands back to the configuration', async () => {
  const { stage, moves } = await staged(4, 1)
  await stage.throttle.set(0, WRITE)
  await moves.alter(to(2, 2, 2, 2), WRITE)
  await stage.pass(2_000, 1, 2, 3)
  assert.deepEqual([stage.throttle.state.moving, stage.throttle.state.waiting], [0, 4])
  await stage.throttle.set(3, WRITE)
  await stage.pass(1_000, 1, 2, 3)
  assert.deepEqual([stage.throttle.state.moving, stage.throttle.state.setBy], [3, 'OPERATOR'])
  await stage.throttle.set(null, WRITE)
  assert.deepEqual([stage.throttle.state.movesMax, stage.throttle.state.setBy], [1, 'CONFIGURATION'])
  await stage.pass(2_000, 1, 2, 3)
  assert.deepEqual([stage.throttle.state.moving, stage.throttle.state.waiting], [3, 1], 'what began goes on')
})

test('a new controller goes on with those that wait', async () => {
  const { stage, moves, automatic } = await staged(2, 1)
  await moves.alter(to(2, 2), WRITE)
  automatic.end()
  await stage.proposer.propose(stage.isrIs('t', [1, 2], 0))
  await stage.pass(2_000, 1, 2, 3)
  assert.deepEqual(states(stage), ['1 WAITING to 2: its turn'])
  new AutomaticMoves({ recoveryDelayMs: 0 }, stage)
  await stage.pass(1_000, 1, 2, 3)
  assert.deepEqual(states(stage), [`1 MOVING to 2: ${copies(2)}`])
})

test('more replicas for a topic come so many partitions at a time', async () => {
  const { stage, moves } = await staged(3, 2)
  await moves.setReplicationFactor('t', 2, WRITE)
  assert.deepEqual([stage.throttle.state.moving, stage.throttle.state.waiting], [2, 1])
  assert.equal(stage.replica.image.topic('t')!.replicationFactor, 2)
})

test('where nothing can begin, nothing is proposed until the metadata changes', async () => {
  const { stage, moves } = await staged(1, 0)
  await moves.alter(to(2), WRITE)
  const { length } = stage.log
  await stage.pass(5_000, 1, 2, 3)
  assert.equal(stage.log.slice(length).includes('AlterReplicasCommand'), false)
})

test('what has lost a replica for good is rebuilt before what an operator waits for', async () => {
  const { stage, moves } = await staged(3, 1, [1, 2, 3, 4], RECOVERY_MS)
  await stage.withTopic('u', [[1, 3]])
  await moves.alter(to(2, 2, 2), WRITE)
  await stage.pass(RECOVERY_MS + 8_000, 1, 2, 4)
  assert.equal(stage.status(3), 'OFFLINE')
  await stage.proposer.propose(stage.isrIs('t', [1, 2], 0))
  await stage.pass(1_000, 1, 2, 4)
  assert.equal(stage.partition('u').reassignment?.cause, 'RECOVERY')
  assert.equal(stage.throttle.state.waiting, 2)
})

test('partitions that nobody leads hold up no recovery, and what changes nothing is not proposed again', async () => {
  const { stage } = await staged(1, 1, [1, 2, 3], RECOVERY_MS)
  await stage.withTopic('a', [[3]])
  await stage.withTopic('b', [[1, 3]])
  await stage.pass(RECOVERY_MS + 12_000, 1, 2)
  assert.equal(stage.partition('b').reassignment?.cause, 'RECOVERY')
  const { length } = stage.log
  await stage.pass(5_000, 1, 2)
  assert.equal(stage.log.slice(length).includes('AlterReplicasCommand'), false)
})

test('a decommissioned broker that is lost counts as lost, and a move that waits for its partition goes first', async () => {
  const { stage, moves } = await staged(3, 1, [1, 2, 3, 4], RECOVERY_MS)
  await stage.withTopic('u', [[1, 3]])
  await stage.withTopic('v', [[1, 3]])
  await moves.alter([...to(2, 2, 2), { topic: 'u', partition: 0, replicas: [1, 2] }], WRITE)
  await stage.brokers.drain(3, 'DECOMMISSION', WRITE)
  await stage.pass(RECOVERY_MS + 8_000, 1, 2, 4)
  assert.equal(stage.status(3), 'OFFLINE')
  const next = async (partition: number) => {
    await stage.proposer.propose(stage.isrIs('t', [1, 2], partition))
    await stage.pass(1_000, 1, 2, 4)
  }
  await next(0)
  assert.equal(stage.partition('u').reassignment?.waiting, undefined)
  assert.deepEqual(stage.partition('u').reassignment?.target, [1, 2])
  await stage.proposer.propose(stage.isrIs('u', [1, 2], 0))
  await stage.pass(1_000, 1, 2, 4)
  assert.equal(stage.partition('v').reassignment?.cause, 'DECOMMISSION')
  assert.equal(stage.throttle.state.waiting, 2)
})

test('a move that waits for a broker that stays away is given up, and its partition rebuilt', async () => {
  const { stage, moves } = await staged(1, 0, [1, 2, 3, 4], RECOVERY_MS)
  await stage.withTopic('u', [[1, 3]])
  await moves.alter([{ topic: 'u', partition: 0, replicas: [3, 2] }], WRITE)
  await stage.pass(RECOVERY_MS, 1, 2, 4)
  assert.match(states(stage)[0] ?? '', /0 WAITING to 3,2/)
  await stage.pass(8_000, 1, 2, 4)
  assert.deepEqual(states(stage), [])
  await stage.throttle.set(1, WRITE)
  await stage.pass(1_000, 1, 2, 4)
  assert.equal(stage.partition('u').reassignment?.cause, 'RECOVERY')
})

test('while moves are paused, those that wait say so', async () => {
  const { stage, moves } = await staged(1, 1)
  await stage.throttle.set(0, WRITE)
  await moves.alter(to(2), WRITE)
  assert.deepEqual(states(stage), ['0 WAITING to 2: moves are paused'])
})

test('nothing begins after a pause, though it was planned before', async () => {
  const { stage } = await staged(6, 3)
  await stage.proposer.propose({ type: 'RebalanceCommand', wanted: true })
  stage.beforeNext('AlterReplicasCommand', { type: 'ThrottleMovesCommand', movesMax: 0 })
  await stage.pass(2_000, 1, 2, 3)
  assert.ok(stage.log.includes('AlterReplicasCommand'))
  assert.equal(stage.throttle.state.moving, 0)
})

test('below level 4 the limit is not to be changed, and nothing of that is in the log', async () => {
  const stage = await new Stage().withBrokers(1)
  const { length } = stage.log
  for (const movesMax of [5, null])
    await assert.rejects(stage.throttle.set(movesMax, WRITE), /possible from metadata.version 4 on, it is 1/)
  assert.deepEqual(stage.log.slice(length), [])
  const keyed = { ...WRITE, idempotency: { key: 'k', request: 'r' } }
  await assert.rejects(stage.throttle.set(5, keyed), /possible from metadata.version 4 on/)
  assert.deepEqual(stage.log.slice(length), ['NoteRejectionCommand'])
})
