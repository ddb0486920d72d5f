import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sampleOf, scrape } from '../api/exposition-format.ts'
import { ask, Cluster, type NodeProcess, until } from './processes.ts'

/** One cluster for all of it: each test leaves it with its six nodes at work. */
let cluster: Cluster

before(async () => {
  const args = ['--session-timeout-ms', '1000', '--heartbeat-interval-ms', '200']
  cluster = await Cluster.start({ metadata: 3, storage: 3, args })
})
after(() => cluster[Symbol.asyncDispose]())

test('a storage node that is killed shows as fenced, with what its partitions lack; one that is back does not', async () => {
  const topic = {
    topicName: 'orders',
    numPartitions: 9,
    replicationFactor: 3,
    config: { 'min.insync.replicas': 3 },
  }
  assert.equal((await cluster.write('POST', '/topics', topic)).status, 201)
  assert.equal(
    (await cluster.write('POST', '/topics', { topicName: 'frail', assignments: [[101], [101], [102]] }))
      .status,
    201,
  )
  const at = async (name: string, labels = {}): Promise<number | undefined> =>
    sampleOf(await scrape(await cluster.controller()), name, labels)
  assert.equal(await at('dmq_broker_sessions'), 3)
  const late = (await at('dmq_brokers_late_total'))!
  cluster.storage[1]!.pause()
  await until('it is late', async () => (await at('dmq_brokers_late_total')) === late + 1)
  cluster.storage[1]!.wake()
  await until('and heard again', async () => {
    return (await at('dmq_brokers_unreachable')) === 0 && (await at('dmq_brokers_fenced')) === 0
  })
  await cluster.storage[0]!.end('SIGKILL')
  await until('it is fenced', async () => (await at('dmq_brokers_fenced')) === 1)
  assert.deepEqual(
    [await at('dmq_brokers', { status: 'OFFLINE' }), await at('dmq_brokers', { status: 'ONLINE' })],
    [1, 2],
  )
  await until('its session has run out', async () => (await at('dmq_broker_sessions')) === 2)
  assert.equal(await at('dmq_partitions_offline'), 2)
  assert.equal(await at('dmq_partitions_under_replicated'), 9 + 2)
  assert.equal(await at('dmq_partitions_under_min_isr'), 9 + 2)
  await until('pushes to it fail', async () => (await at('dmq_push_failures', { broker: '101' }))! > 0)
  assert.ok((await at('dmq_pushes_total', { result: 'failed' }))! > 0)
  cluster.storage[0]!.start()
  await until('everything is whole again', async () => {
    const names = ['dmq_brokers_fenced', 'dmq_partitions_offline', 'dmq_partitions_under_replicated']
    const values = await Promise.all(names.map(name => at(name)))
    return values.every(value => value === 0)
  })
  await until(
    'and it has the metadata',
    async () => (await at('dmq_push_lag_versions', { broker: '101' })) === 0,
  )
  await until('those that others lead are counted', async () => {
    const { body } = await cluster.read('/topics/orders')
    const elsewhere = body.partitions.filter((one: any) => one.leader !== one.replicas[0]).length
    return (await at('dmq_partitions_led_by_others')) === elsewhere
  })
})

test('an election shows at the node that won it, and one node says that it is the controller', async () => {
  const old = await cluster.controller()
  const others = cluster.metadata.filter(node => node !== old)
  const wins = async (node: NodeProcess): Promise<number> =>
    sampleOf(await scrape(node), 'dmq_raft_elections_won_total')!
  const before = new Map(await Promise.all(others.map(async node => [node, await wins(node)] as const)))
  const term = sampleOf(await scrape(old), 'dmq_raft_term')!
  await old.end('SIGKILL')
  const next = await cluster.controller()
  const families = await scrape(next)
  assert.ok((await wins(next)) > before.get(next)!)
  assert.ok(
    sampleOf(families, 'dmq_raft_elections_started_total')! >=
      sampleOf(families, 'dmq_raft_elections_won_total')!,
  )
  assert.ok(sampleOf(families, 'dmq_raft_term')! > term)
  assert.equal(sampleOf(families, 'dmq_raft_leader_id'), next.entry.id)
  assert.equal(sampleOf(families, 'dmq_raft_role', { role: 'LEADER' }), 1)
  assert.ok(sampleOf(families, 'dmq_controller_leadership_seconds')! > 0)
  assert.equal(sampleOf(families, 'dmq_raft_peer_connected', { peer: String(old.entry.id) }), 0)
  await until('the silence of the dead node grows', async () => {
    const age = sampleOf(await scrape(next), 'dmq_raft_peer_contact_age_seconds', {
      peer: String(old.entry.id),
    })
    return age! > 1
  })
  for (const brokerId of [7, 8, 9])
    await cluster.write('POST', '/brokers', { brokerId, host: 'localhost', port: 19_000 + brokerId })
  const lag = sampleOf(await scrape(next), 'dmq_raft_peer_lag_entries', { peer: String(old.entry.id) })
  assert.ok(lag! >= 3)
  old.start()
  await cluster.ready()
  await until('it has caught up', async () => {
    const [behind, mine] = [await scrape(old), await scrape(next)]
    assert.equal(sampleOf(mine, 'dmq_controller_active')! + sampleOf(behind, 'dmq_controller_active')!, 1)
    return (
      sampleOf(behind, 'dmq_raft_applied_index') === sampleOf(mine, 'dmq_raft_applied_index') &&
      sampleOf(behind, 'dmq_raft_behind_entries') === 0 &&
      sampleOf(mine, 'dmq_raft_peer_lag_entries', { peer: String(old.entry.id) }) === 0
    )
  })
  assert.equal((await ask('GET', `${old.url}/health/ready`)).status, 200)
  assert.equal(sampleOf(await scrape(old), 'dmq_ready'), 1)
})
