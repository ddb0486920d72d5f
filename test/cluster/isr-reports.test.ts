import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ask, Cluster } from './processes.ts'

/** What storage nodes report of their replicas, sent by hand: brokers 1, 2 and 3 are plain clients. */
let cluster: Cluster
let count = 0
let topic = ''

before(async () => {
  cluster = await Cluster.start({ metadata: 1, storage: 0, args: ['--session-timeout-ms', '600000'] })
  for (const brokerId of [1, 2, 3])
    await cluster.write('POST', '/brokers', { brokerId, host: 'localhost', port: 19_000 + brokerId })
})
after(() => cluster[Symbol.asyncDispose]())
beforeEach(async () => {
  topic = `orders-${count++}`
  const created = await cluster.write('POST', '/topics', { topicName: topic, assignments: [[1, 2, 3]] })
  assert.equal(created.status, 201)
})

async function partition(): Promise<any> {
  return (await cluster.read(`/topics/${topic}/partitions/0`)).body
}

async function version(): Promise<number> {
  return (await cluster.read('/sync')).body.version
}

/** One report; returns its result. */
async function report(nodeId: number, brokerId: number, updateType: string, more: object = {}): Promise<any> {
  const isrUpdates = [{ topic, partition: 0, brokerId, updateType, ...more }]
  const body = { nodeId, metadataVersion: await version(), isrUpdates }
  const answer = await cluster.write('POST', '/isr-status-batch', body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  const [result] = answer.body.results
  assert.equal(answer.body.success, result.outcome !== 'REFUSED')
  return result
}

async function heartbeat(nodeId: number, roles: readonly object[], metadataVersion: number): Promise<any> {
  const partitions = roles.map(role => ({ topic, partition: 0, leo: 0, ...role }))
  const body = { nodeId, metadataVersion, partitions }
  const answer = await ask(
    'POST',
    `${cluster.metadata[0]!.url}/api/v1/metadata/storage-controller-heartbeat`,
    body,
  )
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

test('a replica that lags leaves the ISR, and comes back at half the lag that put it out', async () => {
  const lag = (currentLag: number) => ({ currentLag, lagThreshold: 1_000 })
  assert.equal((await report(2, 3, 'LAG_THRESHOLD_BREACHED', lag(4_000))).outcome, 'APPLIED')
  assert.deepEqual((await partition()).isr, [1, 2])
  const { leaderEpoch, partitionEpoch } = await partition()
  const epochs = { leaderEpoch, partitionEpoch }
  for (const currentLag of [999, 501]) {
    const held = await report(1, 3, 'LAG_THRESHOLD_RECOVERED', { ...lag(currentLag), ...epochs })
    assert.deepEqual(
      [held.outcome, held.message],
      ['HELD', `lag is ${currentLag}; it comes back at 500 or less`],
    )
  }
  assert.deepEqual((await partition()).isr, [1, 2])
  const stale = { ...lag(500), leaderEpoch, partitionEpoch: partitionEpoch - 1 }
  assert.equal((await report(1, 3, 'LAG_THRESHOLD_RECOVERED', stale)).code, 'INVALID_UPDATE_VERSION')
  const taken = await report(1, 3, 'LAG_THRESHOLD_RECOVERED', { ...lag(500), ...epochs })
  assert.equal(taken.outcome, 'APPLIED')
  assert.deepEqual((await partition()).isr, [1, 2, 3])
})

test('what a follower reports of its recovery is passed to the leader with its next heartbeat, once', async () => {
  await report(3, 3, 'LAG_THRESHOLD_BREACHED')
  assert.equal((await report(3, 3, 'LAG_THRESHOLD_RECOVERED')).outcome, 'PASSED_TO_LEADER')
  assert.deepEqual((await partition()).isr, [1, 2])
  assert.deepEqual((await heartbeat(2, [], await version())).expandIsr, [])
  assert.deepEqual((await heartbeat(1, [], await version())).expandIsr, [
    { topic, partition: 0, brokerId: 3 },
  ])
  assert.deepEqual((await heartbeat(1, [], await version())).expandIsr, [])
})

test('a storage node whose roles are not those of the metadata is told, and pulls', async () => {
  const now = await version()
  const agrees = await heartbeat(1, [{ role: 'LEADER' }], now)
  assert.deepEqual([agrees.success, agrees.inSync, agrees.instructions], [true, true, []])
  const wrong = await heartbeat(2, [{ role: 'LEADER' }, { role: 'FOLLOWER', partition: 7 }], now)
  assert.deepEqual([wrong.success, wrong.instructions], [false, ['PULL_METADATA']])
  assert.deepEqual(wrong.disagreements, [
    { topic, partition: 0, role: 'FOLLOWER', leaderEpoch: 0 },
    { topic, partition: 7, role: 'NONE', leaderEpoch: 0 },
  ])
  const behind = await heartbeat(1, [{ role: 'LEADER' }], now - 1)
  assert.deepEqual([behind.success, behind.inSync, behind.instructions], [true, false, ['PULL_METADATA']])
  assert.equal((await report(1, 1, 'PARTITION_BECAME_LEADER')).outcome, 'AGREES')
  assert.equal((await report(2, 2, 'PARTITION_BECAME_FOLLOWER')).outcome, 'AGREES')
  assert.equal((await report(2, 2, 'PARTITION_BECAME_LEADER')).code, 'FENCED_LEADER_EPOCH')
})

test('lag that a heartbeat tells is shown with the broker', async () => {
  await heartbeat(2, [{ role: 'FOLLOWER', lag: 17 }], await version())
  const { body } = await cluster.read('/brokers/2')
  assert.deepEqual(body.health.laggingPartitions, [{ topic, partition: 0, lag: 17 }])
})
