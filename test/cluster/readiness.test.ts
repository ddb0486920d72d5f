import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sampleOf, scrape } from '../api/exposition-format.ts'
import { type Answer, ask, Cluster, type NodeProcess, until } from './processes.ts'

const ELECTION_TIMEOUT_MS = 1_500
/** Two timeouts, and what a busy machine may take besides. */
const SOON_MS = 2 * ELECTION_TIMEOUT_MS + 7_000
const ARGS = ['--election-timeout-ms', String(ELECTION_TIMEOUT_MS)]

/** One cluster for all of it: each test leaves it with its three nodes at work. */
let cluster: Cluster

before(async () => {
  cluster = await Cluster.start({ metadata: 3, storage: 0, args: ARGS })
})
after(() => cluster[Symbol.asyncDispose]())

const ready = (node: NodeProcess): Promise<Answer> => ask('GET', `${node.url}/health/ready`)

/** Not ready, and for a reason that names the quorum. */
async function isWedged(node: NodeProcess): Promise<boolean> {
  const { status, body } = await ready(node)
  return status === 503 && /no controller in term|no majority|was last heard/.test(body.reasons[0])
}

/** Stops all but `survivor`: it is soon not ready, stays so, and all are ready when the others wake. */
async function wedge(survivor: NodeProcess): Promise<void> {
  const others = cluster.metadata.filter(node => node !== survivor)
  for (const node of others) node.pause()
  await until('it says that the quorum does not serve', () => isWedged(survivor), SOON_MS)
  await until('it has given up its controller', async () => {
    const answer = await ready(survivor)
    assert.equal(answer.status, 503)
    return /no controller in term/.test(answer.body.reasons[0])
  })
  const families = await scrape(survivor)
  assert.deepEqual([sampleOf(families, 'dmq_ready'), sampleOf(families, 'dmq_raft_leader_id')], [0, -1])
  assert.equal(sampleOf(families, 'dmq_controller_active'), 0)
  for (const node of others) node.wake()
  await cluster.ready()
  const written = { brokerId: survivor.entry.id, host: 'localhost', port: 19_999 }
  assert.ok((await cluster.write('POST', '/brokers', written)).status <= 201)
}

test('when the others are stopped, a controller and a follower that are left say that they are not ready', async () => {
  await wedge(await cluster.controller())
  const controller = await cluster.controller()
  await wedge(cluster.metadata.find(node => node !== controller)!)
})

test('a node that starts again is ready only when it has what was committed while it was away', async () => {
  const controller = await cluster.controller()
  const away = cluster.metadata.find(node => node !== controller)!
  await away.end('SIGKILL')
  let version = 0
  for (let brokerId = 100; brokerId < 120; brokerId++) {
    const answer = await cluster.write('POST', '/brokers', { brokerId, host: 'localhost', port: 20_000 })
    assert.equal(answer.status, 201)
    version = Number(answer.headers.get('x-metadata-version'))
  }
  away.start()
  const answer = await until('it is ready', async () => {
    const one = await ready(away)
    return one.status === 200 ? one : null
  })
  assert.ok(Number(answer.headers.get('x-metadata-version')) >= version)
})
