import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerLoads, placementView } from '../../../../src/controller/placement/image-view.ts'
import { planRebalance } from '../../../../src/controller/placement/rebalance.ts'
import { Machine, newTopic } from '../../metadata/machine.ts'

function machine(): Machine {
  return new Machine()
    .withBrokers(3, 1, 2)
    .withTopic('b', [
      [1, 2],
      [1, 2],
    ])
    .withTopic('a', [[2, 1]])
}

test('a view has brokers by id with what they hold and lead by order, and topics by name', () => {
  const { image } = machine()
  const view = placementView(image)
  assert.deepEqual(
    view.brokers.map(({ brokerId, replicas, leaders }) => [brokerId, replicas, leaders]),
    [
      [1, 3, 2],
      [2, 3, 1],
      [3, 0, 0],
    ],
  )
  const topics = [...view.topics].map(({ name, rows }) => [name, rows.map(row => view.replicas(row))])
  assert.deepEqual(topics, [
    ['a', [[2, 1]]],
    [
      'b',
      [
        [1, 2],
        [1, 2],
      ],
    ],
  ])
})

test('who leads for the time being does not count, for that passes', () => {
  const { image } = machine()
  const before = brokerLoads(image).map(({ leaders }) => leaders)
  const stopped = machine()
  stopped.setStatus(1, 'OFFLINE')
  const after = brokerLoads(stopped.image)
  assert.deepEqual(
    after.map(({ leaders }) => leaders),
    before,
  )
  assert.deepEqual(
    after.map(({ unavailable }) => unavailable),
    ['OFFLINE', null, null],
  )
})

test('a partition that is being reassigned counts where it goes', () => {
  const moved = machine()
  const changes = [{ topic: 'b', partition: 1, replicas: [1, 3] }]
  moved.accept({ type: 'AlterReplicasCommand', cause: 'MANUAL', changes })
  const view = placementView(moved.image)
  const row = view.topics.at(1)!.rows[1]!
  assert.equal(view.isReassigning(row), true)
  assert.deepEqual(
    [view.replicas(row), view.held(row)],
    [
      [1, 3],
      [1, 2, 3],
    ],
  )
  assert.deepEqual(
    view.brokers.map(({ replicas, leaders }) => [replicas, leaders]),
    [
      [3, 2],
      [2, 1],
      [1, 0],
    ],
  )
})

test('a view stays as it is while the image goes on changing', () => {
  const changing = machine()
  const view = placementView(changing.image)
  const plan = planRebalance(view)
  changing.accept({ type: 'DeleteTopicCommand', topicName: 'b' })
  changing.accept(newTopic('c', [[3], [3], [3], [3]]))
  assert.deepEqual(planRebalance(view), plan)
  assert.equal(plan.moves.length > 0, true)
})
