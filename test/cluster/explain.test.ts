import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ask, Cluster, until } from './processes.ts'

/** A cluster to which things happen, asked afterwards what they were and why it is as it is. */
let cluster: Cluster

before(async () => {
  cluster = await Cluster.start({
    metadata: 3,
    storage: 2,
    args: [
      '--session-timeout-ms',
      '3000',
      '--heartbeat-interval-ms',
      '200',
      '--leader-balance-delay-ms',
      '0',
    ],
  })
})
after(() => cluster[Symbol.asyncDispose]())

/** Every metadata node has applied what the controller has. */
async function levelled(): Promise<number> {
  return until('all metadata nodes are level', async () => {
    const answers = await Promise.all(cluster.metadata.map(node => cluster.readAt(node, '/history?limit=1')))
    const versions = answers.map(({ body }) => body?.version)
    return versions.every(version => version !== undefined && version === versions[0]) ? versions[0] : null
  })
}

async function status(brokerId: number): Promise<string> {
  return (await cluster.read(`/brokers/${brokerId}`)).body.status
}

test('what happened, by which request, and why a partition has no leader', async () => {
  const assignments = [
    [101, 102],
    [102, 101],
  ]
  const config = { 'min.insync.replicas': '2' }
  await until('the topic is created', async () => {
    const { url } = await cluster.controller()
    const body = { topicName: 'orders', assignments, config }
    const answer = await ask('POST', `${url}/api/v1/metadata/topics`, body, { 'idempotency-key': 'once' })
    return answer.status === 201
  })
  assert.match(
    await cluster.dmq('explain', 'partition', 'orders-1'),
    /^orders-1 is healthy: broker 102 leads it in leader epoch 0, and all 2 replicas are in sync\n$/,
  )

  const planned = JSON.parse(await cluster.dmq('plan', 'lose-broker', '102', '--json'))
  assert.deepEqual([planned.changed.count, planned.newLeaders], [2, 1])
  assert.deepEqual(planned.underMinIsr.first, ['orders-0', 'orders-1'])
  const plan = await cluster.dmq('plan', 'lose-broker', '102')
  assert.match(plan, /^If broker 102 were lost \(planned on version \d+, nothing is done\):$/m)
  assert.match(plan, /^2 partitions would change, 1 of them would get another leader\.$/m)
  assert.match(plan, /^orders-1 +102 -> 101 +102,101 +102,101 -> 101$/m)
  assert.match(plan, /^ +101 +1 -> 2 +2$/m)

  await cluster.storage[1]!.end('SIGKILL')
  await until('broker 102 is OFFLINE', async () => (await status(102)) === 'OFFLINE')
  const { version } = (await cluster.read('/history')).body
  const { body } = await cluster.read('/topics/orders')
  for (const { id, leader, leaderEpoch, partitionEpoch, isr, elr, replicas } of body.partitions) {
    // What was planned is what came.
    const { after } = planned.changed.first.find(({ partition }: { partition: number }) => partition === id)
    assert.deepEqual({ leader, leaderEpoch, partitionEpoch, isr, elr, replicas }, after)
  }
  const explained = await cluster.dmq('explain', 'partition', 'orders-1')
  assert.match(explained, /^orders-1 has 1 in sync \(\[101\]\), and min\.insync\.replicas is 2: /m)
  assert.match(explained, new RegExp(`because broker 102 is OFFLINE: .* \\(since version ${version}, `))
  assert.match(explained, /to do: start broker 102/)

  await cluster.storage[0]!.end('SIGKILL')
  await until('broker 101 is OFFLINE', async () => (await status(101)) === 'OFFLINE')
  await levelled()
  for (const node of cluster.metadata) {
    const { findings } = (await cluster.readAt(node, '/explain/partition/orders/0')).body
    const [found] = findings
    assert.equal(found.code, 'NO_LEADER')
    assert(found.version > version)
    // The node that is the last to go, and the other, which left the ISR before, are both in the ELR: the minimum is two.
    assert.deepEqual(
      found.because.slice(0, 2).map(({ code }: { code: string }) => code),
      ['ELIGIBLE', 'ELIGIBLE'],
    )
    assert.match(found.remedy, /^start broker 101 or 102, and it leads again/)
  }
  assert.match(await cluster.dmq('explain', 'broker', '101'), /partitions? of broker 101 waits? for it/)

  const told = await cluster.dmq('history', '--topic', 'orders')
  assert.match(told, /POST \/topics \(key once\) +topic orders created: 2 partitions, 2 replicas each/)
  assert.match(told, /(session timeout|lost connection) +broker 102 OFFLINE: .*; 2 partitions changed\n/)
  assert.match(told, /^ +orders-1: leader 102 -> 101, ISR \[102,101\] -> \[101\], ELR \[\] -> \[102\]$/m)
})

test('a metadata node that was killed and started again tells the same history', async () => {
  await levelled()
  const node = cluster.metadata[0]!
  const ask = async () => (await cluster.readAt(node, '/history?from=1&limit=1000')).body
  const before = await ask()
  assert.equal(before.knownAfter, 0)
  assert(before.entries.length >= 5)
  await node.end('SIGKILL')
  node.start()
  await cluster.ready()
  await levelled()
  const after = await ask()
  assert.deepEqual(after.entries.slice(0, before.entries.length), before.entries)
})

test('a broker that comes back is healthy again, and the history says so', async () => {
  for (const node of cluster.storage) node.start()
  await cluster.ready()
  await until('everything is in sync', async () => {
    const { findings } = (await cluster.read('/explain/broker/101')).body
    return findings.every(({ code }: { code: string }) => code === 'HEALTHY' || code === 'BALANCE_DUE')
  })
  const { entries } = (await cluster.read('/history?broker=101')).body
  assert(
    entries.some(
      ({ text, by }: { text: string; by: string }) =>
        text.startsWith('broker 101 ONLINE') && by === 'heartbeat',
    ),
  )
})

test('what a node does not know any more is VERSION_COMPACTED, and the rest comes with its snapshot', async () => {
  const args = ['--session-timeout-ms', '600000', '--snapshot-bytes', '4096']
  await using small = await Cluster.start({ metadata: 1, storage: 0, args })
  await small.write('POST', '/brokers', { brokerId: 1, host: 'localhost', port: 9 })
  for (let i = 0; i < 60; i++)
    await small.write('POST', '/topics', { topicName: `t${i}`, numPartitions: 1, replicationFactor: 1 })
  const node = small.metadata[0]!
  await until('a snapshot is taken', async () => node.output.includes('snapshot.taken'))
  await node.end('SIGTERM')
  node.start()
  await small.ready()
  const { body } = await small.readAt(node, '/history?limit=1000')
  assert(body.knownAfter > 0, JSON.stringify(body))
  assert.equal(body.entries.at(-1).text, 'topic t59 created: 1 partition, 1 replica each')
  assert(body.entries.length > 0)
  const beyond = await small.readAt(node, `/history?from=${body.knownAfter}`)
  assert.deepEqual([beyond.status, beyond.body.error.code], [410, 'VERSION_COMPACTED'])
  assert.deepEqual(beyond.body.error.details, { knownAfter: body.knownAfter })
  const known = await small.readAt(node, `/history?from=${body.knownAfter + 1}&limit=1000`)
  assert.deepEqual(known.body.entries, body.entries)
})
