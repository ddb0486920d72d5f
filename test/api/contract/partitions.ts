import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../../../src/base/errors.ts'
import { assertError } from '../contract.ts'
import { at, cluster, controller, created, write } from './shared-cluster.ts'

test('partitions are added behind those that are there', async () => {
  const before = await created()
  const path = `/topics/${before.topicName}/partitions`
  const wider = await write('POST', path, { numPartitions: 4 })
  assert.equal(wider.status, 200)
  assert.deepEqual(wider.body.partitions.slice(0, 2), before.partitions)
  assert.deepEqual(
    wider.body.partitions.map(({ id }: any) => id),
    [0, 1, 2, 3],
  )
  const placed = await write('POST', path, {
    numPartitions: 6,
    assignments: [
      [102, 101],
      [101, 102],
    ],
  })
  assert.deepEqual(
    placed.body.partitions.slice(4).map(({ replicas }: any) => replicas),
    [
      [102, 101],
      [101, 102],
    ],
  )
  const wrong: [ErrorCode, object][] = [
    ['INVALID_PARTITIONS', { numPartitions: 6 }],
    ['INVALID_PARTITIONS', { numPartitions: 1 }],
    ['INVALID_PARTITIONS', { numPartitions: 10_007 }],
    ['INVALID_PARTITIONS', { numPartitions: 1_000_000 }],
    ['INVALID_REPLICA_ASSIGNMENT', { numPartitions: 8, assignments: [[101, 102]] }],
    ['INVALID_REPLICA_ASSIGNMENT', { numPartitions: 7, assignments: [[101]] }],
    ['INVALID_REPLICA_ASSIGNMENT', { numPartitions: 7, assignments: [[101, 999]] }],
  ]
  for (const [code, body] of wrong) assertError(await write('POST', path, body), code)
  assertError(await write('POST', '/topics/nothing/partitions', { numPartitions: 3 }), 'UNKNOWN_TOPIC')
  assert.equal((await at(controller, 'GET', `/topics/${before.topicName}`)).body.numPartitions, 6)
})

test('a partition and its leader are read by number', async () => {
  const { topicName, partitions } = await created()
  for (const { id, leader, leaderEpoch } of partitions) {
    const path = `/topics/${topicName}/partitions/${id}`
    assert.deepEqual((await at(controller, 'GET', path)).body, partitions[id])
    const { host, port } = cluster.storage.find(({ entry }) => entry.id === leader)!.entry
    assert.deepEqual((await at(controller, 'GET', `${path}/leader`)).body, {
      brokerId: leader,
      host,
      port,
      leaderEpoch,
    })
  }
  assertError(await at(controller, 'GET', `/topics/${topicName}/partitions/2`), 'UNKNOWN_PARTITION')
  assertError(await at(controller, 'GET', `/topics/${topicName}/partitions/2/leader`), 'UNKNOWN_PARTITION')
  assertError(await at(controller, 'GET', '/topics/nothing/partitions/0'), 'UNKNOWN_TOPIC')
})
