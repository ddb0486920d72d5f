import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertError, raftStatus } from '../contract.ts'
import { at, BROKER, controller, created, fieldsOf, follower, versionOf, write } from './shared-cluster.ts'

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

test('a broker is drained by its path alone: no field is taken, nor needed', async () => {
  for (const action of ['drain', 'decommission']) {
    const path = `/brokers/101/${action}`
    const answer = await write('POST', path, { timeout: 5 })
    assertError(answer, 'INVALID_REQUEST')
    assert.match(answer.body.error.message, /^body: unknown field "timeout"/)
    assertError(await write('POST', path, [101]), 'INVALID_REQUEST')
  }
  for (const body of [{}, undefined]) {
    assert.equal((await write('POST', '/brokers/101/drain', body)).status, 200)
    assert.equal((await write('DELETE', '/brokers/101/drain')).status, 200)
  }
})
