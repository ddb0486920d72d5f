import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ask, Cluster, type NodeProcess, until } from './processes.ts'

/** One cluster for all of it; each test says how it leaves it. */
let cluster: Cluster

before(async () => {
  cluster = await Cluster.start({ metadata: 3, storage: 0 })
})
after(() => cluster[Symbol.asyncDispose]())

test('who has no proof of the cluster key learns the term, gets no vote, and may not look', async () => {
  const [first] = cluster.metadata as [NodeProcess]
  const vote = { term: 1_000, candidateId: 2, lastLogIndex: 1_000, lastLogTerm: 1_000 }
  const answer = await ask('POST', `${first.url}/api/v1/raft/vote`, vote)
  assert.equal(answer.status, 200)
  assert.equal(answer.body.voteGranted, false)
  assert.ok(answer.body.term < 1_000)
  assert.equal((await ask('GET', `${first.url}/api/v1/raft/status`)).status, 401)
})

test('a wiped data folder is refused, with the remedy', async () => {
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
  // Of the test before one of them is wiped and away already.
  const [third, ...gone] = cluster.metadata.toSorted((a, b) => Number(b.running) - Number(a.running))
  const [first, second] = gone as [NodeProcess, NodeProcess]
  const before = await ask('GET', `${third!.url}/api/v1/metadata/cluster`)
  assert.equal(before.status, 200)
  await Promise.all(cluster.metadata.map(node => node.end('SIGKILL')))
  for (const node of gone) {
    rmSync(node.folder, { recursive: true, force: true })
    node.output = ''
  }
  first.start()
  second.start()
  for (const node of gone)
    await until('it waits for the third', async () => {
      const { body } = await ask('GET', `${node.url}/health/ready`)
      return body?.reasons?.some((reason: string) =>
        reason.includes(`waiting for metadata nodes ${third!.entry.id}`),
      )
    })
  assert.equal((await ask('GET', `${second.url}/api/v1/metadata/controller`)).status, 503)
  third!.start()
  assert.deepEqual(await Promise.all([first.ended(), second.ended()]), [1, 1])
  for (const node of gone) assert.match(node.output, /Put the original data directory back/)
  const after = await until('the survivor answers reads', async () => {
    const answer = await ask('GET', `${third!.url}/api/v1/metadata/cluster`)
    return answer.status === 200 ? answer : null
  })
  assert.equal(after.body.clusterId, before.body.clusterId)
})
