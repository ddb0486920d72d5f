import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Answer, ask, Cluster, type NodeProcess, until } from './processes.ts'

const TOPICS = '/api/v1/metadata/topics'

/** Repeated while the answer says that nothing was done (no controller), or does not say what was. */
function create(node: NodeProcess, topicName: string, key: string): Promise<Answer> {
  const body = { topicName, assignments: [[7]] }
  return until('the request is answered', async () => {
    const headers = { 'idempotency-key': key, prefer: 'forward' }
    const answer = await ask('POST', `${node.url}${TOPICS}`, body, headers)
    return [0, 503, 504].includes(answer.status) ? null : answer
  })
}

async function assertReplayed(node: NodeProcess): Promise<void> {
  const created = await create(node, 'orders', 'create-orders')
  assert.deepEqual(
    [created.status, created.headers.get('idempotency-replayed'), created.body.topicName],
    [201, 'true', 'orders'],
  )
  const rejected = await create(node, 'orders', 'create-orders-again')
  assert.deepEqual([rejected.status, rejected.body.error.code], [409, 'TOPIC_ALREADY_EXISTS'])
  assert.equal(rejected.headers.get('idempotency-replayed'), 'true')
  const reused = await create(node, 'another', 'create-orders')
  assert.deepEqual([reused.status, reused.body.error.code], [409, 'IDEMPOTENCY_KEY_REUSED'])
}

let cluster: Cluster

before(async () => {
  const args = ['--snapshot-bytes', '4096', '--session-timeout-ms', '600000']
  cluster = await Cluster.start({ metadata: 3, storage: 0, args })
})
after(() => cluster[Symbol.asyncDispose]())

test('a key that is no key is refused', async () => {
  const node = await cluster.controller()
  for (const key of ['', 'x'.repeat(65), 'caf\u00e9']) {
    const { status, body } = await create(node, 'orders', key)
    assert.deepEqual([status, body.error.code], [400, 'INVALID_REQUEST'], JSON.stringify(key))
  }
})

test('a repeated request gets its first result: at once, after a failover, and from a snapshot', async () => {
  await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
  const first = await cluster.controller()
  const created = await create(first, 'orders', 'create-orders')
  assert.deepEqual([created.status, created.headers.get('idempotency-replayed')], [201, null])
  const rejected = await create(first, 'orders', 'create-orders-again')
  assert.deepEqual([rejected.status, rejected.headers.get('idempotency-replayed')], [409, null])
  for (const node of cluster.metadata) await assertReplayed(node)

  await first.end('SIGKILL')
  for (const node of cluster.metadata.filter(({ running }) => running)) await assertReplayed(node)

  // Enough for several snapshots, the log behind them dropped; then everybody starts from what is left.
  for (let i = 0; i < 100; i++)
    assert.equal(
      (await cluster.write('POST', '/topics', { topicName: `t-${i}`, assignments: [[7]] })).status,
      201,
    )
  first.start()
  await cluster.ready()
  for (const node of cluster.metadata)
    await until('it has a snapshot', async () => /snapshot\.(taken|installed)/.test(node.output))
  for (const node of cluster.metadata) await node.end('SIGTERM')
  for (const node of cluster.metadata) node.start()
  await cluster.ready()
  for (const node of cluster.metadata) await assertReplayed(node)
})

test('what was done once is not looked at again: rebalances, and levels', async () => {
  const args = ['--first-metadata-version', '2', '--session-timeout-ms', '600000']
  await using cluster = await Cluster.start({ metadata: 1, storage: 0, args })
  for (const brokerId of [7, 8])
    await cluster.write('POST', '/brokers', { brokerId, host: 'localhost', port: 19_990 + brokerId })
  const { url } = cluster.metadata[0]!
  const keyed = async (method: string, path: string, key: string, body?: object) => {
    const answer = await ask(method, `${url}/api/v1/metadata${path}`, body, { 'idempotency-key': key })
    return [answer.status, answer.headers.get('idempotency-replayed'), answer.body?.error?.code]
  }
  assert.deepEqual(await keyed('POST', '/rebalance', 'even', {}), [200, null, undefined])
  await cluster.write('POST', '/topics', { topicName: 'orders', assignments: [[7], [7], [7], [7]] })
  assert.deepEqual(await keyed('POST', '/rebalance', 'even', {}), [200, 'true', undefined])
  assert.equal((await ask('GET', `${url}/api/v1/metadata/rebalance`)).body.since, null, 'it was even then')
  assert.deepEqual(await keyed('POST', '/rebalance', 'begin', {}), [200, null, undefined])
  assert.deepEqual(await keyed('DELETE', '/rebalance', 'end'), [204, null, undefined])
  assert.deepEqual(await keyed('DELETE', '/rebalance', 'end'), [204, 'true', undefined])
  assert.deepEqual(await keyed('DELETE', '/rebalance', 'none'), [409, null, 'NO_REASSIGNMENT_IN_PROGRESS'])
  assert.deepEqual(await keyed('POST', '/rebalance', 'begin', {}), [200, 'true', undefined])
  assert.deepEqual(await keyed('POST', '/rebalance', 'begin', { dryRun: false }), [
    409,
    null,
    'IDEMPOTENCY_KEY_REUSED',
  ])
  const { body } = await ask('GET', `${url}/api/v1/metadata/rebalance`)
  assert.equal(body.since, null, 'the repeat did not begin another one')
  assert.deepEqual(await keyed('DELETE', '/rebalance', 'none'), [409, 'true', 'NO_REASSIGNMENT_IN_PROGRESS'])

  const levels = { features: { 'metadata.version': 3 } }
  assert.deepEqual(await keyed('POST', '/features', 'raise', levels), [200, null, undefined])
  // A storage node that does not answer, and so does not tell what it supports.
  const silent = { brokerId: 9, host: 'localhost', port: 19_999, incarnationId: 'a process' }
  await cluster.write('POST', '/brokers', silent)
  assert.deepEqual(await keyed('POST', '/features', 'raise', levels), [200, 'true', undefined])
  assert.deepEqual(
    await keyed('POST', '/features', 'raise again', levels),
    [200, null, undefined],
    'it is in force',
  )
})
