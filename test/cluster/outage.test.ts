import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { brokerAt, everyPartition, isWhole, lossesOf, partitionsOf } from './partitions.ts'
import { Cluster, type NodeProcess } from './processes.ts'
import { Workload } from './workload.ts'

/**
 * Six storage nodes in three racks. Nobody waits for timeouts: sessions and elections last far longer than the client puts
 * up with, so what replaces the dead is that their connections ended.
 */
const ARGS = ['--session-timeout-ms', '60000', '--election-timeout-ms', '10000']
const SETTLE_ARGS = ['--heartbeat-interval-ms', '250', '--leader-balance-delay-ms', '200']

let cluster: Cluster

before(async () => {
  const args = [...ARGS, ...SETTLE_ARGS]
  cluster = await Cluster.start({ metadata: 3, storage: 6, racks: ['a', 'b', 'c'], args })
  const shape = { numPartitions: 12, replicationFactor: 3 }
  await cluster.write('POST', '/topics', { topicName: 'orders', ...shape })
})
after(() => cluster[Symbol.asyncDispose]())

test('a rack is lost: everything has new leaders, and the rack gets its leaderships back when it returns', async () => {
  for (const { replicas } of await partitionsOf(cluster, 'orders'))
    assert.equal(new Set(replicas.map(id => (id - 101) % 3)).size, 3, `${replicas} are not in three racks`)
  await using load = new Workload(cluster, 'rack')
  const plan = JSON.parse(await cluster.dmq('plan', 'lose-rack', 'a', '--json'))
  assert.deepEqual([plan.leaderless.count, plan.newLeaders > 0], [0, true])
  const rack = cluster.storage.filter(({ entry }) => entry.rack === 'a')
  const lost = rack.map(({ entry }) => entry.id)
  assert.deepEqual(lost, [101, 104])
  await Promise.all(rack.map(node => node.end('SIGKILL')))
  await everyPartition(
    cluster,
    'all are led by others',
    ({ leader, isr }) => leader !== null && !lost.some(id => isr.includes(id)),
  )
  for (const id of lost) assert.match((await brokerAt(cluster, id)).statusReason, /^its process is gone/)
  assert.match(await cluster.dmq('cluster'), /^brokers +6, 4 ONLINE, 2 OFFLINE$/m)
  for (const node of rack) node.start()
  await everyPartition(cluster, 'all is as before', isWhole)
  await load.finish()
})

test('kill -9 of the controller and of a storage node at the same moment: both are replaced', async () => {
  await using load = new Workload(cluster, 'both')
  const old = await cluster.controller()
  const [, node, ...others] = cluster.storage as [NodeProcess, NodeProcess, ...NodeProcess[]]
  const losses = () => Promise.all(others.map(({ entry }) => lossesOf(cluster, entry.id)))
  const before = await losses()
  await Promise.all([old.end('SIGKILL'), node.end('SIGKILL')])
  const next = await cluster.controller()
  assert.notEqual(next, old)
  await everyPartition(
    cluster,
    'nothing is led by the dead',
    ({ leader, isr }) => leader !== null && !isr.includes(102),
  )
  assert.match((await brokerAt(cluster, 102)).statusReason, /^its process is gone/)
  old.start()
  node.start()
  await cluster.ready()
  await everyPartition(cluster, 'all is as before', isWhole)
  assert.deepEqual(await losses(), before, 'the other brokers were not fenced')
  await load.finish()
})
