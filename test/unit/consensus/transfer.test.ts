import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, IDS } from './driver-cluster.ts'

test('everybody who asked for a transfer hears that leadership has gone, not only who asked last', async () => {
  const cluster = new Cluster()
  for (const id of IDS) await cluster.start(id)
  await cluster.run(600)
  const { consensus } = cluster.leader
  const answers: boolean[] = []
  for (let i = 0; i < 2; i++) void consensus.transfer(null, 1_000).then(gone => answers.push(gone))
  await cluster.run(1_200)
  assert.notEqual(cluster.leader.consensus, consensus)
  assert.deepEqual(answers, [true, true])
})

test('a leader that hands over before it stops stays until another one leads', async () => {
  const cluster = new Cluster()
  for (const id of IDS) await cluster.start(id)
  await cluster.run(600)
  const { consensus } = cluster.leader
  const seen: unknown[] = []
  void consensus.handOver(1_000).then(() => {
    const { role, leader } = consensus.leadership
    seen.push(role, leader !== null)
  })
  await cluster.run(1_200)
  assert.deepEqual(seen, ['FOLLOWER', true])
})
