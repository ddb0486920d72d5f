import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DmqError } from '../../../src/base/errors.ts'
import { SESSION_MS, Stage } from './stage.ts'

const isCode = (code: string) => (error: unknown) => error instanceof DmqError && error.code === code

describe('a broker starts', () => {
  test('fenced, until a heartbeat shows that it has applied its own registration', async () => {
    const stage = new Stage()
    await stage.register(1, 'a')
    assert.equal(stage.status(1), 'OFFLINE')
    await stage.beat(1, { metadataVersion: stage.epoch(1) - 1 })
    assert.equal(stage.status(1), 'OFFLINE')
    await stage.beat(1, { metadataVersion: stage.epoch(1) })
    assert.equal(stage.status(1), 'ONLINE')
  })

  test('and is caught up with its registration even while the metadata runs away from it', async () => {
    const stage = await new Stage().withBrokers(2)
    await stage.register(1, 'a')
    const epoch = stage.epoch(1)
    await stage.withTopic('t', [[2]])
    await stage.beat(1, { metadataVersion: epoch })
    assert.equal(stage.status(1), 'ONLINE')
  })

  test('a second process with its id is refused while the first one answers, and not when that is gone', async () => {
    const stage = await new Stage().withBrokers(1)
    await assert.rejects(stage.register(1, 'another'), isCode('DUPLICATE_BROKER'))
    stage.found.set(1, 'refused')
    assert.equal(await stage.register(1, 'another'), true)
  })

  test('the same process registers again as often as it likes, and keeps its epoch', async () => {
    const stage = await new Stage().withBrokers(1)
    const epoch = stage.epoch(1)
    assert.equal(await stage.register(1, 'process 1'), false)
    assert.deepEqual([stage.epoch(1), stage.status(1)], [epoch, 'ONLINE'])
  })
})

describe('a broker dies', () => {
  test('in silence: it is late at half its session, and fenced at the end of it', async () => {
    const stage = await new Stage().withBrokers(1, 2)
    await stage.pass(SESSION_MS / 2 + 1_000, 2)
    assert.equal(stage.status(1), 'ONLINE')
    assert.equal(stage.brokers.isUnreachable(stage.replica.image.broker(1)!), true)
    assert.equal(stage.brokers.isUnreachable(stage.replica.image.broker(2)!), false)
    await stage.pass(SESSION_MS / 2, 2)
    assert.deepEqual([stage.status(1), stage.status(2)], ['OFFLINE', 'ONLINE'])
    assert.match(stage.replica.image.broker(1)!.statusReason, /no heartbeat for 6000 ms/)
  })

  test('or not quite: it is counted each time that it is late, until it is heard or fenced', async () => {
    const stage = await new Stage().withBrokers(1, 2)
    assert.deepEqual([stage.brokers.unreachable(), stage.late], [[], []])
    await stage.pass(SESSION_MS / 2 + 1_000, 2)
    assert.deepEqual([stage.brokers.unreachable(), stage.late], [[1], [1]])
    await stage.beat(1)
    assert.deepEqual(stage.brokers.unreachable(), [])
    await stage.pass(SESSION_MS / 2 + 1_000, 2)
    assert.deepEqual([stage.brokers.unreachable(), stage.late], [[1], [1, 1]])
    await stage.pass(SESSION_MS / 2, 2)
    assert.deepEqual([stage.status(1), stage.brokers.unreachable(), stage.late], ['OFFLINE', [], [1, 1]])
  })

  test('with its connection, when its address refuses: fenced at once', async () => {
    const stage = await (await new Stage().withBrokers(1, 2, 3)).withTopic('t', [[1, 2, 3]])
    stage.found.set(1, 'refused')
    stage.brokers.connectionLost(1, stage.epoch(1))
    await stage.clock.pass(100)
    assert.equal(stage.status(1), 'OFFLINE')
    assert.match(stage.replica.image.broker(1)!.statusReason, /its process is gone/)
    assert.equal(stage.partition('t').leader, 2)
  })

  test('with its connection, when another process answers there: fenced at once', async () => {
    const stage = await new Stage().withBrokers(1, 2, 3)
    stage.found.set(1, 'somebody else')
    stage.brokers.connectionLost(1, stage.epoch(1))
    await stage.clock.pass(100)
    assert.match(stage.replica.image.broker(1)!.statusReason, /another process answers/)
  })

  for (const found of ['silent', 'process 1'])
    test(`not yet, when its connection is lost and what answers is ${found}`, async () => {
      const stage = await new Stage().withBrokers(1, 2, 3)
      stage.found.set(1, found)
      stage.brokers.connectionLost(1, stage.epoch(1))
      await stage.clock.pass(2_000)
      assert.equal(stage.status(1), 'ONLINE')
    })

  test('not at all, when the lost connection was of an earlier incarnation', async () => {
    const stage = await new Stage().withBrokers(1, 2, 3)
    stage.found.set(1, 'refused')
    stage.brokers.connectionLost(1, stage.epoch(1) - 1)
    await stage.clock.pass(100)
    assert.equal(stage.status(1), 'ONLINE')
  })

  test('not at all, when it was heard again after its connection broke', async () => {
    const stage = await new Stage().withBrokers(1, 2, 3)
    stage.found.set(1, 'refused')
    stage.brokers.connectionLost(1, stage.epoch(1))
    await stage.clock.pass(10)
    await stage.beat(1)
    await stage.clock.pass(100)
    assert.equal(stage.status(1), 'ONLINE')
  })

  test('most of them at the same moment: the controller suspects itself, and waits for their sessions', async () => {
    const stage = await new Stage().withBrokers(1, 2, 3)
    for (const brokerId of [1, 2]) {
      stage.found.set(brokerId, 'refused')
      stage.brokers.connectionLost(brokerId, stage.epoch(brokerId))
    }
    await stage.clock.pass(2_000)
    assert.deepEqual([stage.status(1), stage.status(2), stage.told], ['ONLINE', 'ONLINE', ['manyLost']])
    await stage.pass(SESSION_MS, 3)
    assert.deepEqual(
      [1, 2, 3].map(id => stage.status(id)),
      ['OFFLINE', 'OFFLINE', 'ONLINE'],
    )
  })

  test('a rack of them, a third of all: each is fenced at once', async () => {
    const stage = await new Stage().withBrokers(1, 2, 3, 4, 5, 6)
    for (const brokerId of [1, 2]) {
      stage.found.set(brokerId, 'refused')
      stage.brokers.connectionLost(brokerId, stage.epoch(brokerId))
    }
    await stage.clock.pass(100)
    assert.deepEqual(
      [1, 2, 3].map(id => stage.status(id)),
      ['OFFLINE', 'OFFLINE', 'ONLINE'],
    )
  })
})

describe('a new controller', () => {
  async function takenOver(found: Record<number, string>): Promise<Stage> {
    const old = await new Stage().withBrokers(1, 2, 3)
    const pieces = [...old.replica.capture()]
    return new Stage(stage => {
      const restoration = stage.replica.restore()
      for (const piece of pieces) restoration.take(piece)
      restoration.install()
      for (const [brokerId, process] of Object.entries(found)) stage.found.set(Number(brokerId), process)
    })
  }

  test('gives every broker a full session', async () => {
    const stage = await takenOver({})
    await stage.clock.pass(SESSION_MS - 500)
    assert.deepEqual(
      [1, 2, 3].map(id => stage.status(id)),
      ['ONLINE', 'ONLINE', 'ONLINE'],
    )
    await stage.clock.pass(1_000)
    assert.deepEqual(
      [1, 2, 3].map(id => stage.status(id)),
      ['OFFLINE', 'OFFLINE', 'OFFLINE'],
    )
  })

  test('finds who died together with the one before, long before that session is over', async () => {
    const stage = await takenOver({ 1: 'refused', 2: 'process 2', 3: 'process 3' })
    await stage.clock.pass(2_000)
    assert.deepEqual(
      [1, 2, 3].map(id => stage.status(id)),
      ['OFFLINE', 'ONLINE', 'ONLINE'],
    )
  })

  test('believes a sign of life more than an address that refuses', async () => {
    const stage = await takenOver({ 1: 'refused', 2: 'process 2', 3: 'process 3' })
    await stage.clock.pass(500)
    await stage.beat(1)
    await stage.clock.pass(2_000)
    assert.equal(stage.status(1), 'ONLINE')
  })
})

describe('a broker stops', () => {
  test('it leads nothing and leaves every ISR at once, and ends when those who lead instead know', async () => {
    const stage = await (await new Stage().withBrokers(1, 2, 3)).withTopic('t', [[1, 2, 3]])
    for (const id of [2, 3]) await stage.beat(id)
    assert.equal((await stage.beat(1, { wantShutdown: true })).mayStop, false)
    assert.equal(stage.status(1), 'SHUTTING_DOWN')
    assert.deepEqual([stage.partition('t').leader, stage.partition('t').isr], [2, [2, 3]])
    await stage.beat(2)
    assert.equal((await stage.beat(1, { wantShutdown: true })).mayStop, false, 'broker 3 does not know yet')
    stage.pushed.set(3, stage.replica.image.version)
    assert.equal((await stage.beat(1, { wantShutdown: true })).mayStop, true)
    assert.equal(stage.status(1), 'OFFLINE')
  })

  test('and does not wait for ever for one that hangs', async () => {
    const stage = await new Stage().withBrokers(1, 2)
    await stage.beat(1, { wantShutdown: true })
    let mayStop = false
    for (let ms = 0; ms <= SESSION_MS + 1_000 && !mayStop; ms += 500) {
      await stage.clock.pass(500)
      mayStop = (await stage.beat(1, { wantShutdown: true })).mayStop
    }
    assert.equal(mayStop, true)
  })

  test('one that came back in between waits for what its second shutdown changed', async () => {
    const stage = await (await new Stage().withBrokers(1, 2)).withTopic('t', [[1, 2]])
    const { version } = stage.replica.image
    assert.equal((await stage.beat(1, { wantShutdown: true })).mayStop, false)
    for (let i = 0; i < 8; i++) {
      await stage.beat(2, { metadataVersion: version })
      await stage.pass(1_000)
    }
    assert.equal(stage.status(1), 'OFFLINE')
    await stage.beat(1)
    await stage.beat(2)
    assert.equal(stage.status(1), 'ONLINE')
    assert.equal((await stage.beat(1, { wantShutdown: true })).mayStop, false)
    await stage.beat(2)
    assert.equal((await stage.beat(1, { wantShutdown: true })).mayStop, true)
  })

  test('one that ends without waiting is OFFLINE when its session ends', async () => {
    const stage = await new Stage().withBrokers(1, 2)
    await stage.beat(1, { wantShutdown: true })
    await stage.pass(SESSION_MS + 1_000, 2)
    assert.deepEqual(
      [stage.status(1), stage.replica.image.broker(1)!.statusReason],
      ['OFFLINE', 'it stopped'],
    )
  })

  test('one that asks to be fenced is fenced', async () => {
    const stage = await new Stage().withBrokers(1)
    assert.equal((await stage.beat(1, { wantFence: true })).broker.status, 'OFFLINE')
  })
})

test('an end of the leadership ends all of it', async () => {
  const stage = await new Stage().withBrokers(1, 2)
  stage.brokers.end()
  stage.proposer.end()
  await stage.clock.pass(3 * SESSION_MS)
  assert.equal(stage.status(1), 'ONLINE')
  await assert.rejects(stage.register(3, 'c'), isCode('NOT_CONTROLLER'))
  assert.equal(stage.clock.timers, 0)
})
