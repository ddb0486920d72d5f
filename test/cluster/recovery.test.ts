import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { ask, Cluster, until } from './processes.ts'

test('two of three voters are lost for good: the third is made a cluster of its own, and the others join it anew', async () => {
  await using cluster = await Cluster.start({
    metadata: 3,
    storage: 0,
    args: ['--session-timeout-ms', '600000'],
  })
  await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
  assert.equal(
    (await cluster.write('POST', '/topics', { topicName: 'kept', assignments: [[7]] })).status,
    201,
  )
  const [one, two, three] = cluster.metadata
  const last = (await cluster.read('/cluster')).body.version
  for (const node of cluster.metadata)
    await until(
      'it has the topic',
      async () => (await cluster.readAt(node, `/topics/kept?minVersion=${last}`)).status === 200,
    )
  for (const node of cluster.metadata) await node.end('SIGKILL')

  const told = await cluster.dmq('recover', one!.folder)
  assert.match(told, /whose voters are 1, 2, 3/)
  assert.match(told, /nothing has been changed/)
  const done = JSON.parse(await cluster.dmq('recover', one!.folder, '--yes', '--json'))
  assert.deepEqual([done.nodeId, done.recoveryEpoch, done.done], [1, 1, true])

  one!.start()
  assert.equal(
    (await cluster.write('POST', '/topics', { topicName: 'after', assignments: [[7]] })).status,
    201,
  )
  assert.equal((await cluster.readAt(one!, '/topics/kept')).status, 200)

  // An old voter that turns up after all learns that it is shut out, and ends.
  two!.start()
  three!.start()
  assert.notEqual(await two!.ended(), 0)
  assert.notEqual(await three!.ended(), 0)
  assert.match(two!.output, /was recovered without this node/)

  for (const node of [two!, three!]) {
    rmSync(node.folder, { recursive: true })
    node.start()
    await until('it answers', async () => (await cluster.readAt(node, '/controller')).status !== 0)
    await cluster.dmq('quorum', 'add', String(node.entry.id), '--url', node.url)
  }
  const quorum = JSON.parse(await cluster.dmq('quorum', '--json'))
  assert.deepEqual([quorum.voters.map(({ id }: { id: number }) => id), quorum.recoveryEpoch], [[1, 2, 3], 1])
  const { body } = await cluster.readAt(three!, '/topics?consistency=linearizable')
  assert.deepEqual(
    body.topics.map(({ topicName }: { topicName: string }) => topicName),
    ['after', 'kept'],
  )
})

test('a node that never voted is no place to recover from, and that is said before anything is done', async () => {
  await using cluster = await Cluster.start({ metadata: 1, storage: 0 })
  const node = await cluster.addMetadataNode(2)
  await cluster.dmq('quorum', 'add', '2', '--url', node.url, '--learner')
  await until(
    'it has the log',
    async () => (await cluster.readAt(node, '/controller')).body.nodeState === 'LEARNER',
  )
  await node.end('SIGKILL')
  await assert.rejects(
    cluster.dmq('recover', node.folder),
    /node 2 is not a voter in its own log \(voters: 1\)/,
  )
})

test('storage nodes follow a cluster that was recovered from a voter which had missed many terms', async () => {
  await using cluster = await Cluster.start({ metadata: 3, storage: 1 })
  const [one, two, three] = cluster.metadata
  await one!.end('SIGKILL')
  const pair = [two!, three!]
  for (let i = 0; i < 4; i++) {
    const before = await cluster.controller()
    const next = pair.find(node => node !== before)!
    await cluster.dmq('quorum', 'transfer', String(next.entry.id))
    await until('it leads', async () => (await cluster.controller()) === next)
  }
  const storage = cluster.storage[0]!
  const url = `${storage.url}/api/v1/storage/status`
  const term = async () => (await ask('GET', url)).body.controller?.term
  const known = await until('it follows', async () => (await term()) ?? false)
  for (const node of pair) await node.end('SIGKILL')
  await cluster.dmq('recover', one!.folder, '--yes')
  one!.start()
  const at = await until('it leads', async () => {
    const a = await ask('GET', `${one!.url}/api/v1/metadata/controller`)
    return a.status === 200 && a.body
  })
  assert.ok(at.term > known, `term ${at.term} after ${known}`)
  await until('the storage node follows it', async () => {
    const { body } = await ask('GET', url)
    return body.controller?.url === one!.url && body.status === 'ONLINE'
  })
})
