import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RAFT, raftStatus, sendProved } from '../api/contract.ts'
import { ask, Cluster, type NodeProcess, until } from './processes.ts'

/** Broker 7 is nobody: it registers, and never sends a heartbeat. */
const PATIENT = ['--session-timeout-ms', '600000']

type Quorum = { leaderId: number; voters: { id: number }[]; learners: { id: number }[]; term: number }

/** Writes one after the other while `work` goes on; each must succeed. Returns how many did. */
async function underLoad(cluster: Cluster, work: () => Promise<void>): Promise<number> {
  let over = false
  let count = 0
  const writing = (async () => {
    while (!over) {
      const topic = { topicName: `load-${count}`, assignments: [[7]] }
      const { status, body } = await cluster.write('POST', '/topics', topic)
      assert.equal(status, 201, JSON.stringify(body))
      count += 1
    }
  })()
  try {
    await work()
  } finally {
    over = true
    await writing
  }
  return count
}

async function quorum(cluster: Cluster, ...args: string[]): Promise<Quorum> {
  return JSON.parse(await cluster.dmq('quorum', ...args, '--json')) as Quorum
}

function ids(members: readonly { id: number }[]): number[] {
  return members.map(({ id }) => id).sort((a, b) => a - b)
}

async function assertSameTopics(
  cluster: Cluster,
  nodes: readonly NodeProcess[],
  count: number,
): Promise<void> {
  const { body } = await cluster.readAt(nodes[0]!, '/sync?consistency=linearizable')
  assert.equal(body.topics.length, count)
  for (const node of nodes) {
    const answer = await cluster.readAt(node, `/sync?minVersion=${body.version}`)
    assert.equal(answer.body.stateHash, body.stateHash)
  }
}

test('a cluster grows from one metadata node to three and five and shrinks to one again, under load', async () => {
  await using cluster = await Cluster.start({ metadata: 1, storage: 0, args: PATIENT })
  await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
  const nodes: NodeProcess[] = [...cluster.metadata]
  await assert.rejects(quorum(cluster, 'transfer'), /node 1 is the only voter/)
  const count = await underLoad(cluster, async () => {
    for (const id of [2, 3, 4, 5]) {
      const node = await cluster.addMetadataNode(id, PATIENT)
      nodes.push(node)
      const view = await quorum(cluster, 'add', String(id), '--url', node.url)
      assert.deepEqual([ids(view.voters), view.learners], [nodes.map(each => each.entry.id), []])
    }
    // The first one is the controller: it removes itself, and another takes over.
    for (const id of [1, 5, 3, 2]) {
      // Node 1 alone is named, even to remove it.
      const view = await quorum(cluster, 'remove', String(id), ...(id === 1 ? ['-b', nodes[0]!.url] : []))
      assert(!ids(view.voters).includes(id))
    }
  })
  const view = await quorum(cluster)
  assert.deepEqual([ids(view.voters), view.leaderId], [[4], 4])
  assert(count > 20, `only ${count} writes`)
  for (const node of nodes.filter(({ entry }) => entry.id !== 4)) {
    await until('it says that it was removed', async () => {
      const { body } = await ask('GET', `${node.url}/health/ready`)
      return body.reasons.some((reason: string) => /^by entry \d+ of its own log/.test(reason))
    })
    await until('its log says so too', async () => node.output.includes('"quorum.removed"'))
  }
  await assertSameTopics(cluster, [nodes[3]!], count)
})

test('a node that is a learner says so, until it votes', async () => {
  await using cluster = await Cluster.start({ metadata: 1, storage: 0 })
  const [first] = cluster.metadata
  const node = await cluster.addMetadataNode(2)
  const { directoryUuid } = await raftStatus(node)
  const { host, port } = node.entry
  const member = { nodeId: 2, role: 'LEARNER', directoryUuid, host, port }
  const added = await sendProved(first!, 'POST', `${RAFT}/members`, member)
  assert.equal(added.status, 200, JSON.stringify(added.body))
  const stateOf = async (of: NodeProcess) => (await cluster.readAt(of, '/controller')).body?.nodeState
  await until('it is a learner', async () => (await stateOf(node)) === 'LEARNER')
  assert.equal(await stateOf(first!), 'LEADER')
  // Not before it is caught up, which it may lack an answer to be.
  await until('it votes', async () => {
    await sendProved(first!, 'POST', `${RAFT}/members`, { nodeId: 2, role: 'VOTER' })
    return (await stateOf(node)) === 'FOLLOWER'
  })
})
