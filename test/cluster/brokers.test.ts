import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { brokerAt, everyPartition, lossesOf } from './partitions.ts'
import { ask, Cluster, until } from './processes.ts'

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
  await until('it is OFFLINE', async () => (await brokerAt(cluster, 5)).status === 'OFFLINE')
  const lost = await ask('GET', `${(await cluster.controller()).url}/api/v1/metadata/topics/t/partitions/0`)
  assert.deepEqual([lost.body.leader, lost.body.isr, lost.body.elr], [null, [], [5]])
  const beat = await cluster.write('POST', '/heartbeat/5', { brokerId: 5, timestamp: 0, metadataVersion: 0 })
  assert.equal(beat.body.brokerStatus, 'ONLINE')
  const back = await ask('GET', `${(await cluster.controller()).url}/api/v1/metadata/topics/t/partitions/0`)
  assert.deepEqual([back.body.leader, back.body.isr, back.body.elr], [5, [5], []])
  assert.equal((await cluster.write('DELETE', '/brokers/5')).body.error.code, 'BROKER_HAS_REPLICAS')
})

describe('in a cluster of three and three', () => {
  let cluster: Cluster

  before(async () => {
    cluster = await Cluster.start({ metadata: 3, storage: 3 })
    const topic = { topicName: 'orders', numPartitions: 30, replicationFactor: 3 }
    assert.equal((await cluster.write('POST', '/topics', topic)).status, 201)
  })
  after(() => cluster[Symbol.asyncDispose]())

  const isInSync = ({ isr, replicas }: { isr: readonly number[]; replicas: readonly number[] }): boolean =>
    isr.length === replicas.length

  test('the partitions of a killed storage node have new leaders, in one log entry, on every node', async () => {
    const controller = await cluster.controller()
    const before = (await ask('GET', `${controller.url}/api/v1/metadata/cluster`)).body
    const [dead, ...others] = cluster.storage
    assert.ok(before.topics[0].partitions.some(({ leader }: { leader: number }) => leader === 101))
    await dead!.end('SIGKILL')
    const after = await until('nobody is led by the dead broker', async () => {
      const { body } = await ask('GET', `${controller.url}/api/v1/metadata/cluster`)
      return body.topics[0].partitions.every(
        ({ leader }: { leader: number }) => leader !== 101 && leader !== null,
      )
        ? body
        : null
    })
    assert.equal(after.version, before.version + 1)
    assert.equal((await lossesOf(cluster, 101)).length, 1)
    await until('the other storage nodes know', async () => {
      const copies = await Promise.all(others.map(({ url }) => ask('GET', `${url}/api/v1/storage/status`)))
      return copies.every(({ body }) => body.metadataVersion === after.version)
    })
    dead!.start()
    await everyPartition(cluster, 'it is back in every ISR', isInSync)
  })

  test('a storage node that was away is back in every ISR, put there by the leaders', async () => {
    const node = cluster.storage[1]!
    assert.equal(await node.end('SIGTERM'), 0)
    await everyPartition(cluster, 'it left every ISR', ({ isr }) => !isr.includes(102))
    node.start()
    await everyPartition(cluster, 'it is back in every ISR', isInSync)
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

  test('storage nodes find the new controller, and none is fenced by the change', async () => {
    const losses = () => Promise.all(cluster.storage.map(({ entry }) => lossesOf(cluster, entry.id)))
    const before = await losses()
    const old = await cluster.controller()
    await old.end('SIGKILL')
    const next = await cluster.controller()
    await until('all storage nodes follow it', async () => {
      const copies = await Promise.all(
        cluster.storage.map(({ url }) => ask('GET', `${url}/api/v1/storage/status`)),
      )
      return copies.every(({ body }) => body.controller.url === next.url && body.status === 'ONLINE')
    })
    const { body } = await ask('GET', `${next.url}/api/v1/metadata/brokers`)
    assert.deepEqual(
      body.brokers.map((broker: { status: string }) => broker.status),
      ['ONLINE', 'ONLINE', 'ONLINE'],
    )
    assert.deepEqual(await losses(), before)
  })
})

describe('in a cluster of one and one, whose session lasts a minute', () => {
  let cluster: Cluster

  before(async () => {
    cluster = await Cluster.start({ metadata: 1, storage: 1, args: ['--session-timeout-ms', '60000'] })
  })
  after(() => cluster[Symbol.asyncDispose]())

  test('a second process with the id of a live broker is refused', async () => {
    const { port } = cluster.storage[0]!.entry
    const answer = await cluster.write('POST', '/brokers', {
      brokerId: 101,
      host: 'localhost',
      port,
      incarnationId: 'somebody-else',
    })
    assert.equal(answer.status, 409)
    assert.equal(answer.body.error.code, 'DUPLICATE_BROKER')
    assert.equal((await brokerAt(cluster, 101)).status, 'ONLINE')
  })

  test('a storage node that is killed and started again registers at once, without waiting for its old session', async () => {
    const node = cluster.storage[0]!
    const { brokerEpoch } = await brokerAt(cluster, 101)
    await node.end('SIGKILL')
    node.start()
    await until('it is registered anew, and ONLINE', async () => {
      const broker = await brokerAt(cluster, 101)
      return broker.brokerEpoch > brokerEpoch && broker.status === 'ONLINE'
    })
    await cluster.ready()
  })
})
