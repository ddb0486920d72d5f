import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ErrorCode } from '../../../../src/base/errors.ts'
import { PARTITIONS_PER_REQUEST_MAX } from '../../../../src/metadata/commands/create-topic.ts'
import { renderTopic } from '../../../../src/metadata/render.ts'
import { REPLICATION_FACTOR_MAX } from '../../../../src/metadata/replication.ts'
import { Machine, newTopic } from '../machine.ts'

test('a topic is created with all its partitions, led by the first replica, with every active replica in sync', () => {
  const machine = new Machine().withBrokers(1, 2, 3)
  const config = { 'retention.ms': ' 060 ', 'cleanup.policy': 'delete,compact' }
  machine.accept({
    ...newTopic(
      'orders',
      [
        [1, 2],
        [3, 1],
      ],
      config,
    ),
    time: 77_000,
  })
  const times = { createdAt: 77_000, modifiedAt: 77_000 }
  const partition = {
    leaderEpoch: 0,
    partitionEpoch: 0,
    elr: [],
    lastKnownLeader: null,
    offlineReplicas: [],
    addingReplicas: [],
    removingReplicas: [],
    reassignment: null,
    ...times,
  }
  assert.deepEqual(renderTopic(machine.image, machine.image.topic('orders')!), {
    topicName: 'orders',
    topicId: 'id of orders',
    numPartitions: 2,
    replicationFactor: 2,
    config: { 'retention.ms': '60', 'cleanup.policy': 'compact,delete' },
    ...times,
    partitions: [
      { id: 0, leader: 1, replicas: [1, 2], isr: [1, 2], ...partition },
      { id: 1, leader: 3, replicas: [3, 1], isr: [3, 1], ...partition },
    ],
  })
  assert.equal(machine.image.topicById('id of orders')?.name, 'orders')
  assert.deepEqual(machine.image.topicNames, ['orders'])
})

test('a replica on a broker that went OFFLINE since it was chosen is not in the ISR, and does not lead', () => {
  const machine = new Machine().withBrokers(1, 2)
  machine.setStatus(1, 'OFFLINE')
  machine.withTopic('t', [[1, 2]])
  assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
  assert.deepEqual(machine.partition('t').offlineReplicas, [1])
})

describe('is rejected', () => {
  const machine = new Machine().withBrokers(1, 2, 3).withTopic('a.b', [[1]])
  machine.setStatus(3, 'OFFLINE')

  for (const name of ['', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250), 'a\n', 'a\0'])
    test(`a name that is not legal: ${JSON.stringify(name.slice(0, 10))}`, () => {
      const { message } = machine.refuse(newTopic(name, [[1]]), 'INVALID_TOPIC')
      assert.match(message, /is not legal: a topic name has 1 to 249 characters/)
    })

  test('a name that is taken', () => {
    machine.refuse({ ...newTopic('a.b', [[1]]), topicId: 'new' }, 'TOPIC_ALREADY_EXISTS')
  })

  test('a name that differs from another only in "." and "_", naming the other', () => {
    assert.match(machine.refuse(newTopic('a_b', [[1]]), 'INVALID_TOPIC').message, /from topic a\.b only/)
  })

  test('a topic id that is taken: writing it would end every node', () => {
    const twin = { ...newTopic('c', [[1]]), topicId: 'id of a.b' }
    assert.match(machine.refuse(twin, 'TOPIC_ALREADY_EXISTS').message, /id of a\.b belongs to topic a\.b/)
  })

  const cases: [string, number[][], ErrorCode, RegExp][] = [
    ['no partitions', [], 'INVALID_PARTITIONS', /^0 partitions; expected 1 to 10000/],
    [
      'more partitions than one request may have',
      Array<number[]>(PARTITIONS_PER_REQUEST_MAX + 1).fill([1]),
      'INVALID_PARTITIONS',
      /10001 partitions/,
    ],
    ['no replicas', [[]], 'INVALID_REPLICA_ASSIGNMENT', /partition 0: .*expected 1 to 30 brokers/],
    [
      'more replicas than a partition may have',
      [Array.from({ length: REPLICATION_FACTOR_MAX + 1 }, (_, i) => i)],
      'INVALID_REPLICA_ASSIGNMENT',
      /expected 1 to 30 brokers/,
    ],
    [
      'another number of replicas than for the first partition',
      [[1, 2], [1]],
      'INVALID_REPLICA_ASSIGNMENT',
      /partition 1: .*expected 2 brokers/,
    ],
    ['a broker twice', [[2, 2]], 'INVALID_REPLICA_ASSIGNMENT', /named twice/],
    ['a broker that is not registered', [[1, 9]], 'INVALID_REPLICA_ASSIGNMENT', /not registered: 9/],
    ['brokers none of which is ONLINE', [[1], [3]], 'NOT_ENOUGH_BROKERS', /: broker 3 is not ONLINE/],
  ]
  for (const [what, assignments, code, why] of cases)
    test(what, () => assert.match(machine.refuse(newTopic('new', assignments), code).message, why))

  test('a config that is not legal', () => {
    machine.refuse(newTopic('new', [[1]], { 'retention.ms': 'soon' }), 'INVALID_CONFIG')
    machine.refuse(newTopic('new', [[1]], { nothing: '1' }), 'INVALID_CONFIG')
  })

  test('a minimum of in-sync replicas that can never be met', () => {
    const { message } = machine.refuse(
      newTopic('new', [[1, 2]], { 'min.insync.replicas': '3' }),
      'INVALID_CONFIG',
    )
    assert.match(message, /is 3, but the topic has only 2 replicas/)
  })
})

test('the longest name and the most partitions of one request are accepted', () => {
  const machine = new Machine().withBrokers(1)
  const assignments = Array<number[]>(PARTITIONS_PER_REQUEST_MAX).fill([1])
  machine.withTopic('x'.repeat(249), assignments)
  assert.equal(machine.image.partitionCount, PARTITIONS_PER_REQUEST_MAX)
})

test('the most replicas that a partition may have fit into its masks, and every one of them can lead', () => {
  const machine = new Machine()
  const replicas = Array.from({ length: REPLICATION_FACTOR_MAX }, (_, i) => i + 1)
  machine.withBrokers(...replicas).withTopic('t', [replicas], { 'min.insync.replicas': '30' })
  for (const brokerId of replicas) {
    assert.equal(machine.led('t').leader, brokerId)
    machine.setStatus(brokerId, 'OFFLINE')
  }
  assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: replicas, last: 30 })
  machine.setStatus(30, 'ONLINE')
  assert.deepEqual(machine.led('t'), { leader: 30, isr: [30], elr: replicas.slice(0, -1), last: null })
})
