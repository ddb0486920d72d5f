import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../cluster/processes.ts'
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

test('moves wait for their turn where an operator says so, and begin when there is room again', async () => {
  const state = { movesMax: 50, setBy: 'CONFIGURATION', moving: 0, waiting: 0, holdsOperators: true }
  assert.deepEqual((await at(controller, 'GET', '/reassignments/throttle')).body, state)
  const { topicName: topic } = (await write('POST', '/topics', { topicName: fresh(), assignments: [[101]] }))
    .body
  const paused = await write('PATCH', '/reassignments/throttle', { movesMax: 0 })
  assert.deepEqual([paused.status, paused.body], [200, { ...state, movesMax: 0, setBy: 'OPERATOR' }])
  const move = { topic, partition: 0, replicas: [102] }
  const keyed = () =>
    at(controller, 'POST', '/reassignments', [move], { 'idempotency-key': 'a move that waits' })
  assert.deepEqual((await keyed()).body.results, [{ topic, partition: 0, outcome: 'WAITING' }])
  assert.equal((await write('DELETE', `/reassignments/${topic}/0`)).status, 204)
  assert.deepEqual((await keyed()).body.results, [{ topic, partition: 0, outcome: 'GIVEN_UP' }])
  const asked = await write('POST', '/reassignments', [move])
  assert.deepEqual(asked.body.results, [{ topic, partition: 0, outcome: 'WAITING' }])
  const { reassignments } = (await at(controller, 'GET', '/reassignments')).body
  assert.partialDeepStrictEqual(reassignments, [
    {
      topic,
      replicas: [101],
      target: [102],
      state: 'WAITING',
      waitsFor: ['moves are paused'],
      addingReplicas: [],
    },
  ])
  const { body: partition } = await at(controller, 'GET', `/topics/${topic}/partitions/0`)
  assert.deepEqual(partition.reassignment, { ...partition.reassignment, target: [102], waiting: true })
  assert.deepEqual((await write('PATCH', '/reassignments/throttle', { movesMax: null })).body.movesMax, 50)
  await until('the move is done', async () => {
    const { body } = await at(controller, 'GET', `/topics/${topic}/partitions/0`)
    return body.replicas.join() === '102' && body.reassignment === null
  })
  for (const movesMax of [-1, 10_001, '5', undefined])
    assertError(await write('PATCH', '/reassignments/throttle', { movesMax }), 'INVALID_REQUEST')
  assertError(await at(follower, 'GET', '/reassignments/throttle'), 'NOT_CONTROLLER')
})

test('a rebalance is told of by the controller, and ended only while one is under way', async () => {
  const { status, body } = await at(controller, 'GET', '/rebalance')
  assert.deepEqual([status, body], [200, { state: 'NONE', since: null, moving: 0, outlivesController: true }])
  assertError(await write('DELETE', '/rebalance'), 'NO_REASSIGNMENT_IN_PROGRESS')
  assertError(await at(follower, 'GET', '/rebalance'), 'NOT_CONTROLLER')
})
