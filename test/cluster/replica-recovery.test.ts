import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerAt, everyPartition, isWhole, partitionsOf } from './partitions.ts'
import { Cluster, until } from './processes.ts'
import { Workload } from './workload.ts'

const ARGS = ['--replica-recovery-delay-ms', '300', '--session-timeout-ms', '60000']
const SETTLE_ARGS = ['--heartbeat-interval-ms', '250', '--leader-balance-delay-ms', '200']

test('replicas of a broker that stays away are rebuilt; one that returns before that keeps them', async () => {
  await using cluster = await Cluster.start({ metadata: 1, storage: 4, args: [...ARGS, ...SETTLE_ARGS] })
  const [dead, , , spare] = cluster.storage
  const assignments = [
    [101, 102, 103],
    [102, 103, 101],
    [103, 101, 102],
  ]
  await cluster.write('POST', '/topics', { topicName: 'orders', assignments })
  // The one broker that could take them stands still: the rebuilding begins, and cannot end.
  spare!.pause()
  await dead!.end('SIGKILL')
  await until('they are being rebuilt on 104', async () => {
    const { reassignments } = (await cluster.read('/reassignments')).body
    return reassignments.filter(({ cause }: { cause: string }) => cause === 'RECOVERY').length === 3
  })
  for (const { replicas } of await partitionsOf(cluster, 'orders'))
    assert.deepEqual([...replicas].sort(), [101, 102, 103, 104])
  dead!.start()
  await everyPartition(cluster, 'it has them back, in sync', isWhole)
  assert.deepEqual(
    (await partitionsOf(cluster, 'orders')).map(({ replicas }) => replicas),
    assignments,
  )
  spare!.wake()

  await using load = new Workload(cluster, 'recovery')
  await dead!.end('SIGKILL')
  await everyPartition(
    cluster,
    'they are on others',
    partition => isWhole(partition) && !partition.replicas.includes(101),
  )
  await load.finish()
  const { status, replicas } = await brokerAt(cluster, 101)
  assert.deepEqual([status, replicas], ['OFFLINE', 0])
  const history = await cluster.dmq('history', '--topic', 'orders')
  assert.match(history, / recovery +replicas of 3 partitions changed \(recovery move\)/)
  dead!.start()
  await until('it is back, and empty', async () => {
    const broker = await brokerAt(cluster, 101)
    return broker.status === 'ONLINE' && broker.replicas === 0
  })
})
