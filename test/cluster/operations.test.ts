import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { brokerAt, everyPartition, isWhole, partitionsOf } from './partitions.ts'
import { ask, Cluster, type NodeProcess, until } from './processes.ts'
import { Workload } from './workload.ts'

/**
 * What an operator does to a cluster, by the command line, while a client uses it. One cluster for all of it, as in life:
 * each test leaves it whole. An election timeout would stand out: it is longer than the client puts up with.
 */
const ARGS = ['--election-timeout-ms', '10000', '--leader-balance-delay-ms', '200']
const SESSION_ARGS = ['--session-timeout-ms', '2500', '--heartbeat-interval-ms', '250']

let cluster: Cluster

before(async () => {
  cluster = await Cluster.start({ metadata: 3, storage: 3, args: [...ARGS, ...SESSION_ARGS] })
  const shape = { numPartitions: 6, replicationFactor: 3 }
  await cluster.write('POST', '/topics', { topicName: 'orders', ...shape })
})
after(() => cluster[Symbol.asyncDispose]())

async function json(...args: string[]): Promise<any> {
  return JSON.parse(await cluster.dmq(...args, '--json'))
}

/** What a command that must fail says. */
async function refusal(...args: string[]): Promise<string> {
  try {
    return `succeeded: ${await cluster.dmq(...args)}`
  } catch (error) {
    return (error as { stderr: string }).stderr
  }
}

function storage(id: number): NodeProcess {
  return cluster.storage.find(({ entry }) => entry.id === id)!
}

test('a drain takes the leaderships and leaves the replicas in sync; undrain gives them back', async () => {
  await using load = new Workload(cluster, 'drain')
  const drained = await json('broker', 'drain', '102', '--wait')
  assert.deepEqual([drained.status, drained.done, drained.leaders.left], ['DRAINING', true, 0])
  assert.equal(drained.replicas.left, drained.replicas.atStart)
  const since = (await partitionsOf(cluster)).length
  const created = await until('topics are created meanwhile', async () => {
    const partitions = await partitionsOf(cluster)
    return partitions.length > since + 5 && partitions
  })
  assert.ok(created.every(({ leader }) => leader !== null && leader !== 102))
  await everyPartition(cluster, 'all are in sync', ({ isr, replicas }) => isr.length === replicas.length)
  assert.match(await cluster.dmq('broker', 'undrain', '102'), /^broker 102 is no longer drained/)
  await everyPartition(cluster, 'their preferred leaders are back', isWhole)
  await load.finish()
})

test('a decommission says why three brokers are not enough, ends with a fourth, and the broker is removed', async () => {
  await using load = new Workload(cluster, 'decommission')
  const planned = await json('plan', 'decommission', '102')
  const names = planned.stays.first.map(({ topic }: { topic: string }) => topic)
  assert.deepEqual([planned.stays.count, new Set(names)], [6, new Set(['orders'])])
  assert.match(await cluster.dmq('plan', 'decommission', '102'), /^orders-0 +its 3 replicas need 3 brokers/m)
  assert.equal((await brokerAt(cluster, 102)).status, 'ONLINE', 'it was a plan')
  await cluster.dmq('broker', 'decommission', '102')
  const stuck = await until('only what needs three brokers is left', async () => {
    const { left } = (await cluster.read('/brokers/102/decommission')).body
    return left.every(({ topic }: { topic: string }) => topic === 'orders') && left
  })
  assert.equal((await json('broker', 'decommission', '102', '--status')).done, false)
  assert.equal(stuck.length, 6)
  for (const { why } of stuck) assert.match(why, /need 3 brokers; without 102, .*Start another broker/)
  assert.match(await refusal('broker', 'remove', '102'), /^dmq: BROKER_HAS_REPLICAS: broker 102 holds/)
  await cluster.addStorageNode(104)
  const emptied = await json('broker', 'decommission', '102', '--wait')
  assert.deepEqual([emptied.done, emptied.replicas.left, emptied.left], [true, 0, []])
  await everyPartition(cluster, '102 holds nothing', ({ replicas }) => !replicas.includes(102))
  assert.equal(await storage(102).end('SIGTERM'), 0)
  assert.match(await cluster.dmq('broker', 'list'), /^ *102 .* OFFLINE.* ghost/m)
  assert.match(await cluster.dmq('broker', 'remove', '102'), /^broker 102 removed\n$/)
  const brokers = await json('broker', 'list')
  assert.deepEqual(
    brokers.map(({ brokerId }: { brokerId: number }) => brokerId),
    [101, 103, 104],
  )
  await everyPartition(cluster, 'all is whole', isWhole)
  await load.finish()
})

test('a new, empty broker: replicas are moved to it, a move is cancelled, a rebalance fills it', async () => {
  await using load = new Workload(cluster, 'rebalance')
  const [first] = await partitionsOf(cluster, 'orders')
  const [a, b] = first!.replicas as [number, number]
  // It is registered and away: a move to it waits.
  storage(102).start()
  await cluster.ready()
  await storage(102).end('SIGKILL')
  await until('102 is OFFLINE', async () => (await brokerAt(cluster, 102)).status === 'OFFLINE')
  const started = await cluster.dmq('reassign', 'start', `orders-0=${a},${b},102`)
  assert.match(started, new RegExp(`^orders-0 +${first!.replicas} +${a},${b},102 +waits$`, 'm'))
  assert.match(
    started,
    /^1 move waiting\. dmq reassign list shows .*; dmq reassign cancel orders-0 takes it back\.$/m,
  )
  assert.match(
    await cluster.dmq('reassign', 'list'),
    /^orders-0 .* MANUAL +WAITING .* broker 102 is OFFLINE/m,
  )
  assert.match(
    await cluster.dmq('topic', 'describe', 'orders'),
    new RegExp(`MOVES TO\n +0 .* ${a},${b},102 \\(waits\\)$`, 'm'),
  )
  assert.match(await cluster.dmq('cluster'), /^partitions .* 0 being moved, 1 waiting to be$/m)
  assert.match(await cluster.dmq('reassign', 'cancel', 'orders-0'), /the move of orders-0 is cancelled/)
  assert.deepEqual((await partitionsOf(cluster, 'orders'))[0]!.replicas, first!.replicas)
  assert.match(await refusal('reassign', 'cancel', 'orders-0'), /^dmq: NO_REASSIGNMENT_IN_PROGRESS/)
  await cluster.dmq('reassign', 'start', `orders-0=${a},${b},102`)
  storage(102).start()
  await until('the move is done', async () => {
    const [moved] = await partitionsOf(cluster, 'orders')
    return moved!.replicas.join() === `${a},${b},102` && moved!.isr.length === 3
  })
  await load.finish()
  const plan = await json('rebalance', '--dry-run')
  assert.deepEqual([plan.started, plan.moves.length > 0], [false, true])
  await cluster.dmq('rebalance')
  await until('the load is even', async () => {
    const { body } = await cluster.write('POST', '/rebalance', { dryRun: true })
    return body.moves.length === 0 && (await cluster.read('/reassignments')).body.reassignments.length === 0
  })
  const { replicas } = await brokerAt(cluster, 102)
  const others = await Promise.all([101, 103, 104].map(id => brokerAt(cluster, id)))
  for (const other of others)
    assert.ok(Math.abs(other.replicas - replicas) <= 1, `${other.replicas}, ${replicas}`)
  await everyPartition(cluster, 'all is whole', isWhole)
})

test('a storage node that stands still leaves the ISRs, and rejoins when it goes on', async () => {
  await using load = new Workload(cluster, 'lag')
  const node = storage(101)
  node.pause()
  await everyPartition(cluster, '101 is out', ({ isr, leader }) => leader !== 101 && !isr.includes(101))
  const { status, statusReason } = await brokerAt(cluster, 101)
  assert.deepEqual([status, statusReason], ['OFFLINE', 'no heartbeat for 2500 ms'])
  node.wake()
  await everyPartition(cluster, 'all is whole again', isWhole)
  const history = await cluster.dmq('history', '--broker', '101')
  assert.match(history, / session timeout +broker 101 OFFLINE: no heartbeat for 2500 ms/)
  assert.match(history, / POST \/partitions\/alter +.*said by broker/)
  await load.finish()
})

/** A counter of `GET /metrics`. */
async function metric(node: NodeProcess, name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

async function term(): Promise<number> {
  const { url } = await cluster.controller()
  return (await ask('GET', `${url}/api/v1/metadata/controller`)).body.term
}

test('a rolling restart of every node: no election timeout, nothing is lost, all is whole at the end', async () => {
  await using load = new Workload(cluster, 'rolling')
  let expected = await term()
  for (const node of cluster.metadata) {
    // A controller that is stopped hands over: one term. A follower that restarts changes nothing.
    if (node === (await cluster.controller())) expected += 1
    assert.equal(await node.end('SIGTERM'), 0)
    node.start()
    await cluster.ready()
  }
  for (const node of cluster.storage) {
    assert.equal(await node.end('SIGTERM'), 0)
    node.start()
    await cluster.ready()
    await everyPartition(cluster, 'all are in sync', ({ isr, replicas }) => isr.length === replicas.length)
  }
  assert.equal(await term(), expected)
  for (const node of cluster.metadata) assert.equal(await metric(node, 'dmq_raft_prevotes_total'), 0)
  await everyPartition(cluster, 'all is whole', isWhole)
  await load.finish()
})
