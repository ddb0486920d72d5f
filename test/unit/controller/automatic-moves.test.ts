import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AutomaticMoves } from '../../../src/controller/automatic-moves.ts'
import { drainProgress } from '../../../src/controller/drain-progress.ts'
import { FEATURES } from '../../../src/metadata/features.ts'
import { Stage, WRITE } from './stage.ts'

const RECOVERY_MS = 20_000
const OPTIONS = { recoveryDelayMs: RECOVERY_MS, movesMax: 2 }

async function staged(brokers: number[], assignments: number[][], options = OPTIONS) {
  const stage = await (await new Stage().withBrokers(...brokers)).withTopic('t', assignments)
  return { stage, moves: new AutomaticMoves(options, stage.throttledTo(options.movesMax)) }
}

/** Of the three replicas of a partition, two were on brokers that were removed: brokers 4 and 5 are to take their place. */
async function withoutTwo(): Promise<Stage> {
  const { stage } = await staged([1, 2, 3, 4, 5], [[1, 2, 3]])
  await stage.pass(8_000, 1, 4, 5)
  for (const brokerId of [2, 3]) await stage.brokers.unregister(brokerId, true, WRITE)
  await stage.pass(1_000, 1, 4, 5)
  return stage
}

/** The leaders take everybody in who was added, as they do when a replica has caught up. */
async function catchUp(stage: Stage): Promise<void> {
  for (const { topic, partition } of stage.replica.image.reassignments()) {
    const members = partition.replicas.filter(stage.replica.image.isActive)
    await stage.proposer.propose(stage.isrIs(topic.name, members, partition.id))
  }
}

function moving(stage: Stage): string[] {
  return stage.replica.image
    .reassignments()
    .map(
      ({ partition }) =>
        `${partition.id} to ${partition.reassignment!.target} (${partition.reassignment!.cause})`,
    )
}

function progress(stage: Stage, brokerId: number) {
  const { image } = stage.replica
  return drainProgress(image, image.broker(brokerId)!)
}

describe('a decommission', () => {
  test('moves all replicas off the broker, so many at a time, and says how far it is', async () => {
    const { stage } = await staged(
      [1, 2, 3],
      [
        [1, 2],
        [2, 1],
        [3, 1],
        [2, 3],
      ],
    )
    await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
    await stage.pass(1_000, 1, 2, 3)
    assert.equal(moving(stage).length, 2)
    assert.deepEqual(progress(stage, 1).replicas, { atStart: 3, left: 3 })
    for (let i = 0; i < 4; i++) {
      await catchUp(stage)
      await stage.pass(1_000, 1, 2, 3)
    }
    const { done, moved, replicas, left } = progress(stage, 1)
    assert.deepEqual([done, moved, replicas.left, left], [true, 3, 0, []])
    assert.deepEqual(stage.partition('t', 0).isr, stage.partition('t', 0).replicas)
  })

  test('a replica that only it has stays in the ISR, and leads, until another has it', async () => {
    const { stage } = await staged([1, 2], [[1]])
    await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
    await stage.pass(1_000, 1, 2)
    assert.deepEqual([stage.partition('t').leader, stage.partition('t').isr], [1, [1]])
    assert.deepEqual(stage.partition('t').addingReplicas, [2])
    await catchUp(stage)
    assert.deepEqual([stage.partition('t').leader, stage.partition('t').replicas], [2, [2]])
  })

  test('says why a replica cannot be moved', async () => {
    const { stage } = await staged([1, 2], [[1, 2]])
    await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
    await stage.pass(3_000, 1, 2)
    assert.deepEqual(moving(stage), [])
    const { done, left } = progress(stage, 1)
    assert.equal(done, false)
    assert.match(left[0]!.why, /2 replicas need 2 brokers.*Start another broker/)
  })
})

test('a move to a broker that dies is planned anew, and holds up no others', async () => {
  const { stage } = await staged(
    [1, 2, 3, 4],
    [
      [1, 2],
      [1, 2],
      [1, 2],
    ],
  )
  await stage.brokers.drain(4, 'DRAIN', WRITE)
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  await stage.pass(1_000, 1, 2, 3, 4)
  assert.deepEqual(moving(stage), ['0 to 3,2 (DECOMMISSION)', '1 to 3,2 (DECOMMISSION)'])
  await stage.brokers.drain(4, null, WRITE)
  await stage.pass(RECOVERY_MS + 4_000, 1, 2, 4)
  assert.equal(stage.status(3), 'OFFLINE')
  const third = '2 to 4,2 (DECOMMISSION)'
  assert.deepEqual(moving(stage), ['0 to 3,2 (DECOMMISSION)', '1 to 3,2 (DECOMMISSION)', third])
  await stage.pass(6_000, 1, 2, 4)
  assert.deepEqual(moving(stage), ['0 to 4,2 (DECOMMISSION)', third])
})

test('a move that waits for a replica that is to stay, and dies, is planned anew', async () => {
  const { stage } = await staged([1, 2, 3, 4, 5], [[1, 2, 3]])
  await stage.brokers.drain(3, 'DECOMMISSION', WRITE)
  await stage.pass(1_000, 1, 2, 3, 4, 5)
  assert.deepEqual(moving(stage), ['0 to 1,2,4 (DECOMMISSION)'])
  await stage.pass(8_000, 1, 3, 4, 5)
  await catchUp(stage)
  assert.deepEqual(stage.partition('t').isr, [1, 3, 4])
  await stage.pass(RECOVERY_MS, 1, 3, 4, 5)
  assert.deepEqual(moving(stage), ['0 to 1,4,3 (RECOVERY)'])
  await catchUp(stage)
  await stage.pass(1_000, 1, 3, 4, 5)
  assert.deepEqual(moving(stage), ['0 to 1,4,5 (DECOMMISSION)'])
  await catchUp(stage)
  assert.deepEqual(stage.partition('t').isr, [1, 4, 5])
})

test('a move that only the added replica can go on with is not given up, though another taker is lost', async () => {
  const stage = await withoutTwo()
  await stage.proposer.propose(stage.isrIs('t', [1, 4]))
  const before = stage.log.length
  await stage.pass(RECOVERY_MS + 8_000, 4)
  assert.deepEqual([stage.partition('t').leader, stage.partition('t').isr], [4, [4]])
  assert.deepEqual(moving(stage), ['0 to 1,4,5 (RECOVERY)'])
  assert.equal(stage.log.slice(before).includes('AlterReplicasCommand'), false)
})

describe('a broker that stays away', () => {
  test('has its replicas rebuilt on others after a while, though a third replica is away as well', async () => {
    const { stage } = await staged([1, 2, 3, 4], [[1, 2, 3]])
    await stage.pass(8_000, 2, 4)
    assert.deepEqual(stage.partition('t').isr, [2])
    await stage.pass(RECOVERY_MS - 4_000, 2, 4)
    assert.deepEqual(moving(stage), [])
    await stage.pass(6_000, 2, 4)
    assert.deepEqual(moving(stage), ['0 to 4,2,3 (RECOVERY)'])
    await catchUp(stage)
    assert.deepEqual(
      [stage.partition('t').replicas, stage.partition('t').isr],
      [
        [4, 2, 3],
        [4, 2],
      ],
    )
  })

  test('keeps what has not been rebuilt when it comes back', async () => {
    const { stage } = await staged([1, 2, 3], [[1, 2]])
    await stage.pass(RECOVERY_MS + 8_000, 2, 3)
    assert.deepEqual(moving(stage), ['0 to 3,2 (RECOVERY)'])
    await stage.beat(1)
    await stage.pass(1_000, 1, 2, 3)
    assert.deepEqual([moving(stage), stage.partition('t').replicas], [[], [1, 2]])
  })

  test('and is removed by force has its replicas rebuilt at once', async () => {
    const { stage } = await staged([1, 2, 3], [[1, 2]])
    await stage.beat(1, { wantFence: true })
    await stage.brokers.unregister(1, true, WRITE)
    assert.deepEqual(stage.partition('t').replicas, [1, 2])
    await stage.pass(1_000, 2, 3)
    assert.deepEqual(moving(stage), ['0 to 3,2 (RECOVERY)'])
    await catchUp(stage)
    assert.deepEqual(stage.partition('t').isr, [3, 2])
  })

  test('and another of the same partition are removed: both are replaced at once', async () => {
    const stage = await withoutTwo()
    assert.deepEqual(moving(stage), ['0 to 1,4,5 (RECOVERY)'])
  })

  test('is never replaced when the delay is 0', async () => {
    const { stage } = await staged([1, 2, 3], [[1, 2]], { ...OPTIONS, recoveryDelayMs: 0 })
    await stage.pass(10 * RECOVERY_MS, 2, 3)
    assert.deepEqual(moving(stage), [])
  })
})

describe('a rebalance', () => {
  test('takes an empty broker into use, a few partitions at a time, and ends when the load is even', async () => {
    const { stage, moves } = await staged([1, 2, 3], [[1], [2], [1], [2], [1], [2]])
    const plan = await moves.planRebalance(1_000)
    assert.deepEqual([plan.moves.length, plan.copies, plan.complete], [2, 2, true])
    assert.deepEqual(moving(stage), [], 'a plan changes nothing')
    await moves.rebalance(WRITE)
    await stage.pass(1_000, 1, 2, 3)
    assert.equal(moving(stage).length, 2)
    for (let i = 0; i < 4; i++) {
      await catchUp(stage)
      await stage.pass(1_000, 1, 2, 3)
    }
    const counts = stage.replica.image.replicaCounts()
    assert.deepEqual(
      [1, 2, 3].map(id => counts.get(id)?.replicas),
      [2, 2, 2],
    )
    assert.equal(moves.isRebalancing, false)
  })
})

describe('a rebalance and the next controller', () => {
  /** A rebalance of four moves, one of them begun; then the controller changes. */
  async function changed(level: number) {
    const lists = [[1], [1], [1], [1], [1], [1], [1], [1]]
    const { stage, moves } = await staged([1, 2], lists, { ...OPTIONS, movesMax: 1 })
    const levels = { 'metadata.version': level }
    await stage.proposer.propose({ type: 'UpdateFeaturesCommand', levels })
    await moves.rebalance(WRITE)
    await stage.pass(1_000, 1, 2)
    assert.equal(moving(stage).length, 1)
    moves.end()
    return { stage, next: new AutomaticMoves(OPTIONS, stage.throttledTo(1)) }
  }

  async function held(stage: Stage): Promise<(number | undefined)[]> {
    for (let i = 0; i < 8; i++) {
      await catchUp(stage)
      await stage.pass(1_000, 1, 2)
    }
    return [1, 2].map(id => stage.replica.image.replicaCounts().get(id)?.replicas)
  }

  test('from level 2 on the next one goes on until the load is even', async () => {
    const { stage, next } = await changed(2)
    assert.deepEqual([next.isRebalancing, next.rebalanceIsKept], [true, true])
    assert.deepEqual(await held(stage), [4, 4])
    assert.deepEqual([next.isRebalancing, stage.replica.image.cluster.rebalance], [false, null])
  })

  test('before, what was begun goes on, and the rest is forgotten', async () => {
    const { stage, next } = await changed(1)
    assert.deepEqual([next.isRebalancing, next.rebalanceIsKept], [false, false])
    assert.deepEqual(await held(stage), [7, 1])
  })

  test('one that is stopped begins nothing more', async () => {
    const { stage, next } = await changed(2)
    await next.stopRebalance(WRITE)
    assert.equal(next.isRebalancing, false)
    assert.deepEqual(await held(stage), [7, 1])
  })

  test('is stopped once by a keyed write, which may be repeated, at every level', async () => {
    for (const level of [1, 2]) {
      const { next } = await changed(level)
      await next.rebalance(WRITE)
      const keyed = { ...WRITE, idempotency: { key: 'one', request: 'DELETE /rebalance' } }
      await next.stopRebalance(keyed)
      assert.equal(next.isRebalancing, false)
      await next.stopRebalance(keyed)
      await assert.rejects(next.stopRebalance(WRITE), { code: 'NO_REASSIGNMENT_IN_PROGRESS' })
    }
  })

  test('one that began before the level was raised ends all the same', async () => {
    const { stage, next } = await changed(1)
    await next.rebalance(WRITE)
    await stage.proposer.propose({ type: 'UpdateFeaturesCommand', levels: { 'metadata.version': 2 } })
    assert.deepEqual(await held(stage), [4, 4])
    assert.equal(next.isRebalancing, false)
  })
})

describe('while a rebalance is planned', () => {
  /** So many partitions that the plan takes more than one turn; `meanwhile` happens in between. */
  async function planned(meanwhile: (stage: Stage, moves: AutomaticMoves) => void): Promise<Stage> {
    const lists = Array(10_000).fill([1, 2])
    const { stage, moves } = await staged([1, 2, 3], lists, { recoveryDelayMs: 0, movesMax: 3 })
    await stage.withTopic('u', lists)
    await moves.rebalance(WRITE)
    const { clock } = stage
    const afterPending = clock.afterPending.bind(clock)
    let once = () => meanwhile(stage, moves)
    clock.afterPending = callback => {
      once()
      once = () => {}
      afterPending(callback)
    }
    await clock.pass(1_000)
    for (let turns = 0; turns < 20; turns++) await clock.runPending()
    moves.end()
    return stage
  }

  test('its moves are what is found to be uneven', async () => {
    assert.equal(moving(await planned(() => {})).length, 3)
  })

  test('what an operator did to its partitions stands', async () => {
    const resize = (stage: Stage) => {
      const changes = [0, 1, 2, 3].map(partition => ({ topic: 't', partition, replicas: [1] }))
      void stage.proposer.propose({ type: 'AlterReplicasCommand', cause: 'MANUAL', changes })
    }
    const stage = await planned(resize)
    const lists = [0, 1, 2, 3].map(id =>
      stage.replica.image.partition(stage.replica.image.topic('t')!.rows[id]!),
    )
    assert.deepEqual(
      lists.map(({ replicas, reassignment }) => (reassignment?.target ?? replicas).length),
      [1, 1, 1, 1],
    )
  })

  test('and is stopped, nothing is begun', async () => {
    const stage = await planned((_, moves) => void moves.stopRebalance(WRITE))
    assert.deepEqual(moving(stage), [])
  })
})

test('a rebalance leaves alone what names a broker that was removed, and ends', async () => {
  const { stage, moves } = await staged([1, 2, 3], Array(6).fill([1, 2]), {
    recoveryDelayMs: 0,
    movesMax: 100,
  })
  await stage.pass(8_000, 1, 3)
  await stage.brokers.unregister(2, true, WRITE)
  const before = stage.log.length
  await moves.rebalance(WRITE)
  await stage.pass(3_000, 1, 3)
  assert.deepEqual([moves.isRebalancing, stage.log.slice(before)], [false, []])
})

test('a move that something else overtook is decided anew', async () => {
  const { stage } = await staged([1, 2, 3], [[1, 2]])
  const levels = { 'metadata.version': FEATURES['metadata.version'].max }
  await stage.proposer.propose({ type: 'UpdateFeaturesCommand', levels })
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  const results: unknown[] = []
  const propose = stage.proposer.propose.bind(stage.proposer)
  let overtakes = true
  stage.proposer.propose = async (intent, write) => {
    const isMove = intent.type === 'AlterReplicasCommand' && intent.cause === 'DECOMMISSION'
    if (isMove && overtakes) await propose(stage.isrIs('t', [2]))
    overtakes &&= !isMove
    const plan = await propose(intent, write)
    if (isMove) results.push(...plan.results!.map(result => result?.rejected ?? null))
    return plan
  }
  await stage.pass(2_000, 1, 2, 3)
  assert.deepEqual(results, ['INVALID_UPDATE_VERSION', null])
  assert.deepEqual(moving(stage), ['0 to 3,2 (DECOMMISSION)'])
})

test('an operator takes over what the controller is moving, and is not disturbed', async () => {
  const { stage } = await staged([1, 2, 3, 4], [[1, 2]])
  await stage.brokers.drain(1, 'DECOMMISSION', WRITE)
  await stage.pass(1_000, 1, 2, 3, 4)
  assert.equal(moving(stage).length, 1)
  await stage.proposer.propose({
    type: 'AlterReplicasCommand',
    cause: 'MANUAL',
    changes: [{ topic: 't', partition: 0, replicas: [4, 3] }],
  })
  await stage.pass(3_000, 1, 2, 3, 4)
  assert.deepEqual(moving(stage), ['0 to 4,3 (MANUAL)'])
})

test('a rebalance is under way until its last replica is copied', async () => {
  const { stage, moves } = await staged([1, 2, 3], [[1], [2], [1], [2], [1], [2]], {
    ...OPTIONS,
    movesMax: 100,
  })
  await moves.rebalance(WRITE)
  await stage.pass(1_000, 1, 2, 3)
  assert.equal(moving(stage).length, 2)
  await stage.pass(1_000, 1, 2, 3)
  await stage.pass(1_000, 1, 2, 3)
  assert.equal(moves.isRebalancing, true)
  await catchUp(stage)
  await stage.pass(1_000, 1, 2, 3)
  assert.deepEqual([moving(stage), moves.isRebalancing], [[], false])
})
