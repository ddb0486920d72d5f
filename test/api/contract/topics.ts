import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../../src/base/errors.ts'
import { assertError, unchanged } from '../contract.ts'
import {
  at,
  cluster,
  controller,
  created,
  fieldsOf,
  fresh,
  PARTITION,
  TOPIC,
  TOPIC_ROW,
  versionOf,
  write,
} from './shared-cluster.ts'

test('a created topic is answered with its partitions, and read the same at every node', async () => {
  const config = {
    'retention.ms': 60_000,
    'cleanup.policy': 'compact',
    'min.insync.replicas': '2',
    'unclean.leader.election.enable': true,
  }
  const topicName = `Legal.name_with-${'x'.repeat(249 - 16)}`
  assert.equal(topicName.length, 249)
  const answer = await write('POST', '/topics', { topicName, numPartitions: 3, replicationFactor: 2, config })
  assert.equal(answer.status, 201)
  const topic = answer.body
  assert.deepEqual(fieldsOf(topic), TOPIC)
  assert.deepEqual([topic.topicName, topic.numPartitions, topic.replicationFactor], [topicName, 3, 2])
  const texts = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)]))
  assert.deepEqual(topic.config, texts)
  assert.ok(Math.abs(Date.now() - topic.createdAt) < 60_000)
  assert.equal(topic.modifiedAt, topic.createdAt)
  for (const [id, partition] of topic.partitions.entries()) {
    const { replicas } = partition
    assert.deepEqual(fieldsOf(partition), PARTITION)
    assert.deepEqual([...replicas].sort(), [101, 102])
    const expected = { id, leader: replicas[0], leaderEpoch: 0, partitionEpoch: 0, isr: replicas, elr: [] }
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(partition[field], value)
    for (const field of ['offlineReplicas', 'addingReplicas', 'removingReplicas'])
      assert.deepEqual(partition[field], [])
  }
  for (const node of cluster.metadata) {
    const read = await at(node, 'GET', `/topics/${topicName}?minVersion=${versionOf(answer)}`)
    assert.deepEqual(read.body, topic)
  }
})

test('a topic that cannot be is refused, with the reason, and nothing is created', async () => {
  const { topicName } = await created({ topicName: 'taken.name' })
  const body = { topicName: 'other', numPartitions: 1, replicationFactor: 1 }
  const wrong: [ErrorCode, object][] = [
    ['TOPIC_ALREADY_EXISTS', { ...body, topicName }],
    ['TOPIC_ALREADY_EXISTS', { ...body, topicName, replicationFactor: 9 }],
    ['INVALID_TOPIC', { ...body, topicName: 'taken_name' }],
    ['INVALID_TOPIC', { ...body, topicName: '..' }],
    ['INVALID_TOPIC', { ...body, topicName: 'x'.repeat(250) }],
    ['NOT_ENOUGH_BROKERS', { ...body, replicationFactor: 3 }],
    ['INVALID_CONFIG', { ...body, config: { 'min.insync.replicas': 2 } }],
    ['INVALID_CONFIG', { ...body, config: { 'retention.ms': 'long' } }],
    ['INVALID_CONFIG', { ...body, config: { 'retention.bites': 1 } }],
    ['INVALID_PARTITIONS', { ...body, numPartitions: 0 }],
    ['INVALID_REPLICATION_FACTOR', { ...body, replicationFactor: 0 }],
    ['INVALID_REPLICATION_FACTOR', { ...body, replicationFactor: 31 }],
    ['INVALID_REQUEST', { ...body, replicationFactor: 1.5 }],
    ['INVALID_REQUEST', { topicName: 'other' }],
    ['INVALID_REQUEST', { topicName: 'other', numPartitions: 1 }],
    ['INVALID_REQUEST', { topicName: 'other', replicationFactor: 1 }],
    ['INVALID_REQUEST', { ...body, assignments: [[101]] }],
    ['INVALID_REPLICA_ASSIGNMENT', { topicName: 'other', assignments: [[101], [101, 102]] }],
    ['INVALID_REPLICA_ASSIGNMENT', { topicName: 'other', assignments: [[101, 101]] }],
    ['INVALID_REPLICA_ASSIGNMENT', { topicName: 'other', assignments: [[101, 999]] }],
  ]
  for (const [code, request] of wrong) {
    assertError(await write('POST', '/topics', request), code)
    assertError(await write('POST', '/topics', { ...request, validateOnly: true }), code)
  }
  assertError(await at(controller, 'GET', '/topics/other'), 'UNKNOWN_TOPIC')
  const few = await write('POST', '/topics', { ...body, replicationFactor: 3 })
  assert.deepEqual(few.body.error.details, { replicationFactor: 3, available: [101, 102], unavailable: [] })
})

test('assignments place the replicas as they say', async () => {
  const assignments = [
    [102, 101],
    [101, 102],
    [102, 101],
  ]
  const topic = await created({ assignments, numPartitions: undefined, replicationFactor: undefined })
  assert.deepEqual([topic.numPartitions, topic.replicationFactor], [3, 2])
  assert.deepEqual(
    topic.partitions.map(({ replicas }: any) => replicas),
    assignments,
  )
  assert.deepEqual(
    topic.partitions.map(({ leader }: any) => leader),
    [102, 101, 102],
  )
})

test('validateOnly creates nothing', async () => {
  const body = { topicName: fresh(), numPartitions: 4, replicationFactor: 2, validateOnly: true }
  await unchanged([controller], async () => {
    const answer = await write('POST', '/topics', body)
    assert.deepEqual([answer.status, answer.body], [200, { valid: true }])
  })
  assert.equal((await write('POST', '/topics', { ...body, validateOnly: false })).status, 201)
})

test('a config key is set, kept, and with null returned to its default; all keys or none', async () => {
  const { topicName } = await created({ config: { 'retention.ms': 1, 'segment.bytes': 1_000 } })
  const patch = (config: object) => write('PATCH', `/topics/${topicName}`, { config })
  const set = await patch({ 'retention.ms': 2, 'compression.type': 'lz4' })
  assert.deepEqual(set.body.config, {
    'retention.ms': '2',
    'segment.bytes': '1000',
    'compression.type': 'lz4',
  })
  assert.deepEqual(fieldsOf(set.body), TOPIC)
  assert.deepEqual((await patch({ 'segment.bytes': null, 'max.message.bytes': null })).body.config, {
    'retention.ms': '2',
    'compression.type': 'lz4',
  })
  assertError(await patch({ 'retention.ms': 3, 'retention.bytes': 'x' }), 'INVALID_CONFIG')
  assertError(await patch({ 'no.such.key': null }), 'INVALID_CONFIG')
  assertError(await patch({ 'min.insync.replicas': 3 }), 'INVALID_CONFIG')
  const after = await at(controller, 'GET', `/topics/${topicName}`)
  assert.deepEqual(after.body.config, { 'retention.ms': '2', 'compression.type': 'lz4' })
  const same = await patch({ 'retention.ms': '2' })
  assert.deepEqual([same.status, versionOf(same)], [200, versionOf(after)])
  assert.deepEqual([(await patch({})).status, same.body.modifiedAt], [200, after.body.modifiedAt])
  assertError(await write('PATCH', '/topics/nothing', { config: {} }), 'UNKNOWN_TOPIC')
})

test('a deleted topic is gone, and its name is free', async () => {
  const { topicName, topicId } = await created()
  const deleted = await at(controller, 'DELETE', `/topics/${topicName}`, undefined, {
    'content-type': 'application/json',
  })
  assert.deepEqual([deleted.status, deleted.body], [204, null])
  for (const suffix of ['', '/partitions/0', '/partitions/0/leader'])
    assertError(await at(controller, 'GET', `/topics/${topicName}${suffix}`), 'UNKNOWN_TOPIC')
  assertError(await write('DELETE', `/topics/${topicName}`), 'UNKNOWN_TOPIC')
  assert.notEqual((await created({ topicName })).topicId, topicId)
})

test('lists are sorted, and read page by page', async () => {
  for (const name of ['list-b', 'list-a', 'list-B', 'list-10', 'list-9'])
    await created({ topicName: name, numPartitions: 1 })
  const all = (await at(controller, 'GET', '/topics')).body
  const names = all.topics.map(({ topicName }: any) => topicName)
  assert.deepEqual(names, [...names].sort())
  assert.ok(names.length >= 5 && all.next === undefined)
  for (const topic of all.topics) assert.deepEqual(fieldsOf(topic), TOPIC_ROW)
  for (const limit of [1, 2, names.length]) {
    const seen: string[] = []
    for (let after: string | undefined; ; ) {
      const { body } = await at(
        controller,
        'GET',
        `/topics?limit=${limit}${after === undefined ? '' : `&after=${after}`}`,
      )
      assert.ok(body.topics.length <= limit)
      seen.push(...body.topics.map(({ topicName }: any) => topicName))
      if (body.next === undefined) break
      assert.equal(body.next, seen.at(-1))
      after = body.next
    }
    assert.deepEqual(seen, names)
  }
  const between = (await at(controller, 'GET', '/topics?after=list-A&limit=1')).body.topics
  assert.equal(between[0].topicName, 'list-B')
  assert.deepEqual((await at(controller, 'GET', '/topics?after=~')).body.topics, [])
  const { body } = await at(controller, 'GET', '/brokers?limit=1')
  assert.deepEqual([body.brokers.length, body.brokers[0].brokerId, body.next], [1, 101, 101])
  const rest = (await at(controller, 'GET', '/brokers?after=101')).body
  assert.deepEqual([rest.brokers.map(({ brokerId }: any) => brokerId), rest.next], [[102], undefined])
})
