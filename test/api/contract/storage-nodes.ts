import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, until } from '../../cluster/processes.ts'
import { assertError, raftStatus, STORAGE, send, sendProved, settled } from '../contract.ts'
import { cluster, controller, created, fieldsOf } from './shared-cluster.ts'

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
  /** But for how much of its copy is on disk: that is written when it is due. */
  const status = async () => {
    const { savedMetadataVersion: _, ...told } = (await ask('GET', `${node.url}${STORAGE}/status`)).body
    return told
  }
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
