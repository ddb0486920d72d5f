import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Intent, Machine } from '../machine.ts'

const remove = (topicName: string): Intent => ({ type: 'DeleteTopicCommand', topicName })

test('a topic goes with all its partitions, and leaves the image as if it had never been', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('a', [[1, 2]])
  const { stateHash } = machine.image
  machine.withTopic('b', [
    [1, 2],
    [2, 1],
  ])
  machine.accept(remove('b'))
  assert.equal(machine.image.stateHash, stateHash)
  assert.equal(machine.image.partitionCount, 1)
  assert.deepEqual(machine.image.topicNames, ['a'])
  assert.equal(machine.image.topicById('id of b'), undefined)
  assert.deepEqual(machine.image.replicaCounts().get(2), { leaders: 0, replicas: 1 })
})

test('a name is free again after its topic is gone, and so are those like it', () => {
  const machine = new Machine().withBrokers(1).withTopic('a.b', [[1]])
  machine.accept(remove('a.b'))
  machine.withTopic('a_b', [[1]])
  machine.accept(remove('a_b'))
  machine.withTopic('a.b', [[1]])
})

test('a broker that goes after a topic was deleted does not touch what took the place of its rows', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('a', [[1], [1]])
  machine.accept(remove('a'))
  machine.withTopic('b', [[2]])
  assert.equal(machine.setStatus(1, 'OFFLINE').length, 1)
  assert.equal(machine.led('b').leader, 2)
})

test('a topic that does not exist is rejected, also when it was there once', () => {
  const machine = new Machine().withBrokers(1).withTopic('a', [[1]])
  machine.accept(remove('a'))
  assert.match(machine.refuse(remove('a'), 'UNKNOWN_TOPIC').message, /topic "a" does not exist/)
})
