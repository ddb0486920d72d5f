import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { encodePieces } from '../../src/base/piece-stream.ts'
import { readImageStream } from '../../src/broker/image-stream.ts'
import { writeImage } from '../../src/metadata/snapshot.ts'
import { lossesOf } from './partitions.ts'
import { ask, Cluster, type NodeProcess, until } from './processes.ts'

/** How metadata comes to storage nodes, and what they do when it cannot. */
const METADATA = '/api/v1/metadata'

async function statusOf(node: NodeProcess): Promise<any> {
  return (await ask('GET', `${node.url}/api/v1/storage/status`)).body
}

async function syncStatusOf(cluster: Cluster, id: number): Promise<any> {
  const { body } = await ask('GET', `${(await cluster.controller()).url}${METADATA}/sync/status`)
  return body?.nodes?.find((node: any) => node.serviceId === id)
}

async function topic(cluster: Cluster, topicName: string, replicationFactor = 1): Promise<void> {
  const answer = await cluster.write('POST', '/topics', { topicName, numPartitions: 2, replicationFactor })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
}

/** Every storage node that runs has what the controller has, and holds a session with it. */
async function inSync(cluster: Cluster, nodes: readonly NodeProcess[] = cluster.storage): Promise<void> {
  await until('the storage nodes are in sync', async () => {
    // Whoever it is now: one that was stopped may take itself for it for a moment.
    const controller = await cluster.controller()
    const { body } = await ask('GET', `${controller.url}${METADATA}/sync`)
    const copies = await Promise.all(nodes.map(statusOf))
    return copies.every(
      copy =>
        copy?.metadataVersion === body.version &&
        copy.stateHash === body.stateHash &&
        copy.controller?.url === controller.url &&
        copy.session,
    )
  })
}

describe('in one cluster of three and three, which each test leaves whole', () => {
  let cluster: Cluster

  before(async () => {
    cluster = await Cluster.start({ metadata: 3, storage: 3 })
  })
  after(() => cluster[Symbol.asyncDispose]())

  test('kill -9 of the controller: sessions move to the next one, and so do pushes', async () => {
    await topic(cluster, 'before', 3)
    await inSync(cluster)
    const old = await cluster.controller()
    const sessions = (await ask('GET', `${old.url}${METADATA}/sync/status`)).body.nodes
    assert.deepEqual(
      sessions.filter((node: any) => node.serviceType === 'STORAGE').map((node: any) => node.session),
      [true, true, true],
    )
    const losses = () => Promise.all(cluster.storage.map(({ entry }) => lossesOf(cluster, entry.id)))
    const lost = await losses()
    await old.end('SIGKILL')
    const next = await cluster.controller()
    await topic(cluster, 'after', 3)
    await inSync(cluster)
    const nodes = (await ask('GET', `${next.url}${METADATA}/sync/status`)).body.nodes
    for (const node of nodes.filter((each: any) => each.serviceType === 'STORAGE'))
      assert.deepEqual([node.session, node.state, node.lag], [true, 'IN_SYNC', 0], JSON.stringify(node))
    assert.deepEqual(await losses(), lost, 'nobody was fenced for it')
    old.start()
    await cluster.ready()
  })

  test('a controller that stands still keeps its connections, and the sessions move all the same', async () => {
    await inSync(cluster)
    const old = await cluster.controller()
    const others = cluster.metadata.filter(node => node !== old)
    old.pause()
    const next = await until('another controller', async () => {
      for (const node of others)
        if ((await ask('GET', `${node.url}${METADATA}/controller`)).body?.nodeState === 'LEADER') return node
      return null
    })
    await until('the storage nodes hold sessions with it', async () => {
      const copies = await Promise.all(cluster.storage.map(statusOf))
      return copies.every(copy => copy.controller?.url === next.url && copy.session)
    })
    old.wake()
    await inSync(cluster)
  })

  test('a storage node that starts while the quorum is down shows its copy, and pulls only what it missed', async () => {
    for (const name of ['a', 'b', 'c']) await topic(cluster, name, 2)
    await inSync(cluster)
    const [node, ...others] = cluster.storage as [NodeProcess, ...NodeProcess[]]
    const before = await statusOf(node)
    await until(
      'its copy is on disk',
      async () => (await statusOf(node)).savedMetadataVersion === before.metadataVersion,
    )
    await node.end('SIGKILL')
    await topic(cluster, 'missed', 1)
    await inSync(cluster, others)
    await Promise.all(cluster.metadata.map(each => each.end('SIGKILL')))
    node.start()
    const alone = await until('it answers', () => statusOf(node))
    assert.deepEqual(
      [alone.metadataVersion, alone.stateHash, alone.clusterId, alone.savedMetadataVersion],
      [before.metadataVersion, before.stateHash, before.clusterId, before.metadataVersion],
    )
    assert.deepEqual(
      alone.partitions.map(({ topic, partition }: any) => `${topic}-${partition}`),
      before.partitions.map(({ topic, partition }: any) => `${topic}-${partition}`),
    )
    assert.deepEqual([alone.brokerEpoch, alone.session, alone.controller], [null, false, null])
    for (const each of cluster.metadata) each.start()
    await inSync(cluster)
    assert.deepEqual(node.logged('sync.diverged'), [])
  })

  test('a copy that was changed on disk is named and repaired', async () => {
    await topic(cluster, 'changed', 2)
    await inSync(cluster)
    const node = cluster.storage[0]!
    assert.equal(await node.end('SIGTERM'), 0)
    const path = join(node.folder, 'metadata-copy')
    const { head, image } = await readImageStream([readFileSync(path)], async () => {})
    image.changeTopic({ ...image.topic('changed')!, config: { 'retention.ms': '1' } })
    const tampered = { ...head, stateHash: image.stateHash }
    writeFileSync(path, Buffer.concat([...encodePieces(tampered, writeImage(image))]))
    node.start()
    const seen = await until('the controller names it', async () => {
      const status = await syncStatusOf(cluster, 101)
      return status?.divergences > 0 && status.state === 'IN_SYNC' ? status : null
    })
    assert.notEqual(seen.lastDivergence.stateHash, seen.lastDivergence.expected)
    await inSync(cluster)
    const [named] = (await cluster.controller()).logged('sync.diverged')
    assert.deepEqual([named.kind, named.nodeId], ['storage', 101])
    assert.equal(node.logged('sync.diverged').length, 1)
    const { body } = await ask('GET', `${(await cluster.controller()).url}${METADATA}/sync/consistency`)
    assert.deepEqual([body.status, body.differing, body.notCompared], ['CONSISTENT', [], []])
    assert.equal(body.nodes.length, 6)
  })

  test('POST /sync brings everything to a registered node, and to nobody else', async () => {
    await topic(cluster, 'one')
    await inSync(cluster)
    const controller = await cluster.controller()
    const follower = cluster.metadata.find(node => node !== controller)!
    const node = cluster.storage[0]!
    const push = (at: NodeProcess, requestingServiceUrl: string) =>
      ask('POST', `${at.url}${METADATA}/sync`, { requestingServiceUrl })
    const done = await push(controller, `${node.url}/`)
    const { version, stateHash } = (await ask('GET', `${controller.url}${METADATA}/sync`)).body
    assert.deepEqual([done.status, done.body], [200, { success: true, brokerId: 101, version, stateHash }])
    assert.equal((await push(controller, 'http://localhost:1')).body.error.code, 'INVALID_REQUEST')
    assert.equal((await push(controller, 'not an address')).body.error.code, 'INVALID_REQUEST')
    assert.equal((await push(follower, node.url)).body.error.code, 'NOT_CONTROLLER')
    await node.end('SIGKILL')
    const failed = await push(controller, node.url)
    assert.deepEqual([failed.status, failed.body.success], [200, false])
  })
})

test('a copy that is damaged is told, thrown away and fetched anew; one of another cluster is refused', async () => {
  await using cluster = await Cluster.start({ metadata: 1, storage: 1, args: ['--log-level', 'debug'] })
  await topic(cluster, 'kept')
  await inSync(cluster)
  const node = cluster.storage[0]!
  assert.equal(await node.end('SIGTERM'), 0)
  const path = join(node.folder, 'metadata-copy')
  const bytes = readFileSync(path)
  bytes[bytes.length - 20]! ^= 1
  writeFileSync(path, bytes)
  node.start()
  await inSync(cluster)
  assert.match(node.logged('sync.damaged')[0].reason, /metadata-copy: a piece fails its checksum/)
  assert.equal(await node.end('SIGTERM'), 0)
  const read = await readImageStream([readFileSync(path)], async () => {})
  const foreign = { ...read.head, clusterId: 'another cluster' }
  writeFileSync(path, Buffer.concat([...encodePieces(foreign, writeImage(read.image))]))
  node.start()
  await until('it is refused', async () =>
    node.logged('refused').some(({ code }) => code === 'CLUSTER_ID_MISMATCH'),
  )
  assert.equal((await statusOf(node)).clusterId, 'another cluster')
})

test('a storage node that stood still while the ring ran over comes back by the snapshot stream', async () => {
  await using cluster = await Cluster.start({
    metadata: 3,
    storage: 2,
    args: [
      '--change-ring-bytes',
      '4096',
      '--session-timeout-ms',
      '1000',
      '--heartbeat-interval-ms',
      '200',
      '--log-level',
      'debug',
    ],
  })
  await inSync(cluster)
  const node = cluster.storage[0]!
  const since = (await statusOf(node)).metadataVersion
  node.pause()
  const controller = await cluster.controller()
  await until('the ring has run over', async () => {
    await topic(cluster, `t-${performance.now()}`, 1)
    return (await ask('GET', `${controller.url}${METADATA}/sync?since=${since}`)).body.snapshot !== undefined
  })
  await until('it is OFFLINE', async () => {
    const { body } = await ask('GET', `${(await cluster.controller()).url}${METADATA}/brokers/101`)
    return body.status === 'OFFLINE'
  })
  node.wake()
  await inSync(cluster)
  assert.ok(node.logged('sync').some(({ by }) => by === 'snapshot'))
})
