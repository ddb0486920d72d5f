import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertError, unchanged } from '../contract.ts'
import {
  at,
  cluster,
  controller,
  created,
  fieldsOf,
  follower,
  fresh,
  versionOf,
  write,
} from './shared-cluster.ts'

test('the history says what changed, when, and by which request, on every node', async () => {
  const { version } = (await at(controller, 'GET', '/history?limit=1')).body
  const { topicName } = await created()
  const patched = await write('PATCH', `/topics/${topicName}`, { config: { 'retention.ms': 7 } })
  for (const node of cluster.metadata) {
    const path = `/history?topic=${topicName}&from=${version + 1}&minVersion=${versionOf(patched)}`
    const { body } = await at(node, 'GET', path)
    assert.deepEqual(fieldsOf(body), ['entries', 'knownAfter', 'version'])
    assert.deepEqual(
      body.entries.map(({ by, text, topics }: any) => [by, text, topics]),
      [
        ['POST /topics', `topic ${topicName} created: 2 partitions, 2 replicas each`, [topicName]],
        ['PATCH /topics/:name', `topic ${topicName}: retention.ms=7`, [topicName]],
      ],
    )
    assert.equal(body.entries[1].version, versionOf(patched))
    assert.deepEqual(fieldsOf(body.entries[0]), [
      'brokers',
      'by',
      'commandType',
      'complete',
      'idempotencyKey',
      'partitionCount',
      'partitions',
      'text',
      'time',
      'topicCount',
      'topics',
      'version',
    ])
    const first = (await at(node, 'GET', `${path}&limit=1`)).body
    assert.deepEqual([first.entries.length, first.next], [1, first.entries[0].version])
    const second = (await at(node, 'GET', `/history?topic=${topicName}&after=${first.next}`)).body
    assert.deepEqual(second.entries, [body.entries[1]])
    assert.equal(second.next, undefined)
  }
  for (const query of ['limit=0', 'from=-1', 'broker=x', 'since=1'])
    assertError(await at(controller, 'GET', `/history?${query}`), 'INVALID_REQUEST')
})

test('a partition and a broker are explained, on every node', async () => {
  const answer = await write('POST', '/topics', { topicName: fresh(), assignments: [[101, 102]] })
  const { topicName } = answer.body
  for (const node of cluster.metadata) {
    const fresh = `minVersion=${versionOf(answer)}`
    const partition = await at(node, 'GET', `/explain/partition/${topicName}/0?${fresh}`)
    assert.deepEqual(fieldsOf(partition.body), ['findings', 'version'])
    const [finding] = partition.body.findings
    assert.deepEqual(fieldsOf(finding), ['because', 'code', 'what'])
    assert.deepEqual([finding.code, finding.because], ['HEALTHY', []])
    const broker = await at(node, 'GET', '/explain/broker/101')
    assert.ok(broker.body.findings.length > 0)
    assertError(await at(node, 'GET', `/explain/partition/${topicName}/1`), 'UNKNOWN_PARTITION')
    assertError(await at(node, 'GET', '/explain/partition/nothing/0'), 'UNKNOWN_TOPIC')
    assertError(await at(node, 'GET', '/explain/broker/999'), 'UNKNOWN_BROKER')
  }
})

test('a plan says what would change, and changes nothing', async () => {
  const answer = await write('POST', '/topics', { topicName: fresh(), assignments: [[101, 102]] })
  const { topicName } = answer.body
  const topic = { topicName: fresh(), numPartitions: 3, replicationFactor: 2 }
  const reassignments = [{ topic: topicName, partition: 0, replicas: [102] }]
  const plans: [object, number | null][] = [
    [{ action: 'lose-broker', brokerId: 101 }, null],
    [{ action: 'drain', brokerId: 101 }, null],
    [{ action: 'create-topic', topic }, 3],
    [{ action: 'reassign', reassignments }, 1],
  ]
  await unchanged([controller], async () => {
    for (const [body, changed] of plans) {
      const plan = await write('POST', '/plan', body)
      assert.equal(plan.status, 200, JSON.stringify(plan.body))
      assert.deepEqual(fieldsOf(plan.body), [
        'action',
        'brokers',
        'changed',
        'leaderless',
        'newLeaders',
        'notes',
        'refused',
        'underMinIsr',
        'version',
      ])
      assert.ok(plan.body.changed.count > 0)
      if (changed !== null) assert.equal(plan.body.changed.count, changed)
    }
    assertError(await write('POST', '/plan', { action: 'lose-broker', brokerId: 999 }), 'UNKNOWN_BROKER')
    assertError(await write('POST', '/plan', { action: 'lose-rack', rack: 'none' }), 'UNKNOWN_RACK')
    assertError(
      await write('POST', '/plan', { action: 'remove-broker', brokerId: 101 }),
      'BROKER_HAS_REPLICAS',
    )
    const unknown = { topic: topicName, partition: 0, replicas: [999] }
    const refused = await write('POST', '/plan', { action: 'reassign', reassignments: [unknown] })
    assertError(refused, 'INVALID_REPLICA_ASSIGNMENT')
    // Beside something that would be done it is a part of the plan.
    const partly = { action: 'reassign', reassignments: [...reassignments, { ...unknown, partition: 9 }] }
    assert.equal((await write('POST', '/plan', partly)).body.refused[0].code, 'UNKNOWN_PARTITION')
    const taken = { action: 'create-topic', topic: { ...topic, topicName } }
    assertError(await write('POST', '/plan', taken), 'TOPIC_ALREADY_EXISTS')
    for (const body of [
      {},
      { action: 'lose-broker' },
      { action: 'lose-broker', brokerId: 101, rack: 'a' },
      { action: 'drain', brokerId: 101, force: true },
      { action: 'nothing', brokerId: 101 },
      { action: 'create-topic', topic: { topicName } },
    ])
      assertError(await write('POST', '/plan', body), 'INVALID_REQUEST')
    const { message, details } = (await write('POST', '/plan', { action: 'nothing', brokerId: 101 })).body
      .error
    assert.match(message, /^body action: must be one of "lose-broker", .*"create-topic"/)
    assert.match(details.expected, /^must be one of "lose-broker", /)
    assertError(await at(follower, 'POST', '/plan', { action: 'drain', brokerId: 101 }), 'NOT_CONTROLLER')
  })
})
