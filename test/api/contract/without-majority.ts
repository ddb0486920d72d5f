import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, until } from '../../cluster/processes.ts'
import { assertError, assertSound } from '../contract.ts'
import { at, cluster, controller, follower, fresh, write } from './shared-cluster.ts'

test('a write that is not committed in time is 504, and its outcome is told by a later read', async () => {
  const others = cluster.metadata.filter(node => node !== controller)
  for (const node of others) node.pause()
  const topicName = fresh()
  const begun = performance.now()
  const answer = await write('POST', '/topics?timeoutMs=200', {
    topicName,
    numPartitions: 1,
    replicationFactor: 1,
  })
  assertError(answer, 'COMMIT_TIMEOUT')
  assert.ok(performance.now() - begun >= 195)
  for (const node of others) node.wake()
  await until(
    'it is committed after all',
    async () => (await at(follower, 'GET', `/topics/${topicName}`)).status === 200,
  )
  assertSound(cluster.all)
})

test('without a majority there is no controller: writes are 503, reads go on, and the node is not ready', async () => {
  const alone = await cluster.controller()
  for (const node of cluster.metadata) if (node !== alone) await node.end('SIGKILL')
  const lost = await until('it notices', async () => {
    const answer = await at(alone, 'GET', '/controller')
    return answer.status === 503 ? answer : null
  })
  assertError(lost, 'NO_CONTROLLER')
  assert.equal(lost.headers.get('x-controller-url'), null)
  const refused = await at(alone, 'POST', '/topics', {
    topicName: fresh(),
    numPartitions: 1,
    replicationFactor: 1,
  })
  assertError(refused, 'NO_CONTROLLER')
  assert.equal(refused.headers.get('x-controller-leader'), null)
  assertError(await at(alone, 'DELETE', '/brokers/101', undefined, { prefer: 'forward' }), 'NO_CONTROLLER')
  assert.equal((await at(alone, 'GET', '/topics')).status, 200)
  const ready = await ask('GET', `${alone.url}/health/ready`)
  assert.deepEqual([ready.status, ready.body.status, ready.body.reasons.length], [503, 'not ready', 1])
})
