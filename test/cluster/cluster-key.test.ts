import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, Cluster, NodeProcess, until } from './processes.ts'

test('a storage node with another cluster key never takes part, and says why', async () => {
  await using cluster = await Cluster.prepare({ metadata: 3, storage: 2 })
  const [right, entry] = cluster.storage
  const services = ['--services', join(cluster.home, 'services.json')]
  const wrong = new NodeProcess('storage', entry!.entry, cluster.home, [
    ...services,
    '--cluster-key',
    'another-key-than-that-of-the-others',
  ])
  cluster.storage[1] = wrong
  for (const node of cluster.metadata) node.start()
  await cluster.ready()
  right!.start()
  wrong.start()
  await until(
    'the right one is ready',
    async () => (await ask('GET', `${right!.url}/health/ready`)).status === 200,
  )
  await until('the other one tells', async () => wrong.logged('key.other').length > 0)
  const { status, body } = await ask('GET', `${wrong.url}/health/ready`)
  assert.equal(status, 503)
  assert.match(body.reasons[0], /has another cluster key: give this node the cluster key file/)
  const [told, ...more] = wrong.logged('key.other')
  assert.match(
    JSON.stringify(told),
    /from CLUSTER_KEY or --cluster-key.*is not that of the controller.*same cluster key file/,
  )
  assert.deepEqual(more, [])
  assert.deepEqual(wrong.logged('broker.registered'), [])
  const brokers = (await cluster.read('/brokers')).body.brokers.map(
    ({ brokerId }: { brokerId: number }) => brokerId,
  )
  assert.deepEqual(brokers, [101])
  const again = new NodeProcess('storage', entry!.entry, cluster.home, services)
  await wrong.end('SIGKILL')
  cluster.storage[1] = again
  again.start()
  await cluster.ready()
  assert.deepEqual(again.logged('key.other'), [])
})
