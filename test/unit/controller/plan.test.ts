import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DmqError } from '../../../src/base/errors.ts'
import { type Plan, planOf } from '../../../src/controller/plan/plan.ts'
import { commandsFor, notesOn, type Planned } from '../../../src/controller/plan/planned.ts'
import type { Intent as ControllerIntent } from '../../../src/controller/proposer.ts'
import type { Replica } from '../../../src/controller/replica.ts'
import { renderImage, renderTopic } from '../../../src/metadata/render.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { newTopic, plainBroker } from '../metadata/machine.ts'
import { Told } from './told.ts'

/** A clock between whose turns something else may happen. */
class BusyClock extends FakeClock {
  between = (): void => {}

  override afterPending(callback: () => void): void {
    this.between()
    queueMicrotask(callback)
  }
}

const NO_PLACEMENT = (): ControllerIntent => assert.fail('nothing is to be placed')

function planned(
  told: Told,
  what: Planned,
  clock = new BusyClock(),
  replica: Replica = told.replica,
): Promise<Plan> {
  return planOf({ replica, clock }, image => commandsFor(image, what, NO_PLACEMENT))
}

function racks(): Told {
  const told = new Told()
  for (const [brokerId, rack] of [
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
    [4, 'b'],
  ] as const)
    told.accept(plainBroker(brokerId, { rack }))
  return told
}

test('the loss of a broker: what changes, who leads, what is short; and nothing is done', async () => {
  const told = racks()
    .withTopic('alone', [[1]])
    .withTopic(
      'orders',
      [
        [1, 3],
        [3, 1],
        [2, 4],
      ],
      { 'min.insync.replicas': '2' },
    )
  const before = renderImage(told.image)
  const { version, refused, outcome } = await planned(told, { action: 'lose-broker', brokerId: 1 })
  assert.deepEqual(renderImage(told.image), before)
  assert.deepEqual([version, refused], [told.index, []])
  assert.equal(outcome.changed.count, 3)
  assert.equal(outcome.newLeaders, 1)
  assert.deepEqual([outcome.leaderless.count, outcome.leaderless.first], [1, ['alone-0']])
  assert.deepEqual(outcome.underMinIsr.first, ['orders-0', 'orders-1'])
  assert.deepEqual(
    outcome.brokers.map(({ brokerId, before, after }) => [brokerId, before.leaders, after.leaders]),
    [
      [1, 2, 0],
      [2, 1, 1],
      [3, 1, 2],
      [4, 0, 0],
    ],
  )
  const orders = outcome.changed.first.find(({ topic, partition }) => topic === 'orders' && partition === 0)!
  assert.deepEqual([orders.before!.leader, orders.after!.leader, orders.after!.isr], [1, 3, [3]])
})

test('what is planned is what happens', async () => {
  for (const rack of ['a', 'b']) {
    const told = racks().withTopic(
      'orders',
      [
        [1, 2],
        [1, 3],
        [2, 1],
        [3, 2],
        [4, 1],
        [2, 3],
      ],
      { 'min.insync.replicas': '2' },
    )
    const { outcome } = await planned(told, { action: 'lose-rack', rack })
    for (const { brokerId } of told.image.brokers().filter(broker => broker.rack === rack))
      told.lose(brokerId)
    const after = renderTopic(told.image, told.image.topic('orders')!).partitions
    for (const { partition, after: expected } of outcome.changed.first) {
      const { leader, isr, elr, leaderEpoch, partitionEpoch, replicas } = after[partition]!
      // Epochs of one command more or less are the same: each partition changes once with each broker.
      assert.deepEqual(expected, { leader, isr, elr, leaderEpoch, partitionEpoch, replicas })
    }
    assert.deepEqual(
      [...outcome.leaderless.first].sort(),
      after.filter(({ leader }) => leader === null).map(({ id }) => `orders-${id}`),
    )
    const counts = told.image.replicaCounts()
    for (const { brokerId, after: load } of outcome.brokers)
      assert.equal(load.leaders, counts.get(brokerId)?.leaders ?? 0)
  }
})

test('a drain hands over what others can lead', async () => {
  const told = racks()
    .withTopic('alone', [[1]])
    .withTopic('orders', [[1, 3]])
  const { outcome } = await planned(told, { action: 'drain', brokerId: 1 })
  assert.deepEqual([outcome.changed.count, outcome.newLeaders, outcome.leaderless.count], [1, 1, 0])
})

test('a move counts where it goes', async () => {
  const told = racks().withTopic('orders', [[1, 3]])
  const changes = [
    { topic: 'orders', partition: 0, replicas: [2, 3] },
    { topic: 'orders', partition: 9, replicas: [2, 3] },
  ]
  const { outcome, refused } = await planned(told, { action: 'reassign', changes })
  assert.deepEqual(
    refused.map(({ rejected }) => rejected),
    ['UNKNOWN_PARTITION'],
  )
  assert.deepEqual(outcome.changed.first[0]!.after!.replicas, [2, 3])
  assert.deepEqual(
    outcome.brokers.map(({ after }) => after.replicas),
    [0, 1, 1, 0],
  )
})

test('a new topic is counted with its partitions', async () => {
  const told = racks()
  const place = () =>
    newTopic('orders', [
      [1, 2],
      [2, 3],
    ]) as ControllerIntent
  const topic = { topicName: 'orders', config: {}, numPartitions: 2, replicationFactor: 2 }
  const { outcome } = await planOf({ replica: told.replica, clock: new BusyClock() }, image =>
    commandsFor(image, { action: 'create-topic', topic }, place),
  )
  assert.equal(told.image.topic('orders'), undefined)
  assert.deepEqual([outcome.changed.count, outcome.newLeaders, outcome.leaderless.count], [2, 0, 0])
  assert.deepEqual(
    outcome.changed.first.map(({ before, after }) => [before, after!.leader]),
    [
      [null, 1],
      [null, 2],
    ],
  )
  assert.deepEqual(
    outcome.brokers.map(({ after }) => [after.leaders, after.replicas]),
    [
      [1, 1],
      [1, 2],
      [0, 1],
      [0, 0],
    ],
  )
})

test('a plan is refused with the error that the operation would get', async () => {
  const told = racks().withTopic('orders', [[1, 2]])
  const cases: [Planned, string][] = [
    [{ action: 'remove-broker', brokerId: 1, force: true }, 'BROKER_HAS_REPLICAS'],
    [{ action: 'remove-broker', brokerId: 9, force: false }, 'UNKNOWN_BROKER'],
    [{ action: 'lose-broker', brokerId: 9 }, 'UNKNOWN_BROKER'],
    [{ action: 'drain', brokerId: 9 }, 'UNKNOWN_BROKER'],
  ]
  for (const [what, code] of cases)
    await assert.rejects(planned(told, what), (error: DmqError) => error.code === code)
  await assert.rejects(planned(told, { action: 'lose-rack', rack: 'z' }), {
    code: 'UNKNOWN_RACK',
    message: 'no broker is in rack "z": the racks are "a", "b"',
  })
  told.lose(1)
  const { outcome } = await planned(told, { action: 'remove-broker', brokerId: 1, force: true })
  assert.equal(outcome.changed.count, 0)
})

test('a large plan lets others go on; when the metadata changed meanwhile it is made anew, and given up at last', async () => {
  const many = Array<number[]>(9_000).fill([1, 2])
  const told = racks().withTopic('orders', many)
  const clock = new BusyClock()
  let turns = 0
  clock.between = () => {
    if (turns++ === 0) told.withTopic('meanwhile', [[1, 2]])
  }
  const { version, outcome } = await planned(told, { action: 'lose-rack', rack: 'a' }, clock)
  assert.equal(version, told.index)
  assert.equal(outcome.leaderless.count, 9_001)
  assert(turns > 2)
  clock.between = () => void told.withTopic(`t${told.index}`, [[1, 2]])
  await assert.rejects(
    planned(told, { action: 'lose-rack', rack: 'a' }, clock),
    (error: DmqError) => error.code === 'OVERLOADED',
  )
})

test('what changes while the outcome is counted is no part of it', async () => {
  const told = racks().withTopic('orders', Array<number[]>(9_000).fill([1, 2]))
  const expected = await planned(told, { action: 'lose-broker', brokerId: 1 })
  const clock = new BusyClock()
  clock.between = () => {
    if (told.image.topic('orders') !== undefined)
      told.accept({ type: 'DeleteTopicCommand', topicName: 'orders' })
  }
  assert.deepEqual(await planned(told, { action: 'lose-broker', brokerId: 1 }, clock), expected)
  assert.equal(told.image.topic('orders'), undefined)
})

test('a loss that has happened is said to have, and changes nothing', async () => {
  const told = racks().withTopic('orders', [[1, 3]])
  const lost = { action: 'lose-broker', brokerId: 1 } as const
  assert.deepEqual(notesOn(told.image, lost), [])
  told.lose(1)
  const note =
    'broker 1 is OFFLINE already (no heartbeat for 6000 ms): what its loss means has happened, so it would change nothing more'
  assert.deepEqual(notesOn(told.image, lost), [note])
  assert.deepEqual(notesOn(told.image, { action: 'lose-rack', rack: 'a' }), [note])
  assert.deepEqual(notesOn(told.image, { action: 'lose-rack', rack: 'b' }), [])
  assert.deepEqual(notesOn(told.image, { action: 'drain', brokerId: 1 }), [])
  assert.equal((await planned(told, lost)).outcome.changed.count, 0)
})
