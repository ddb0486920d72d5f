import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type Answer, ask, Cluster, type NodeProcess, until } from './processes.ts'

const TOPICS = '/api/v1/metadata/topics'

/** One cluster for all of it: each test leaves it with its six nodes at work. */
let cluster: Cluster

before(async () => {
  cluster = await Cluster.start({ metadata: 3, storage: 3 })
})
after(() => cluster[Symbol.asyncDispose]())

/** Every metadata node, and every storage node, has the same version with the same state hash. */
async function agreed(): Promise<{ version: number; names: string[] }> {
  return until('all nodes agree on version and state hash', async () => {
    const views = await Promise.all(
      cluster.metadata.map(({ url }) => ask('GET', `${url}/api/v1/metadata/sync`)),
    )
    const copies = await Promise.all(
      cluster.storage.map(({ url }) => ask('GET', `${url}/api/v1/storage/status`)),
    )
    if ([...views, ...copies].some(({ status }) => status !== 200)) return null
    const hashes = new Set([...views, ...copies].map(({ body }) => body.stateHash))
    const versions = new Set([
      ...views.map(({ body }) => body.version),
      ...copies.map(({ body }) => body.metadataVersion),
    ])
    if (hashes.size !== 1 || versions.size !== 1) return null
    return { version: [...versions][0] as number, names: await topicNames(cluster.metadata[0]!.url) }
  })
}

/** Page by page: the whole metadata of a large cluster is no single answer. */
async function topicNames(url: string): Promise<string[]> {
  const names: string[] = []
  for (let after = ''; ; after = names.at(-1)!) {
    const { body } = await ask('GET', `${url}${TOPICS}?limit=10000&after=${after}`)
    names.push(...body.topics.map((topic: { topicName: string }) => topic.topicName))
    if (body.next === undefined) return names
  }
}

/** Creates topics one after the other at whichever node answers; notes which were acknowledged and which may exist. */
async function createTopics(client: number, running: () => boolean) {
  const acknowledged: string[] = []
  const unknown: string[] = []
  for (let i = 0; running(); i++) {
    const topicName = `topic-${client}-${i}`
    const node = cluster.metadata[(client + i) % cluster.metadata.length]!
    const body = { topicName, numPartitions: 2, replicationFactor: 2 }
    const answer: Answer = await ask('POST', `${node.url}${TOPICS}`, body, { prefer: 'forward' })
    if (answer.status === 201) acknowledged.push(topicName)
    else if (answer.status === 0 || answer.status === 504) unknown.push(topicName)
    else if (answer.status !== 503)
      assert.fail(`unexpected answer ${answer.status} ${JSON.stringify(answer.body)}`)
    // Whoever starts anew needs the cores as well.
    await pause(10)
  }
  return { acknowledged, unknown }
}

test('a controller that was stopped and wakes up commits nothing of its old term', async () => {
  const old = await cluster.controller()
  old.pause()
  const late = ask('POST', `${old.url}${TOPICS}?timeoutMs=3000`, {
    topicName: 'late',
    numPartitions: 1,
    replicationFactor: 1,
  })
  const others = cluster.metadata.filter(node => node !== old)
  const next = await until('another controller', async () => {
    for (const node of others) {
      const { status, body } = await ask('GET', `${node.url}/api/v1/metadata/controller`)
      if (status === 200 && body.nodeState === 'LEADER') return node
    }
    return null
  })
  const created = await until('the new controller writes', async () => {
    const answer = await ask('POST', `${next.url}${TOPICS}`, {
      topicName: 'fresh',
      numPartitions: 1,
      replicationFactor: 1,
    })
    return answer.status === 201 ? answer : null
  })
  old.wake()
  const answer = await late
  assert.notEqual(answer.status, 201, 'the old controller acknowledged a write')
  const version = created.headers.get('x-metadata-version')
  const read = await ask('GET', `${old.url}${TOPICS}?minVersion=${version}&timeoutMs=10000`)
  assert.equal(read.status, 200)
  assert.deepEqual(
    read.body.topics.map((topic: { topicName: string }) => topic.topicName),
    ['fresh'],
  )
  await agreed()
})

test('a metadata node left alone refuses writes, answers reads, and becomes part of the cluster again', async () => {
  const created = await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
  assert.equal(created.status, 201)
  const [alone, ...others] = cluster.metadata as [NodeProcess, NodeProcess, NodeProcess]
  await until(
    'the node has the broker',
    async () => (await ask('GET', `${alone.url}/api/v1/metadata/brokers/7`)).status === 200,
  )
  await Promise.all(others.map(node => node.end('SIGKILL')))
  // For an election timeout it may name the controller that was.
  await until('it notices that it is alone', async () => {
    const { status, body } = await ask('DELETE', `${alone.url}/api/v1/metadata/brokers/7?timeoutMs=500`)
    assert.equal(status >= 500, true, `${status} of a node that is alone`)
    return status === 503 && body.error.code === 'NO_CONTROLLER'
  })
  assert.equal((await ask('GET', `${alone.url}/api/v1/metadata/brokers/7`)).status, 200)
  assert.equal((await ask('GET', `${alone.url}/health/ready`)).status, 503)
  for (const node of others) node.start()
  await cluster.ready()
  const written = await cluster.write('POST', '/brokers', { brokerId: 8, host: 'localhost', port: 19_998 })
  assert.equal(written.status, 201)
  const version = Number(written.headers.get('x-metadata-version'))
  assert.ok(version > 0)
  const read = await ask('GET', `${alone.url}/api/v1/metadata/brokers/8?minVersion=${version}`)
  assert.equal(read.status, 200)
})

test('everything is there after all six processes are killed at once', async () => {
  for (let i = 0; i < 20; i++) {
    const answer = await cluster.write('POST', '/topics', {
      topicName: `kept-${i}`,
      numPartitions: 3,
      replicationFactor: 3,
    })
    assert.equal(answer.status, 201)
  }
  await Promise.all(cluster.all.map(node => node.end('SIGKILL')))
  for (const node of cluster.all) node.start()
  await cluster.ready()
  const { names } = await agreed()
  assert.equal(names.filter(name => name.startsWith('kept-')).length, 20)
  await until('every partition has a leader again', async () => {
    const { body } = await ask('GET', `${cluster.metadata[0]!.url}/api/v1/metadata/cluster`)
    const partitions = body.topics.flatMap(
      (topic: { partitions: { leader: number | null }[] }) => topic.partitions,
    )
    return partitions.every(({ leader }: { leader: number | null }) => leader !== null)
  })
})

test('no acknowledged topic is lost while the controller is killed ten times', async () => {
  const already = (await agreed()).names
  let running = true
  const clients = [0, 1, 2, 3].map(client => createTopics(client, () => running))
  for (let round = 0; round < 10; round++) {
    const controller = await cluster.controller()
    await controller.end('SIGKILL')
    const next = await cluster.controller()
    assert.notEqual(next, controller)
    controller.start()
    await until(
      'the killed node is back',
      async () => (await ask('GET', `${controller.url}/health/ready`)).status === 200,
    )
  }
  running = false
  const results = await Promise.all(clients)
  const { names } = await agreed()
  const acknowledged = results.flatMap(result => result.acknowledged)
  const unknown = new Set(results.flatMap(result => result.unknown))
  const present = new Set(names)
  assert.ok(acknowledged.length > 20, `only ${acknowledged.length} topics were acknowledged`)
  assert.deepEqual(
    acknowledged.filter(name => !present.has(name)),
    [],
    'acknowledged topics that are gone',
  )
  assert.equal(present.size, names.length, 'a topic is there twice')
  const expected = new Set([...already, ...acknowledged, ...unknown])
  assert.deepEqual(
    names.filter(name => !expected.has(name)),
    [],
    'topics that nobody created',
  )
})
