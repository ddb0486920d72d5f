import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../../cluster/processes.ts'
import { assertError, METADATA, raftStatus, STORAGE, send, unchanged } from '../contract.ts'
import {
  at,
  BROKER,
  cluster,
  controller,
  created,
  fieldsOf,
  follower,
  fresh,
  PARTITION,
  TOPIC,
  versionOf,
  write,
} from './shared-cluster.ts'

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
