import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { ask, Cluster, type NodeProcess, until } from './processes.ts'

test('a wiped data folder is refused, with the remedy', async () => {
  await using cluster = await Cluster.start({ metadata: 3, storage: 0 })
  const controller = await cluster.controller()
  const victim = cluster.metadata.find(node => node !== controller)!
  await victim.end('SIGKILL')
  rmSync(victim.folder, { recursive: true })
  victim.start()
  assert.equal(await victim.ended(), 1)
  assert.match(victim.output, /it was wiped, replaced, or belongs elsewhere/)
  assert.match(victim.output, /Put the original data directory back/)
  assert.equal(
    (await cluster.write('POST', '/brokers', { brokerId: 1, host: 'localhost', port: 19_999 })).status,
    201,
  )
})

test('two wiped disks of three do not found a new cluster, and say what to do', async () => {
  await using cluster = await Cluster.start({ metadata: 3, storage: 0 })
  const before = await ask('GET', `${cluster.metadata[2]!.url}/api/v1/metadata/cluster`)
  await Promise.all(cluster.metadata.map(node => node.end('SIGKILL')))
  const [first, second, third] = cluster.metadata as [NodeProcess, NodeProcess, NodeProcess]
  for (const node of [first, second]) rmSync(node.folder, { recursive: true })
  first.start()
  second.start()
  await until('the wiped nodes wait for the third', async () => {
    const { body } = await ask('GET', `${first.url}/health/ready`)
    return body?.reasons?.some((reason: string) => reason.includes('waiting for metadata nodes 3'))
  })
  assert.equal((await ask('GET', `${second.url}/api/v1/metadata/controller`)).status, 503)
  third.start()
  assert.deepEqual(await Promise.all([first.ended(), second.ended()]), [1, 1])
  for (const node of [first, second]) assert.match(node.output, /Put the original data directory back/)
  const after = await until('the survivor answers reads', async () => {
    const answer = await ask('GET', `${third.url}/api/v1/metadata/cluster`)
    return answer.status === 200 ? answer : null
  })
  assert.equal(after.body.clusterId, before.body.clusterId)
})

test('nodes with another cluster key are kept out', async () => {
  await using cluster = await Cluster.prepare({ metadata: 3, storage: 0 })
  const [first, second, third] = cluster.metadata as [NodeProcess, NodeProcess, NodeProcess]
  first.start()
  second.start()
  third.start()
  await cluster.ready()
  const vote = { term: 1_000, candidateId: 2, lastLogIndex: 1_000, lastLogTerm: 1_000 }
  const answer = await ask('POST', `${first.url}/api/v1/raft/vote`, vote)
  assert.equal(answer.status, 200)
  assert.equal(answer.body.voteGranted, false)
  assert.ok(answer.body.term < 1_000)
  assert.equal((await ask('GET', `${first.url}/api/v1/raft/status`)).status, 401)
})
