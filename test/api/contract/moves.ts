import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertError } from '../contract.ts'
import { at, controller, follower, fresh, write } from './shared-cluster.ts'

test('elections and moves say of each partition what was done, that nothing had to be, or why not', async () => {
  const answer = await write('POST', '/topics', {
    topicName: fresh(),
    assignments: [
      [101, 102],
      [101, 102],
    ],
  })
  const { topicName: topic } = answer.body
  const [here, nowhere] = [0, 9].map(partition => ({ topic, partition }))
  const elected = await write('POST', '/elections', { type: 'PREFERRED', partitions: [here, nowhere] })
  assert.deepEqual(
    [elected.status, elected.body.results.map(({ error }: any) => error.code)],
    [200, ['ELECTION_NOT_NEEDED', 'UNKNOWN_PARTITION']],
  )
  assert.deepEqual([elected.body.results[0].leader, elected.body.results[1].leader], [101, undefined])
  const mistaken = await write('POST', '/elections', { type: 'CLEAN', partitions: [here] })
  assert.match(mistaken.body.error.message, /^body type: must be one of "PREFERRED", "UNCLEAN"$/)
  const moves = [
    { ...here, replicas: [102, 101] },
    { topic, partition: 1, replicas: [101, 102] },
    { ...nowhere, replicas: [101] },
  ]
  const moved = await write('POST', '/reassignments', moves)
  assert.deepEqual(
    moved.body.results.map(({ outcome, error }: any) => outcome ?? error.code),
    ['DONE', 'UNCHANGED', 'UNKNOWN_PARTITION'],
  )
  const led = await write('POST', '/elections', { type: 'PREFERRED', partitions: [here] })
  assert.deepEqual([led.body.results[0].leader, led.body.results[0].error], [102, undefined])
})

test('a rebalance is told of by the controller, and ended only while one is under way', async () => {
  const { status, body } = await at(controller, 'GET', '/rebalance')
  assert.deepEqual([status, body], [200, { state: 'NONE', since: null, moving: 0, outlivesController: true }])
  assertError(await write('DELETE', '/rebalance'), 'NO_REASSIGNMENT_IN_PROGRESS')
  assertError(await at(follower, 'GET', '/rebalance'), 'NOT_CONTROLLER')
})
