import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerAt, everyPartition, isWhole } from './partitions.ts'
import { ask, Cluster, until } from './processes.ts'

const ARGS = ['--reassignment-max-moves', '1', '--session-timeout-ms', '60000']
const SETTLE_ARGS = ['--heartbeat-interval-ms', '250', '--leader-balance-delay-ms', '200']

async function levelAt(url: string): Promise<number> {
  return (await ask('GET', `${url}/api/v1/metadata/features`)).body?.features[0].finalized
}

test('a level is raised when every node supports it; a rebalance then outlives the controller', async () => {
  const args = [...ARGS, ...SETTLE_ARGS, '--first-metadata-version', '1']
  await using cluster = await Cluster.start({ metadata: 3, storage: 2, args })
  const assignments = Array.from({ length: 12 }, () => [101])
  await cluster.write('POST', '/topics', { topicName: 'orders', assignments })
  const second = cluster.storage[1]!
  await second.end('SIGKILL')
  const body = { features: { 'metadata.version': 2 } }
  const refused = await cluster.write('POST', '/features', body)
  assert.equal(refused.body.error.code, 'FEATURE_UPDATE_FAILED')
  assert.match(refused.body.error.message, /storage node 102 does not tell what it supports/)
  second.start()
  await cluster.ready()
  assert.match(await cluster.dmq('features', 'upgrade'), /^metadata.version +1 to 4 +4$/m)
  await until('every node is at the newest level', async () => {
    const levels = await Promise.all(cluster.metadata.map(({ url }) => levelAt(url)))
    return levels.every(level => level === 4)
  })

  const [raised] = (await cluster.controller()).logged('features.raised')
  assert.deepEqual(raised.levels, { 'metadata.version': 4 })

  const plan = JSON.parse(await cluster.dmq('rebalance', '--json'))
  assert.deepEqual([plan.started, plan.moves.length], [true, 6])
  const before = await cluster.controller()
  await before.end('SIGKILL')
  const state = await until('another controller tells of it', async () => {
    const answers = await Promise.all(
      cluster.metadata.map(({ url }) => ask('GET', `${url}/api/v1/metadata/rebalance`)),
    )
    return answers.find(({ status }) => status === 200)?.body
  })
  assert.equal(state.outlivesController, true)
  assert.equal(before.logged('topic.rebalance').at(-1).wanted, true)
  await until('both hold the same', async () => (await brokerAt(cluster, 102)).replicas === 6)
  await until('the rebalance is over', async () =>
    /^no rebalance is under way$/m.test(await cluster.dmq('rebalance', '--status')),
  )
  assert.equal((await cluster.controller()).logged('topic.rebalance').at(-1).wanted, false)
  before.start()
  await cluster.ready()
  assert.equal(await levelAt(before.url), 4, 'it read the level from its log')
  await second.end('SIGTERM')
  second.start()
  await everyPartition(cluster, 'all is whole', isWhole)
})
