import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, Cluster, until } from './processes.ts'

async function brokerStatus(cluster: Cluster, brokerId: number): Promise<string> {
  const { body } = await ask('GET', `${(await cluster.controller()).url}/api/v1/metadata/brokers/${brokerId}`)
  return body.status
}

test('a broker registered by curl is ONLINE, gets replicas, goes OFFLINE in silence and comes back by a heartbeat', async () => {
  await using cluster = await Cluster.start({
    metadata: 3,
    storage: 0,
    args: ['--session-timeout-ms', '600'],
  })
  const registration = { brokerId: 5, host: 'localhost', port: 19_999 }
  assert.equal((await cluster.write('POST', '/brokers', registration)).body.status, 'ONLINE')
  assert.equal((await cluster.write('POST', '/brokers', registration)).status, 200)
  const topic = await cluster.write('POST', '/topics', {
    topicName: 't',
    numPartitions: 3,
    replicationFactor: 1,
  })
  assert.deepEqual(
    topic.body.partitions.map((partition: { leader: number }) => partition.leader),
    [5, 5, 5],
  )
  await until('it is OFFLINE', async () => (await brokerStatus(cluster, 5)) === 'OFFLINE')
  const lost = await ask('GET', `${(await cluster.controller()).url}/api/v1/metadata/topics/t/partitions/0`)
  assert.deepEqual([lost.body.leader, lost.body.isr, lost.body.elr], [null, [], [5]])
  const beat = await cluster.write('POST', '/heartbeat/5', { brokerId: 5, timestamp: 0, metadataVersion: 0 })
  assert.equal(beat.body.brokerStatus, 'ONLINE')
  const back = await ask('GET', `${(await cluster.controller()).url}/api/v1/metadata/topics/t/partitions/0`)
  assert.deepEqual([back.body.leader, back.body.isr, back.body.elr], [5, [5], []])
  assert.equal((await cluster.write('DELETE', '/brokers/5')).body.error.code, 'BROKER_HAS_REPLICAS')
})

test('the partitions of a killed storage node have new leaders, in one log entry, on every node', async () => {
  await using cluster = await Cluster.start({
    metadata: 3,
    storage: 3,
    args: ['--session-timeout-ms', '1000', '--heartbeat-interval-ms', '200'],
  })
  const topic = await cluster.write('POST', '/topics', {
    topicName: 'orders',
    numPartitions: 30,
    replicationFactor: 3,
  })
  assert.equal(topic.status, 201)
  const controller = await cluster.controller()
  const before = (await ask('GET', `${controller.url}/api/v1/metadata/cluster`)).body
  await cluster.storage[0]!.end('SIGKILL')
  const after = await until('nobody is led by the dead broker', async () => {
    const { body } = await ask('GET', `${controller.url}/api/v1/metadata/cluster`)
    return body.topics[0].partitions.every(
      ({ leader }: { leader: number }) => leader !== 101 && leader !== null,
    )
      ? body
      : null
  })
  assert.equal(after.version, before.version + 1)
  await until('the other storage nodes know', async () => {
    const copies = await Promise.all(
      cluster.storage.slice(1).map(({ url }) => ask('GET', `${url}/api/v1/storage/status`)),
    )
    return copies.every(({ body }) => body.metadataVersion === after.version)
  })
})

test('storage nodes find the new controller, and none is fenced by the change', async () => {
  await using cluster = await Cluster.start({ metadata: 3, storage: 2 })
  const old = await cluster.controller()
  await old.end('SIGKILL')
  const next = await cluster.controller()
  await until('both storage nodes follow it', async () => {
    const copies = await Promise.all(
      cluster.storage.map(({ url }) => ask('GET', `${url}/api/v1/storage/status`)),
    )
    return copies.every(({ body }) => body.controller.url === next.url && body.status === 'ONLINE')
  })
  const { body } = await ask('GET', `${next.url}/api/v1/metadata/brokers`)
  assert.deepEqual(
    body.brokers.map((broker: { status: string }) => broker.status),
    ['ONLINE', 'ONLINE'],
  )
})

test('a storage node that is killed and started again registers at once, without waiting for its old session', async () => {
  await using cluster = await Cluster.start({
    metadata: 1,
    storage: 1,
    args: ['--session-timeout-ms', '60000'],
  })
  const node = cluster.storage[0]!
  await node.end('SIGKILL')
  node.start()
  await until(
    'it is ready again',
    async () => (await ask('GET', `${node.url}/health/ready`)).status === 200,
    10_000,
  )
})

test('a second process with the id of a live broker is refused', async () => {
  await using cluster = await Cluster.start({ metadata: 1, storage: 1 })
  const { port } = cluster.storage[0]!.entry
  const answer = await cluster.write('POST', '/brokers', {
    brokerId: 101,
    host: 'localhost',
    port,
    incarnationId: 'somebody-else',
  })
  assert.equal(answer.status, 409)
  assert.equal(answer.body.error.code, 'DUPLICATE_BROKER')
  assert.equal(await brokerStatus(cluster, 101), 'ONLINE')
})

test('a storage node that was away is back in every ISR, put there by the leaders', async () => {
  await using cluster = await Cluster.start({ metadata: 3, storage: 3 })
  await cluster.write('POST', '/topics', { topicName: 'orders', numPartitions: 6, replicationFactor: 3 })
  const node = cluster.storage[1]!
  const inSync = async (): Promise<number[][]> => {
    const { body } = await ask('GET', `${cluster.metadata[0]!.url}/api/v1/metadata/topics/orders`)
    return body.partitions.map((partition: { isr: number[] }) => partition.isr)
  }
  assert.equal(await node.end('SIGTERM'), 0)
  await until('it left every ISR', async () => (await inSync()).every(isr => !isr.includes(102)))
  node.start()
  await until('it is back in every ISR', async () => (await inSync()).every(isr => isr.length === 3))
  const stale = await cluster.write('POST', '/partitions/alter', {
    brokerId: 101,
    brokerEpoch: 1,
    changes: [
      {
        topic: 'orders',
        partition: 0,
        leaderEpoch: 0,
        partitionEpoch: 0,
        newIsr: [{ brokerId: 101, brokerEpoch: 1 }],
      },
    ],
  })
  assert.equal(stale.body.error.code, 'STALE_BROKER_EPOCH')
})
