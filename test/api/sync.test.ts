import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readImageStream } from '../../src/broker/image-stream.ts'
import { type Answer, ask, Cluster, type NodeProcess, until } from '../cluster/processes.ts'
import { assertError, assertSound, METADATA, sendProved, settled } from './contract.ts'

/** How metadata is asked for, and what nodes tell of theirs: the rows of the contract about synchronisation. */
let cluster: Cluster
let controller: NodeProcess
let follower: NodeProcess

before(async () => {
  cluster = await Cluster.start({
    metadata: 3,
    storage: 1,
    args: ['--election-timeout-ms', '3000', '--session-timeout-ms', '60000'],
  })
  controller = await cluster.controller()
  follower = cluster.metadata.find(node => node !== controller)!
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

const get = (node: NodeProcess, path: string): Promise<Answer> => ask('GET', `${node.url}${METADATA}${path}`)
const post = (node: NodeProcess, path: string, body: unknown): Promise<Answer> =>
  ask('POST', `${node.url}${METADATA}${path}`, body)

async function version(): Promise<number> {
  return (await get(controller, '/sync')).body.version
}

async function topic(topicName: string, numPartitions = 1): Promise<void> {
  const answer = await post(controller, '/topics', { topicName, numPartitions, replicationFactor: 1 })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
}

/** A broker that is a plain client, as curl would be. */
async function plainBroker(brokerId: number): Promise<void> {
  const answer = await post(controller, '/brokers', { brokerId, host: '127.0.0.1', port: 9 })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
}

async function streamOf(node: NodeProcess, path = '/sync/snapshot') {
  const response = await fetch(`${node.url}${METADATA}${path}`)
  assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'application/octet-stream'])
  return readImageStream(response.body!, async () => {})
}

test('a storage node says that it lives, and is told whether its metadata is new enough', async () => {
  await plainBroker(5)
  const now = await version()
  const beat = (fields: object) =>
    post(controller, '/storage-heartbeat', {
      serviceId: 5,
      metadataVersion: now,
      lastUpdateTimestamp: 1,
      partitionCount: 0,
      leaderPartitions: 0,
      followerPartitions: 0,
      alive: true,
      ...fields,
    })
  const told = async (fields: object) => {
    const { status, body } = await beat(fields)
    return [status, body.success, body.inSync, body.instruction]
  }
  assert.deepEqual(await told({}), [200, true, true, 'NONE'])
  assert.deepEqual(await told({ metadataVersion: 1 }), [200, true, false, 'PULL_METADATA'])
  assert.deepEqual(await told({ serviceId: 77 }), [200, false, false, 'REREGISTER'])
  assert.deepEqual(await told({ brokerEpoch: 1 }), [200, false, false, 'REREGISTER'])
  assert.equal((await beat({})).body.controllerMetadataVersion, now)
  await beat({ alive: false })
  assert.equal((await get(controller, '/brokers/5')).body.status, 'OFFLINE')
  await beat({ metadataVersion: await version() })
  assert.equal((await get(controller, '/brokers/5')).body.status, 'ONLINE')
  assertError(await beat({ metadataVersion: 'new' }), 'INVALID_REQUEST')
  assertError(
    await post(follower, '/storage-heartbeat', { serviceId: 5, metadataVersion: 0 }),
    'NOT_CONTROLLER',
  )
})

test('either kind of node says that it lives; a metadata node proves the cluster key', async () => {
  await plainBroker(6)
  const storage = await post(controller, '/heartbeat', {
    serviceId: 6,
    serviceType: 'STORAGE',
    metadataVersion: 1,
  })
  assert.deepEqual(
    [storage.status, storage.body.ack, storage.body.brokerStatus, storage.body.instructions],
    [200, true, 'ONLINE', ['PULL_METADATA']],
  )
  assertError(
    await post(controller, '/heartbeat', { serviceId: 78, serviceType: 'STORAGE' }),
    'UNKNOWN_BROKER',
  )
  const metadata = { serviceId: follower.entry.id, serviceType: 'METADATA', metadataVersion: await version() }
  assertError(await post(controller, '/heartbeat', metadata), 'UNAUTHENTICATED')
  const proved = (fields: object) =>
    sendProved(controller, 'POST', `${METADATA}/heartbeat`, { ...metadata, ...fields })
  const answer = await proved({})
  assert.deepEqual([answer.status, answer.body.brokerStatus, answer.body.instructions], [200, 'ONLINE', []])
  assertError(await proved({ serviceId: 99 }), 'INVALID_REQUEST')
  assertError(await proved({ serviceType: 'OTHER' }), 'INVALID_REQUEST')
})

test('a metadata node that disagrees is named loudly, and its next report that agrees settles it', async () => {
  const { body } = await get(controller, '/sync')
  const report = (stateHash: string) =>
    sendProved(controller, 'POST', `${METADATA}/heartbeat`, {
      serviceId: follower.entry.id,
      serviceType: 'METADATA',
      metadataVersion: body.version,
      stateHash,
    })
  const state = async () =>
    (await get(controller, '/sync/status')).body.nodes.find(
      (node: any) => node.serviceType === 'METADATA' && node.serviceId === follower.entry.id,
    ).state
  assert.equal((await report('0123456789abcdef')).body.brokerStatus, 'DIVERGED')
  assert.equal(await state(), 'DIVERGED')
  await report('0123456789abcdef')
  const lines = controller.output.split('\n').filter(line => line.includes('"event":"sync.diverged"'))
  assert.equal(lines.length, 1)
  const { kind, nodeId, expected } = JSON.parse(lines[0]!)
  assert.deepEqual([kind, nodeId, expected], ['metadata', follower.entry.id, body.stateHash])
  assert.equal((await report(body.stateHash)).body.brokerStatus, 'ONLINE')
  // What is written meanwhile it may lack for a moment.
  await until('it is in sync again', async () => (await state()) === 'IN_SYNC')
})

test('the controller tells how far every node is, and that all have the same', async () => {
  await topic('status')
  const seen = await until('all are in sync', async () => {
    const { body } = await get(controller, '/sync/status')
    const known = body.nodes.filter((node: any) => ![5, 6].includes(node.serviceId))
    return known.every((node: any) => node.state === 'IN_SYNC' && node.lag === 0) ? body : null
  })
  assert.equal(seen.controllerId, controller.entry.id)
  const storage = seen.nodes.find((node: any) => node.serviceId === 101)
  assert.deepEqual([storage.session, storage.failures, storage.version], [true, 0, seen.version])
  assert.ok(storage.lastPushAt > 0 && storage.lastAckAt >= storage.lastPushAt)
  const plain = seen.nodes.find((node: any) => node.serviceId === 5)
  assert.deepEqual([plain.session, plain.state], [false, 'FAILING'])
  const { body } = await get(controller, '/sync/consistency')
  assert.deepEqual([body.status, body.differing, body.version], ['CONSISTENT', [], await version()])
  const compared = body.nodes.filter((node: any) => node.state === 'CONSISTENT')
  assert.deepEqual(
    compared.map((node: any) => [node.serviceId, node.stateHash === node.expected]),
    [
      [1, true],
      [2, true],
      [3, true],
      [101, true],
    ],
  )
  for (const path of ['/sync/status', '/sync/consistency'])
    assertError(await get(follower, path), 'NOT_CONTROLLER')
})

test('every metadata node tells the hash that it had at a version, and waits for one that is to come', async () => {
  const now = await version()
  const coming = get(follower, `/sync/hash?version=${now + 1}`)
  await topic('hash')
  const { stateHash } = (await get(controller, '/sync')).body
  assert.deepEqual((await coming).body, { nodeId: follower.entry.id, version: now + 1, stateHash })
  assert.equal((await get(follower, '/sync/hash?version=0')).body.version, 0)
  assertError(await get(follower, `/sync/hash?version=${now + 1_000}&timeoutMs=50`), 'VERSION_TIMEOUT')
})

test('what replays is to be had without the rows', async () => {
  const since = await version()
  await topic('replayed')
  const { body } = await get(controller, `/sync?since=${since}&form=commands`)
  assert.deepEqual([body.changes, body.more, body.commands.length], [undefined, undefined, 1])
  assert.equal(body.commands[0].commandType, 'CreateTopicCommand')
  assertError(await get(controller, `/sync?since=${since}&form=rows`), 'INVALID_REQUEST')
})

test('the stream holds everything at one version, at any node, and waits for one that is asked for', async () => {
  for (const node of cluster.metadata) {
    const { body } = await get(node, `/sync?minVersion=${await version()}`)
    const { head, image } = await streamOf(node)
    const { clusterId, recoveryEpoch } = body
    assert.deepEqual(head, { clusterId, recoveryEpoch, version: body.version, stateHash: body.stateHash })
    assert.deepEqual([image.version, image.stateHash], [body.version, body.stateHash])
  }
  const next = (await version()) + 1
  const waiting = streamOf(follower, `/sync/snapshot?minVersion=${next}`)
  await topic('awaited')
  assert.equal((await waiting).head.version, next)
  assertError(await get(follower, `/sync/snapshot?minVersion=${next + 99}&timeoutMs=50`), 'VERSION_TIMEOUT')
})

test('a large image is a link to the stream, also for plain clients, and does not change while it is read', async () => {
  const since = await version()
  await topic('large', 10_000)
  const { body } = await get(controller, '/sync')
  assert.deepEqual([body.snapshot, body.topics], ['/api/v1/metadata/sync/snapshot', undefined])
  const rows = (await get(controller, `/sync?since=${since}`)).body
  assert.deepEqual([rows.changes.length, rows.snapshot], [1, undefined])
  const response = await fetch(`${controller.url}${body.snapshot}`)
  // The first bytes are sent: the version stands.
  await topic('later')
  const { head, image } = await readImageStream(response.body!, async () => {})
  assert.deepEqual([head.version, image.stateHash], [body.version, body.stateHash])
  assert.equal(image.topic('later'), undefined)
  assert.equal(image.topic('large')!.rows.length, 10_000)
  // Who goes away in the middle leaves nothing behind: as often as one likes.
  for (let i = 0; i < 40; i++) {
    const abort = new AbortController()
    const cut = await fetch(`${controller.url}${body.snapshot}`, { signal: abort.signal })
    await cut.body!.getReader().read()
    abort.abort()
  }
  await until(
    'the stream is to be had again',
    async () => (await fetch(`${controller.url}${body.snapshot}`)).status === 200,
  )
  await until('the storage node has it', async () => {
    const status = (await ask('GET', `${cluster.storage[0]!.url}/api/v1/storage/status`)).body
    return status.metadataVersion === (await version())
  })
  assertSound(cluster.all)
})
