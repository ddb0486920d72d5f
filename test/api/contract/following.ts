import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, until } from '../../cluster/processes.ts'
import { assertError, STORAGE } from '../contract.ts'
import { at, cluster, controller, created, fieldsOf, follower, write } from './shared-cluster.ts'

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
