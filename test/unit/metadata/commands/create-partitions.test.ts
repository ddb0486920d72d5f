import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PARTITIONS_PER_REQUEST_MAX } from '../../../../src/metadata/commands/create-topic.ts'
import { type Intent, Machine } from '../machine.ts'

function add(from: number, assignments: readonly (readonly number[])[], topicName = 't'): Intent {
  return { type: 'CreatePartitionsCommand', topicName, from, assignments }
}

function twoPartitions(): Machine {
  return new Machine().withBrokers(1, 2, 3).withTopic('t', [
    [1, 2],
    [2, 3],
  ])
}

test('partitions are added behind those that exist, which stay as they are', () => {
  const machine = twoPartitions()
  const before = machine.partition('t', 1)
  machine.accept({
    ...add(2, [
      [3, 1],
      [1, 3],
    ]),
    time: 99_000,
  })
  assert.deepEqual(machine.partition('t', 1), before)
  const { leader, isr, replicas, leaderEpoch, partitionEpoch, createdAt } = machine.partition('t', 3)
  assert.deepEqual([leader, isr, replicas], [1, [1, 3], [1, 3]])
  assert.deepEqual([leaderEpoch, partitionEpoch, createdAt], [0, 0, 99_000])
  const topic = machine.image.topic('t')!
  assert.deepEqual([topic.rows.length, topic.createdAt, topic.modifiedAt], [4, 4_000, 99_000])
})

test('partitions that are added twice are added once: the second increase has seen another count', () => {
  const machine = twoPartitions()
  machine.accept(add(2, [[3, 1]]))
  const { message } = machine.refuse(add(2, [[3, 1]]), 'INVALID_PARTITIONS')
  assert.match(message, /has 3 partitions, not 2: .*Look again, then repeat/)
})

describe('is rejected', () => {
  const machine = twoPartitions()
  machine.setStatus(3, 'OFFLINE')

  test('a topic that does not exist', () => {
    machine.refuse(add(0, [[1]], 'nosuch'), 'UNKNOWN_TOPIC')
  })

  for (const from of [0, 1, 3])
    test(`a count that is not the present one: ${from}`, () => {
      machine.refuse(add(from, [[1, 2]]), 'INVALID_PARTITIONS')
    })

  test('no partitions, and too many of them', () => {
    machine.refuse(add(2, []), 'INVALID_PARTITIONS')
    const many = Array<number[]>(PARTITIONS_PER_REQUEST_MAX + 1).fill([1, 2])
    machine.refuse(add(2, many), 'INVALID_PARTITIONS')
  })

  test('another number of replicas than the topic has', () => {
    const { message } = machine.refuse(add(2, [[1]]), 'INVALID_REPLICA_ASSIGNMENT')
    assert.match(message, /1 replica given, topic t has 2 of each/)
  })

  test('a replica list that is not legal, by the id that the partition would have', () => {
    for (const replicas of [
      [1, 1],
      [1, 9],
      [1, 2, 3],
    ])
      assert.match(
        machine.refuse(add(2, [[1, 2], replicas]), 'INVALID_REPLICA_ASSIGNMENT').message,
        /^partition 3: /,
      )
  })

  test('brokers none of which is ONLINE', () => {
    machine.setStatus(2, 'OFFLINE')
    machine.refuse(add(2, [[2, 3]]), 'NOT_ENOUGH_BROKERS')
  })
})
