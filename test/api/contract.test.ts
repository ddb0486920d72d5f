import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ErrorCode } from '../../src/base/errors.ts'
import { type Answer, ask, Cluster, type NodeProcess, until } from '../cluster/processes.ts'
import {
  assertError,
  assertSound,
  METADATA,
  raftStatus,
  STORAGE,
  send,
  sendProved,
  settled,
  unchanged,
} from './contract.ts'

/** The REST contract, row by row, on three metadata nodes and two storage nodes. The last tests take the cluster apart. */
let cluster: Cluster
let controller: NodeProcess
let follower: NodeProcess
let number = 0

before(async () => {
  cluster = await Cluster.start({
    metadata: 3,
    storage: 2,
    args: ['--election-timeout-ms', '3000', '--session-timeout-ms', '60000'],
  })
  controller = await cluster.controller()
  follower = cluster.metadata.find(node => node !== controller)!
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

const fresh = (): string => `topic-${++number}`
const at = (
  node: NodeProcess,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  send(node, method, METADATA + path, body === undefined ? undefined : JSON.stringify(body), headers)
const write = (method: string, path: string, body?: unknown): Promise<Answer> =>
  at(controller, method, path, body)
const versionOf = (answer: Answer): number => Number(answer.headers.get('x-metadata-version'))

async function created(fields: object = {}): Promise<any> {
  const body = { topicName: fresh(), numPartitions: 2, replicationFactor: 2, ...fields }
  const answer = await write('POST', '/topics', body)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

function fieldsOf(value: object): string[] {
  return Object.keys(value).sort()
}

const TOPIC_ROW = [
  'config',
  'createdAt',
  'modifiedAt',
  'numPartitions',
  'replicationFactor',
  'topicId',
  'topicName',
]
const TOPIC = [...TOPIC_ROW, 'partitions'].sort()
const PARTITION = [
  'addingReplicas',
  'createdAt',
  'elr',
  'id',
  'isr',
  'lastKnownLeader',
  'leader',
  'leaderEpoch',
  'modifiedAt',
  'offlineReplicas',
  'partitionEpoch',
  'reassignment',
  'removingReplicas',
  'replicas',
]
const BROKER = [
  'brokerEpoch',
  'brokerId',
  'drain',
  'health',
  'host',
  'incarnationId',
  'lastHeartbeatAt',
  'leaders',
  'listeners',
  'modifiedAt',
  'pairedMetadataServiceId',
  'port',
  'rack',
  'registeredAt',
  'replicas',
  'resources',
  'status',
  'statusReason',
  'statusSince',
]

// Everywhere.

test('every answer says which version of the metadata it was given at', async () => {
  const { topicName } = await created()
  const paths = [
    '/health/live',
    '/health/ready',
    '/openapi.json',
    '/nothing',
    `${METADATA}/controller`,
    `${METADATA}/cluster`,
  ]
  paths.push(
    `${METADATA}/topics`,
    `${METADATA}/topics/${topicName}`,
    `${METADATA}/topics/nothing`,
    `${METADATA}/topics?limit=0`,
  )
  paths.push(`${METADATA}/sync`, `${METADATA}/brokers`, '/api/v1/raft/status')
  for (const path of paths) {
    const { version } = (await at(controller, 'GET', '/cluster')).body
    assert.equal(versionOf(await send(controller, 'GET', path)), version, path)
  }
  const docs = await fetch(`${controller.url}/docs`)
  assert.ok(Number(docs.headers.get('x-metadata-version')) > 0)
  assert.ok(versionOf(await ask('GET', `${cluster.storage[0]!.url}${STORAGE}/status`)) > 0)
})

test('a read of the image has its version as ETag, and is 304 for who has that', async () => {
  const { topicName } = await created()
  const paths = [
    '/topics',
    `/topics/${topicName}`,
    `/topics/${topicName}/partitions/0`,
    `/topics/${topicName}/partitions/0/leader`,
    '/sync',
  ]
  for (const path of paths) {
    const first = await at(controller, 'GET', path)
    const tag = first.headers.get('etag')!
    assert.equal(tag, `"${versionOf(first)}"`, path)
    for (const given of [tag, `W/${tag}`, `"1", ${tag}`, '*']) {
      const again = await at(controller, 'GET', path, undefined, { 'if-none-match': given })
      assert.deepEqual([again.status, again.body, again.headers.get('etag')], [304, null, tag], path)
      assert.equal(versionOf(again), versionOf(first))
    }
    for (const given of ['"1"', tag.slice(1, -1), '""', '"'])
      assert.equal(
        (await at(controller, 'GET', path, undefined, { 'if-none-match': given })).status,
        200,
        path,
      )
    await created()
    const changed = await at(controller, 'GET', path, undefined, { 'if-none-match': tag })
    assert.deepEqual([changed.status, changed.headers.get('etag')], [200, `"${versionOf(changed)}"`], path)
  }
  const missing = await at(controller, 'GET', '/topics/nothing', undefined, { 'if-none-match': '*' })
  assertError(missing, 'UNKNOWN_TOPIC')
  assert.equal(missing.headers.get('etag'), null)
})

test('minVersion makes any node wait until it has that version, or is 504', async () => {
  for (const node of cluster.metadata) {
    const topicName = fresh()
    const { version } = (await at(controller, 'GET', '/cluster')).body
    const early = at(node, 'GET', `/topics/${topicName}?minVersion=${version + 1}`)
    const answer = await write('POST', '/topics', { topicName, numPartitions: 1, replicationFactor: 1 })
    assert.equal((await early).body.topicName, topicName)
    for (const path of [
      `/topics/${topicName}`,
      '/topics',
      '/brokers',
      '/cluster',
      '/sync',
      `/topics/${topicName}/partitions/0`,
      '/brokers/101',
    ])
      assert.equal((await at(node, 'GET', `${path}?minVersion=${versionOf(answer)}`)).status, 200)
    const late = await at(node, 'GET', `/topics?minVersion=${versionOf(answer) + 1_000}&timeoutMs=30`)
    assertError(late, 'VERSION_TIMEOUT')
    assert.match(late.body.error.message, /was not reached within 30 ms/)
  }
})

test('a write at another node is 503 and names the controller', async () => {
  const { topicName } = await created()
  const writes: [string, string, unknown][] = [
    ['POST', '/topics', { topicName: fresh(), numPartitions: 1, replicationFactor: 1 }],
    ['POST', '/topics', { topicName: fresh(), numPartitions: 1, replicationFactor: 1, validateOnly: true }],
    ['PATCH', `/topics/${topicName}`, { config: { 'retention.ms': 1 } }],
    ['DELETE', `/topics/${topicName}`, undefined],
    ['POST', `/topics/${topicName}/partitions`, { numPartitions: 3 }],
    ['POST', '/brokers', { brokerId: 5, host: 'localhost', port: 19_999 }],
    ['DELETE', '/brokers/101', undefined],
    ['POST', '/heartbeat/101', { brokerId: 101, timestamp: 0, metadataVersion: 0 }],
    [
      'POST',
      '/partitions/alter',
      {
        brokerId: 101,
        brokerEpoch: 0,
        changes: [
          {
            topic: topicName,
            partition: 0,
            leaderEpoch: 0,
            partitionEpoch: 0,
            newIsr: [{ brokerId: 101, brokerEpoch: 0 }],
          },
        ],
      },
    ],
  ]
  await unchanged([controller], async () => {
    for (const [method, path, body] of writes) {
      const answer = await at(follower, method, path, body)
      assertError(answer, 'NOT_CONTROLLER')
      assert.equal(answer.headers.get('x-controller-leader'), String(controller.entry.id))
      assert.equal(answer.headers.get('x-controller-url'), controller.url)
      assert.deepEqual(answer.body.error.details, {
        controllerId: controller.entry.id,
        controllerUrl: controller.url,
        remedy: 'Ask there, or send "Prefer: forward".',
      })
    }
  })
})

test('with "Prefer: forward" any node does the write, and its own next read shows it', async () => {
  const forward = (method: string, path: string, body?: unknown, prefer = 'forward') =>
    at(follower, method, path, body, { prefer })
  const read = (path: string) => at(follower, 'GET', path)
  for (let i = 0; i < 20; i++) {
    const topicName = fresh()
    const answer = await forward('POST', '/topics', { topicName, numPartitions: 1, replicationFactor: 1 })
    assert.equal(answer.status, 201)
    const shown = await read(`/topics/${topicName}`)
    assert.deepEqual(shown.body, answer.body)
    assert.ok(versionOf(shown) >= versionOf(answer))
    const wider = await forward(
      'POST',
      `/topics/${topicName}/partitions`,
      { numPartitions: 2 },
      'respond-async, Forward',
    )
    assert.deepEqual([wider.status, (await read(`/topics/${topicName}`)).body.numPartitions], [200, 2])
    const patched = await forward('PATCH', `/topics/${topicName}`, { config: { 'retention.ms': 5 } })
    assert.deepEqual((await read(`/topics/${topicName}`)).body.config, patched.body.config)
    const deleted = await forward('DELETE', `/topics/${topicName}?timeoutMs=5000`)
    assert.deepEqual([deleted.status, deleted.body], [204, null])
    assertError(await read(`/topics/${topicName}`), 'UNKNOWN_TOPIC')
  }
  const registered = await forward('POST', '/brokers', { brokerId: 5, host: 'localhost', port: 19_999 })
  assert.deepEqual(
    [registered.status, (await read('/brokers/5')).body.brokerEpoch],
    [201, registered.body.brokerEpoch],
  )
  const deep = `{"brokerId":5,"timestamp":0,"metadataVersion":0,"later":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
  const beat = await send(follower, 'POST', `${METADATA}/heartbeat/5`, deep, { prefer: 'forward' })
  assert.deepEqual([beat.status, beat.body.ack], [200, true])
  assert.equal((await forward('DELETE', '/brokers/5')).status, 204)
  assertError(await read('/brokers/5'), 'UNKNOWN_BROKER')
  assertError(await forward('DELETE', '/brokers/5'), 'UNKNOWN_BROKER')
  const { topicName } = await created()
  const again = { topicName, numPartitions: 1, replicationFactor: 1 }
  assertError(await forward('POST', '/topics', again), 'TOPIC_ALREADY_EXISTS')
  assertError(await forward('POST', '/topics', { ...again, unknown: 1 }), 'INVALID_REQUEST')
  assertError(await forward('POST', '/topics', again, 'forwarding'), 'NOT_CONTROLLER')
  const atController = await at(controller, 'DELETE', `/topics/${topicName}`, undefined, {
    prefer: 'forward',
  })
  assert.equal(atController.status, 204)
})

test('the controller is the same at every node, and each says what it is itself', async () => {
  const { term } = await raftStatus(controller)
  for (const node of cluster.metadata) {
    const { status, body } = await at(node, 'GET', '/controller')
    const nodeState = node === controller ? 'LEADER' : 'FOLLOWER'
    const { id } = controller.entry
    const expected = {
      controllerId: id,
      url: controller.url,
      term,
      state: 'LEADER',
      nodeId: node.entry.id,
      nodeState,
    }
    assert.deepEqual([status, body], [200, expected])
  }
})

test('the cluster is shown whole', async () => {
  const { topicName } = await created()
  const { body } = await at(controller, 'GET', '/cluster')
  assert.deepEqual(fieldsOf(body), ['brokers', 'clusterId', 'controllerId', 'topics', 'version'])
  assert.equal(body.controllerId, controller.entry.id)
  assert.equal(body.clusterId, (await raftStatus(controller)).clusterId)
  for (const broker of body.brokers) assert.deepEqual(fieldsOf(broker), BROKER)
  const topic = body.topics.find((one: { topicName: string }) => one.topicName === topicName)
  assert.deepEqual(fieldsOf(topic), TOPIC)
  for (const partition of topic.partitions) assert.deepEqual(fieldsOf(partition), PARTITION)
})

// Topics.

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

// Partitions.

test('partitions are added behind those that are there', async () => {
  const before = await created()
  const path = `/topics/${before.topicName}/partitions`
  const wider = await write('POST', path, { numPartitions: 4 })
  assert.equal(wider.status, 200)
  assert.deepEqual(wider.body.partitions.slice(0, 2), before.partitions)
  assert.deepEqual(
    wider.body.partitions.map(({ id }: any) => id),
    [0, 1, 2, 3],
  )
  const placed = await write('POST', path, {
    numPartitions: 6,
    assignments: [
      [102, 101],
      [101, 102],
    ],
  })
  assert.deepEqual(
    placed.body.partitions.slice(4).map(({ replicas }: any) => replicas),
    [
      [102, 101],
      [101, 102],
    ],
  )
  const wrong: [ErrorCode, object][] = [
    ['INVALID_PARTITIONS', { numPartitions: 6 }],
    ['INVALID_PARTITIONS', { numPartitions: 1 }],
    ['INVALID_PARTITIONS', { numPartitions: 10_007 }],
    ['INVALID_PARTITIONS', { numPartitions: 1_000_000 }],
    ['INVALID_REPLICA_ASSIGNMENT', { numPartitions: 8, assignments: [[101, 102]] }],
    ['INVALID_REPLICA_ASSIGNMENT', { numPartitions: 7, assignments: [[101]] }],
    ['INVALID_REPLICA_ASSIGNMENT', { numPartitions: 7, assignments: [[101, 999]] }],
  ]
  for (const [code, body] of wrong) assertError(await write('POST', path, body), code)
  assertError(await write('POST', '/topics/nothing/partitions', { numPartitions: 3 }), 'UNKNOWN_TOPIC')
  assert.equal((await at(controller, 'GET', `/topics/${before.topicName}`)).body.numPartitions, 6)
})

test('a partition and its leader are read by number', async () => {
  const { topicName, partitions } = await created()
  for (const { id, leader, leaderEpoch } of partitions) {
    const path = `/topics/${topicName}/partitions/${id}`
    assert.deepEqual((await at(controller, 'GET', path)).body, partitions[id])
    const { host, port } = cluster.storage.find(({ entry }) => entry.id === leader)!.entry
    assert.deepEqual((await at(controller, 'GET', `${path}/leader`)).body, {
      brokerId: leader,
      host,
      port,
      leaderEpoch,
    })
  }
  assertError(await at(controller, 'GET', `/topics/${topicName}/partitions/2`), 'UNKNOWN_PARTITION')
  assertError(await at(controller, 'GET', `/topics/${topicName}/partitions/2/leader`), 'UNKNOWN_PARTITION')
  assertError(await at(controller, 'GET', '/topics/nothing/partitions/0'), 'UNKNOWN_TOPIC')
})

// Brokers.

test('a broker registered without an incarnation is ONLINE at once', async () => {
  const registration = {
    brokerId: 40,
    host: 'localhost',
    port: 19_999,
    rack: 'a',
    resources: { cpu: 2.5 },
    listeners: [{ name: 'PLAIN', host: 'localhost', port: 19_998 }],
    pairedMetadataServiceId: 1,
  }
  const answer = await write('POST', '/brokers', registration)
  assert.equal(answer.status, 201)
  assert.deepEqual(fieldsOf(answer.body), BROKER)
  for (const [field, value] of Object.entries(registration)) assert.deepEqual(answer.body[field], value)
  const { status, brokerEpoch, incarnationId, registeredAt, leaders, replicas } = answer.body
  assert.deepEqual([status, brokerEpoch, incarnationId], ['ONLINE', versionOf(answer), null])
  assert.ok(Math.abs(Date.now() - registeredAt) < 60_000)
  assert.deepEqual([leaders, replicas], [0, 0])
  const again = await write('POST', '/brokers', registration)
  assert.deepEqual([again.status, again.body.brokerEpoch], [200, brokerEpoch])
  const read = await at(controller, 'GET', '/brokers/40')
  assert.ok(read.body.lastHeartbeatAt > 0)
  assert.equal(
    (await at(follower, 'GET', `/brokers/40?minVersion=${brokerEpoch}`)).body.lastHeartbeatAt,
    null,
  )
  const moved = await write('POST', '/brokers', { ...registration, port: 19_997 })
  assert.deepEqual([moved.status, moved.body.brokerEpoch], [201, versionOf(moved)])
  assert.equal((await write('DELETE', '/brokers/40')).status, 204)
  assertError(await at(controller, 'GET', '/brokers/40'), 'UNKNOWN_BROKER')
})

test('a broker with an incarnation is fenced until its heartbeats, with its epoch, show that it has caught up', async () => {
  const registration = { brokerId: 41, host: 'localhost', port: 19_999, incarnationId: 'first' }
  const registered = await write('POST', '/brokers', registration)
  const { brokerEpoch } = registered.body
  assert.deepEqual([registered.status, registered.body.status], [201, 'OFFLINE'])
  const beat = (fields: object) =>
    write('POST', '/heartbeat/41', { brokerId: 41, timestamp: Date.now(), metadataVersion: 0, ...fields })
  const missing = await beat({})
  assertError(missing, 'INVALID_REQUEST')
  assert.match(missing.body.error.message, /brokerEpoch is missing/)
  assertError(await beat({ brokerEpoch: brokerEpoch - 1 }), 'STALE_BROKER_EPOCH')
  const behind = await beat({ brokerEpoch, metadataVersion: brokerEpoch - 1 })
  assert.deepEqual([behind.body.brokerStatus, behind.body.instructions], ['OFFLINE', ['PULL_METADATA']])
  // Another recovery epoch, other versions: what it has may be what the cluster has lost.
  const elsewhere = { brokerEpoch, metadataVersion: brokerEpoch + 100, recoveryEpoch: 9, stateHash: 'other' }
  const recovered = await beat(elsewhere)
  assert.deepEqual([recovered.body.brokerStatus, recovered.body.instructions], ['OFFLINE', ['PULL_METADATA']])
  const caughtUp = await beat({ brokerEpoch, metadataVersion: brokerEpoch, later: { field: [1] } })
  assert.equal(caughtUp.body.brokerStatus, 'ONLINE')
  const { currentVersion } = caughtUp.body
  const current = await beat({ brokerEpoch, metadataVersion: currentVersion })
  assert.deepEqual(fieldsOf(current.body), [
    'ack',
    'brokerStatus',
    'controllerTerm',
    'currentVersion',
    'expandIsr',
    'instructions',
    'timestamp',
  ])
  const { term } = await raftStatus(controller)
  assert.deepEqual(
    [current.body.ack, current.body.controllerTerm, current.body.instructions],
    [true, term, []],
  )
  assert.deepEqual([current.body.currentVersion, currentVersion], [versionOf(current), versionOf(current)])
  const repeat = await write('POST', '/brokers', registration)
  assert.deepEqual([repeat.status, repeat.body.brokerEpoch, repeat.body.status], [200, brokerEpoch, 'ONLINE'])
  const next = await write('POST', '/brokers', {
    ...registration,
    incarnationId: 'second',
    previousBrokerEpoch: brokerEpoch,
  })
  assert.equal(next.status, 201)
  assertError(await beat({ brokerEpoch }), 'STALE_BROKER_EPOCH')
  assert.equal((await write('DELETE', '/brokers/41')).status, 204)
  const unknown = await beat({ brokerEpoch })
  assertError(unknown, 'UNKNOWN_BROKER')
  assert.match(unknown.body.error.message, /Register it with POST/)
})

test('a heartbeat names the same broker twice', async () => {
  const body = { brokerId: 102, timestamp: 0, metadataVersion: 0 }
  assertError(await write('POST', '/heartbeat/101', body), 'INVALID_REQUEST')
})

test('a broker that holds replicas is not removed, except by force while it is OFFLINE', async () => {
  const beat = { brokerId: 42, timestamp: 0, metadataVersion: 0 }
  await write('POST', '/brokers', { brokerId: 42, host: 'localhost', port: 19_999 })
  const { topicName } = await created({
    assignments: [[42], [42, 101].slice(0, 1)],
    numPartitions: undefined,
    replicationFactor: undefined,
  })
  for (const query of ['', '?force=false', '?force=true']) {
    const refused = await write('DELETE', `/brokers/42${query}`)
    assertError(refused, 'BROKER_HAS_REPLICAS')
    const partitions = [`${topicName}-0`, `${topicName}-1`]
    const { remedy, ...facts } = refused.body.error.details
    assert.deepEqual(facts, { brokerId: 42, status: 'ONLINE', replicas: 2, partitions })
    assert.match(remedy, /\?force=true gives them up/)
  }
  assert.deepEqual((await at(controller, 'GET', '/brokers/42')).body.replicas, 2)
  const stopping = await write('POST', '/heartbeat/42', { ...beat, wantFence: true })
  assert.equal(stopping.body.brokerStatus, 'OFFLINE')
  const leaderless = await at(controller, 'GET', `/topics/${topicName}/partitions/0/leader`)
  assertError(leaderless, 'LEADER_NOT_AVAILABLE')
  assert.deepEqual(leaderless.body.error.details, { replicas: [42], elr: [42] })
  const { leader, isr, offlineReplicas } = (await at(controller, 'GET', `/topics/${topicName}/partitions/0`))
    .body
  assert.deepEqual([leader, isr, offlineReplicas], [null, [], [42]])
  assertError(await write('DELETE', '/brokers/42'), 'BROKER_HAS_REPLICAS')
  assert.equal((await write('DELETE', '/brokers/42?force=true')).status, 204)
  assertError(await write('DELETE', '/brokers/42?force=true'), 'UNKNOWN_BROKER')
  assert.equal((await write('DELETE', `/topics/${topicName}`)).status, 204)
})

// Following the metadata.

test('the full metadata has the version and the state hash that all nodes have', async () => {
  await created()
  const { body } = await at(controller, 'GET', '/sync')
  assert.deepEqual(fieldsOf(body), [
    'brokers',
    'cluster',
    'clusterId',
    'controllerTerm',
    'recoveryEpoch',
    'stateHash',
    'timestamp',
    'topics',
    'version',
  ])
  for (const node of cluster.metadata) {
    const read = await at(node, 'GET', `/sync?minVersion=${body.version}`)
    assert.deepEqual(
      [read.body.version, read.body.stateHash, read.body.topics],
      [body.version, body.stateHash, body.topics],
    )
  }
  for (const node of cluster.storage) {
    await until('the storage node has it', async () => {
      const copy = (await ask('GET', `${node.url}${STORAGE}/status`)).body
      return copy.metadataVersion === body.version && copy.stateHash === body.stateHash
    })
  }
})

/** The rows of a full answer, by kind and name; volatile fields left out. */
function rowsOf(full: any): Map<string, unknown> {
  return new Map([
    ...full.topics.map((topic: any) => [`TOPIC ${topic.topicName}`, topic]),
    ...full.brokers.map((broker: any) => [`BROKER ${broker.brokerId}`, broker]),
  ])
}

test('the changes since a version lead from what was there to what is there', async () => {
  const before = (await at(controller, 'GET', '/sync')).body
  const { topicName } = await created()
  await write('PATCH', `/topics/${topicName}`, { config: { 'retention.ms': 7 } })
  await write('POST', '/brokers', { brokerId: 43, host: 'localhost', port: 19_999 })
  const gone = await created()
  await write('DELETE', `/topics/${gone.topicName}`)
  const full = (await at(controller, 'GET', '/sync')).body
  for (const path of [
    `/sync?since=${before.version}`,
    `/sync?sinceVersion=${before.version}`,
    `/sync/incremental?sinceVersion=${before.version}`,
  ]) {
    const { body } = await at(controller, 'GET', path)
    const fields = [
      'changes',
      'clusterId',
      'commands',
      'controllerTerm',
      'fromVersion',
      'recoveryEpoch',
      'stateHash',
      'version',
    ]
    assert.deepEqual(fieldsOf(body), fields)
    assert.deepEqual(
      [body.fromVersion, body.version, body.stateHash],
      [before.version, full.version, full.stateHash],
    )
    const rows = rowsOf(before)
    for (const change of body.changes) {
      const name = change.type === 'TOPIC' ? `TOPIC ${change.topicName}` : `BROKER ${change.brokerId}`
      const row = change.type === 'TOPIC' ? change.topic : change.broker
      if (row === null) rows.delete(name)
      else rows.set(name, row)
    }
    assert.deepEqual(new Map([...rows].sort()), new Map([...rowsOf(full)].sort()))
    assert.deepEqual(
      body.commands.map(({ version }: any) => version),
      [...body.commands.map(({ version }: any) => version)].sort((a: number, b: number) => a - b),
    )
  }
  const none = (await at(controller, 'GET', `/sync?since=${full.version}`)).body
  assert.deepEqual([none.changes, none.commands, none.version], [[], [], full.version])
  assertError(await at(controller, 'GET', '/sync/incremental'), 'INVALID_REQUEST')
  const { recoveryEpoch } = full
  const same = await at(controller, 'GET', `/sync?since=${before.version}&recoveryEpoch=${recoveryEpoch}`)
  assert.equal(same.body.version, full.version)
  // Versions of another recovery epoch mean nothing here: only the whole metadata helps.
  const other = await at(
    controller,
    'GET',
    `/sync?since=${full.version}&recoveryEpoch=${recoveryEpoch + 1}&waitMs=60000`,
  )
  assert.deepEqual([other.body.snapshot, other.body.changes], ['/api/v1/metadata/sync/snapshot', undefined])
  assert.equal((await write('DELETE', '/brokers/43')).status, 204)
})

test('a long poll answers with the next change, or with nothing when its time is over', async () => {
  for (const node of [controller, follower]) {
    const { version } = (await at(controller, 'GET', '/sync')).body
    await at(node, 'GET', `/topics?minVersion=${version}`)
    const poll = at(node, 'GET', `/sync?since=${version}&waitMs=10000`)
    const { topicName } = await created()
    const { body } = await poll
    assert.deepEqual(
      body.changes.map((change: any) => change.topicName),
      [topicName],
    )
    const begun = performance.now()
    const quiet = await at(node, 'GET', `/sync?since=${body.version}&waitMs=100`)
    assert.ok(performance.now() - begun >= 95)
    assert.deepEqual([quiet.status, quiet.body.changes], [200, []])
  }
})

// The past, why it is so, and what would be.

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

test('elections and moves say of each partition what was done, that nothing had to be, or why not', async () => {
  const answer = await write('POST', '/topics', {
    topicName: fresh(),
    assignments: [
      [101, 102],
      [101, 102],
    ],
  })
  const { topicName: topic } = answer.body
  const [here, nowhere] = [0, 9].map(partition => ({ topic, partition }))
  const elected = await write('POST', '/elections', { type: 'PREFERRED', partitions: [here, nowhere] })
  assert.deepEqual(
    [elected.status, elected.body.results.map(({ error }: any) => error.code)],
    [200, ['ELECTION_NOT_NEEDED', 'UNKNOWN_PARTITION']],
  )
  assert.deepEqual([elected.body.results[0].leader, elected.body.results[1].leader], [101, undefined])
  const moves = [
    { ...here, replicas: [102, 101] },
    { topic, partition: 1, replicas: [101, 102] },
    { ...nowhere, replicas: [101] },
  ]
  const moved = await write('POST', '/reassignments', moves)
  assert.deepEqual(
    moved.body.results.map(({ outcome, error }: any) => outcome ?? error.code),
    ['DONE', 'UNCHANGED', 'UNKNOWN_PARTITION'],
  )
  const led = await write('POST', '/elections', { type: 'PREFERRED', partitions: [here] })
  assert.deepEqual([led.body.results[0].leader, led.body.results[0].error], [102, undefined])
})

test('features: any node tells levels; raising one is for the controller, and checked', async () => {
  await settled(cluster.all)
  const [range] = (await at(follower, 'GET', '/features')).body.features
  assert.deepEqual(range, {
    feature: 'metadata.version',
    supported: { min: 1, max: 3 },
    finalized: 3,
  })
  await unchanged(cluster.all, async () => {
    const raise = (level: unknown, more: object = {}) =>
      write('POST', '/features', { features: { 'metadata.version': level }, ...more })
    assert.equal((await raise(3, { validateOnly: true })).status, 200)
    for (const level of [2, 4]) assertError(await raise(level), 'FEATURE_UPDATE_FAILED')
    assertError(await raise('3'), 'INVALID_REQUEST')
    assertError(await raise(3, { force: true }), 'INVALID_REQUEST')
    assertError(await write('POST', '/features', { features: { nothing: 1 } }), 'FEATURE_UPDATE_FAILED')
    assertError(await write('POST', '/features', { features: {} }), 'INVALID_REQUEST')
    const body = { features: { 'metadata.version': 3 } }
    assertError(await at(follower, 'POST', '/features', body), 'NOT_CONTROLLER')
  })
})

test('a storage node registers the size of its disk, and reports it', async () => {
  const { body } = await at(controller, 'GET', '/brokers/101')
  const { diskBytesTotal: total, diskBytesFree: free } = body.resources
  assert.ok(total > 0 && free >= 0 && free <= total, JSON.stringify(body.resources))
  const registered = (await at(follower, 'GET', '/brokers/101')).body.resources
  assert.equal(registered.diskBytesTotal, total)
})

test('what a heartbeat reports of resources is what the controller shows, and goes by', async () => {
  const registration = { brokerId: 4_711, host: 'localhost', port: 1, resources: { weight: 2, cpu: 4 } }
  await write('POST', '/brokers', registration)
  const beat = { brokerId: 4_711, timestamp: 1, metadataVersion: 0, resources: { weight: 3 } }
  assert.equal((await write('POST', '/heartbeat/4711', beat)).status, 200)
  const { body } = await at(controller, 'GET', '/brokers/4711')
  assert.deepEqual(body.resources, { weight: 3, cpu: 4 })
  assert.equal((await write('DELETE', '/brokers/4711')).status, 204)
})

test('a rebalance is told of by the controller, and ended only while one is under way', async () => {
  const { status, body } = await at(controller, 'GET', '/rebalance')
  assert.deepEqual([status, body], [200, { state: 'NONE', since: null, moving: 0, outlivesController: true }])
  assertError(await write('DELETE', '/rebalance'), 'NO_REASSIGNMENT_IN_PROGRESS')
  assertError(await at(follower, 'GET', '/rebalance'), 'NOT_CONTROLLER')
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
    assertError(await at(follower, 'POST', '/plan', { action: 'drain', brokerId: 101 }), 'NOT_CONTROLLER')
  })
})

// Operations.

test('a process says that it lives, and whether it is ready', async () => {
  for (const node of cluster.all) {
    const live = await ask('GET', `${node.url}/health/live`)
    assert.deepEqual([live.status, live.body], [200, { status: 'live' }])
    const ready = await ask('GET', `${node.url}/health/ready`)
    assert.deepEqual([ready.status, ready.body], [200, { status: 'ready', reasons: [] }])
  }
})

const BUILT = [
  'GET /api/v1/metadata/controller',
  'GET /api/v1/metadata/cluster',
  'GET /api/v1/metadata/topics',
  'POST /api/v1/metadata/topics',
  'GET /api/v1/metadata/topics/{name}',
  'PATCH /api/v1/metadata/topics/{name}',
  'DELETE /api/v1/metadata/topics/{name}',
  'POST /api/v1/metadata/topics/{name}/partitions',
  'GET /api/v1/metadata/topics/{name}/partitions/{id}',
  'GET /api/v1/metadata/topics/{name}/partitions/{id}/leader',
  'POST /api/v1/metadata/brokers',
  'GET /api/v1/metadata/brokers',
  'GET /api/v1/metadata/brokers/{brokerId}',
  'DELETE /api/v1/metadata/brokers/{brokerId}',
  'POST /api/v1/metadata/heartbeat/{brokerId}',
  'POST /api/v1/metadata/brokers/{brokerId}/drain',
  'DELETE /api/v1/metadata/brokers/{brokerId}/drain',
  'POST /api/v1/metadata/brokers/{brokerId}/decommission',
  'GET /api/v1/metadata/brokers/{brokerId}/decommission',
  'POST /api/v1/metadata/storage-controller-heartbeat',
  'POST /api/v1/metadata/isr-status-batch',
  'POST /api/v1/metadata/partitions/alter',
  'POST /api/v1/metadata/elections',
  'POST /api/v1/metadata/reassignments',
  'GET /api/v1/metadata/reassignments',
  'POST /api/v1/metadata/rebalance',
  'GET /api/v1/metadata/rebalance',
  'DELETE /api/v1/metadata/rebalance',
  'GET /api/v1/metadata/features',
  'POST /api/v1/metadata/features',
  'DELETE /api/v1/metadata/reassignments/{topic}/{partition}',
  'GET /api/v1/metadata/sync',
  'GET /api/v1/metadata/sync/incremental',
  'GET /api/v1/metadata/history',
  'GET /api/v1/metadata/explain/partition/{topic}/{id}',
  'GET /api/v1/metadata/explain/broker/{brokerId}',
  'POST /api/v1/metadata/plan',
  'GET /api/v1/metadata/sync/snapshot',
  'GET /api/v1/metadata/sync/status',
  'GET /api/v1/metadata/sync/consistency',
  'POST /api/v1/metadata/sync',
  'POST /api/v1/metadata/heartbeat',
  'POST /api/v1/metadata/storage-heartbeat',
  'POST /api/v1/raft/vote',
  'POST /api/v1/raft/append',
  'GET /api/v1/raft/status',
  'POST /api/v1/storage/metadata',
  'GET /api/v1/storage/status',
  'GET /api/v1/storage/features',
  'GET /api/v1/storage/partitions/{name}/{id}',
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
]

const WITHOUT_BODY = ['drain', 'decommission'].map(what => `POST /api/v1/metadata/brokers/{brokerId}/${what}`)

test('the contract is published as OpenAPI 3.1, every operation with a summary and its answers', async () => {
  const found = new Set<string>()
  for (const node of [controller, cluster.storage[0]!]) {
    const { body } = await ask('GET', `${node.url}/openapi.json`)
    assert.match(body.openapi, /^3\.1\.\d+$/)
    assert.ok(body.info.title.length > 0 && body.info.version.length > 0)
    for (const [path, methods] of Object.entries<any>(body.paths)) {
      for (const [method, operation] of Object.entries<any>(methods)) {
        const name = `${method.toUpperCase()} ${path}`
        found.add(name)
        assert.ok(operation.summary?.length > 0, name)
        const statuses = Object.keys(operation.responses)
        assert.ok(
          statuses.some(status => status.startsWith('2')),
          name,
        )
        assert.ok(statuses.includes('4XX') && statuses.includes('5XX'), name)
        for (const response of Object.values<any>(operation.responses))
          assert.ok(response.description.length > 0, name)
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
        const parameters = operation.parameters ?? []
        assert.deepEqual(
          parameters.filter((one: any) => one.in === 'path').map((one: any) => one.name),
          inPath,
          name,
        )
        for (const { schema, required, in: place } of parameters)
          assert.ok(schema.type.length > 0 && (place !== 'path' || required), name)
        if (['POST', 'PATCH'].includes(method.toUpperCase())) {
          const schema = operation.requestBody?.content['application/json'].schema
          if (WITHOUT_BODY.includes(name)) assert.equal(schema, undefined, name)
          else assert.equal(schema.type, name.endsWith('/reassignments') ? 'array' : 'object', name)
        } else assert.equal(operation.requestBody, undefined, name)
      }
    }
  }
  assert.deepEqual(
    BUILT.filter(name => !found.has(name)),
    [],
  )
})

test('the contract is published as a page that needs nothing else', async () => {
  for (const node of [controller, cluster.storage[0]!]) {
    const response = await fetch(`${node.url}/docs`)
    const page = await response.text()
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    const { paths } = (await ask('GET', `${node.url}/openapi.json`)).body
    for (const path of Object.keys(paths)) assert.ok(page.includes(`<code>${path}</code>`), path)
    assert.doesNotMatch(page, /<script|https?:\/\/|undefined|\[object/)
  }
})

// Storage nodes.

test('a storage node tells of itself, its metadata and its partitions', async () => {
  const node = cluster.storage[0]!
  const { topicName } = await created()
  const body = await until('it has the topic', async () => {
    const { body } = await ask('GET', `${node.url}${STORAGE}/status`)
    return body.partitions.some(({ topic }: any) => topic === topicName) ? body : null
  })
  const fields = [
    'brokerEpoch',
    'brokerId',
    'clusterId',
    'controller',
    'host',
    'incarnationId',
    'metadataVersion',
    'pairedMetadataServiceId',
    'partitions',
    'port',
    'rack',
    'savedMetadataVersion',
    'session',
    'stateHash',
    'status',
  ]
  assert.deepEqual(fieldsOf(body), fields)
  assert.deepEqual([body.brokerId, body.status], [101, 'ONLINE'])
  const { term } = await raftStatus(controller)
  assert.deepEqual(body.controller, { controllerId: controller.entry.id, url: controller.url, term })
  for (const partition of body.partitions)
    assert.deepEqual(fieldsOf(partition), [
      'highWatermark',
      'lag',
      'leader',
      'leaderEpoch',
      'leo',
      'partition',
      'role',
      'topic',
    ])
})

test('a storage node takes no message without a proof, none of an older term, and no older data', async () => {
  const node = cluster.storage[1]!
  await settled([controller, node])
  const status = async () => (await ask('GET', `${node.url}${STORAGE}/status`)).body
  const before = await status()
  const { term, clusterId } = await raftStatus(controller)
  const update = {
    updateType: 'DELTA',
    clusterId,
    recoveryEpoch: 0,
    fromVersion: before.metadataVersion,
    version: before.metadataVersion,
    timestamp: Date.now(),
    controllerTerm: term,
    controllerId: controller.entry.id,
    controllerUrl: controller.url,
    commands: [],
    later: 'field',
  }
  const push = (fields: object) => sendProved(node, 'POST', `${STORAGE}/metadata`, { ...update, ...fields })
  assertError(await send(node, 'POST', `${STORAGE}/metadata`, JSON.stringify(update)), 'UNAUTHENTICATED')
  const { version, stateHash } = { version: before.metadataVersion, stateHash: before.stateHash }
  assert.deepEqual((await push({})).body, { success: true, version, stateHash, gap: false })
  const empty = { version: 1, stateHash: '0'.repeat(16), timestamp: 0, brokers: [], topics: [] }
  const old = await push({ updateType: 'FULL_SNAPSHOT', fromVersion: 0, version: 1, snapshot: empty })
  assert.deepEqual([old.status, old.body.version, old.body.stateHash], [200, version, stateHash])
  const older = await push({
    version: version - 1,
    fromVersion: version - 2,
    commands: [
      { version: version - 1, commandType: 'DeleteTopicCommand', commandData: '{"time":1,"topicName":"x"}' },
    ],
  })
  assert.deepEqual([older.body.version, older.body.stateHash, older.body.gap], [version, stateHash, false])
  const deposed = await push({
    controllerTerm: term - 1,
    controllerUrl: 'http://localhost:1',
    version: version + 9,
    fromVersion: version,
  })
  assert.deepEqual(deposed.body, { success: false, version, stateHash, gap: false })
  assert.deepEqual(await status(), before)
  const gap = await push({ fromVersion: version + 5, version: version + 6 })
  assert.deepEqual([gap.body.success, gap.body.gap, gap.body.version], [false, true, version])
  const sentAgain = await push({ updateType: 'CONTROLLER_CHANGED', controllerTerm: term + 1 })
  assert.deepEqual([sentAgain.body.success, sentAgain.body.gap], [true, false])
  assert.equal((await status()).controller.term, term + 1)
})

// Without a majority.

test('a write that is not committed in time is 504, and its outcome is told by a later read', async () => {
  const others = cluster.metadata.filter(node => node !== controller)
  for (const node of others) node.pause()
  const topicName = fresh()
  const begun = performance.now()
  const answer = await write('POST', '/topics?timeoutMs=200', {
    topicName,
    numPartitions: 1,
    replicationFactor: 1,
  })
  assertError(answer, 'COMMIT_TIMEOUT')
  assert.ok(performance.now() - begun >= 195)
  for (const node of others) node.wake()
  await until(
    'it is committed after all',
    async () => (await at(follower, 'GET', `/topics/${topicName}`)).status === 200,
  )
  assertSound(cluster.all)
})

test('without a majority there is no controller: writes are 503, reads go on, and the node is not ready', async () => {
  const alone = await cluster.controller()
  for (const node of cluster.metadata) if (node !== alone) await node.end('SIGKILL')
  const lost = await until('it notices', async () => {
    const answer = await at(alone, 'GET', '/controller')
    return answer.status === 503 ? answer : null
  })
  assertError(lost, 'NO_CONTROLLER')
  assert.equal(lost.headers.get('x-controller-url'), null)
  const refused = await at(alone, 'POST', '/topics', {
    topicName: fresh(),
    numPartitions: 1,
    replicationFactor: 1,
  })
  assertError(refused, 'NO_CONTROLLER')
  assert.equal(refused.headers.get('x-controller-leader'), null)
  assertError(await at(alone, 'DELETE', '/brokers/101', undefined, { prefer: 'forward' }), 'NO_CONTROLLER')
  assert.equal((await at(alone, 'GET', '/topics')).status, 200)
  const ready = await ask('GET', `${alone.url}/health/ready`)
  assert.deepEqual([ready.status, ready.body.status, ready.body.reasons.length], [503, 'not ready', 1])
})
