import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { Raft } from '../../../src/raft/raft.ts'
import { type MemoryDisk, outages } from '../log/memory-disk.ts'
import { closeNode, contentOf, type DiskNode, openNode } from './disk-history.ts'
import { Cluster, IDS, Labels, labelOf, optionsOf } from './driver-cluster.ts'
import { settle } from './fake-clock.ts'

/**
 * Three nodes, each with the real driver, log and snapshots over a disk in memory. One falls behind, gets a snapshot and
 * goes on; at every moment at which its disk has changed, the power fails. Whatever is left, it comes back with all that
 * it had told the core to be durable, and with nothing that differs from the others.
 */
const OUTAGES_MAX = Number(process.env.OUTAGES ?? 6)
const CATCH_UP_MS = 2000

type Moment = { readonly durable: number; readonly disk: MemoryDisk; readonly number: number }

test('power fails at any moment while a follower lives with snapshots of its own and of the leader', async t => {
  const cluster = new Cluster()
  for (const id of IDS) await cluster.start(id)
  await cluster.run(600)
  const leader = cluster.leader.consensus.status().id
  const followed = IDS.find(id => id !== leader)!
  const { node, consensus } = cluster.running.get(followed)!
  const moments: Moment[] = []
  let taken = 0
  node.disk.changed = () =>
    void moments.push({ durable: consensus.status().durable, disk: node.disk.killed(), number: taken++ })
  await cluster.write(6, 600)
  await cluster.write(8, 400)
  for (let round = 0; round < 2; round++) {
    cluster.isolated = followed
    for (let i = 0; i < 4; i++) await cluster.write(5, 500)
    cluster.isolated = null
    await cluster.run(400)
    await cluster.write(3, 1200)
    await cluster.write(7, 500)
  }
  await cluster.run(300)
  const installs = cluster.events.filter(event => event.startsWith(`node ${followed} installed`))
  const takes = cluster.events.filter(event => event.startsWith(`node ${followed} took`))
  assert.ok(installs.length >= 2 && takes.length >= 2, cluster.events.join(', '))
  const { texts } = cluster.leader.node.tape
  assert.deepEqual(node.tape.texts, texts)
  assert.ok(node.log.firstIndex > 20, `the log was cut to ${node.log.firstIndex}`)
  assert.ok(node.store.list.length <= 3)
  const random = seeded(7)
  let starts = 0
  for (const { durable, disk, number } of moments) {
    for (const left of [...outages(disk, OUTAGES_MAX, random), disk]) {
      const when = `moment ${number} of ${moments.length}, ${starts++}`
      const opened = await openNode(left, '/data', new Labels()).catch(error =>
        assert.fail(`${when}: ${error.stack}`),
      )
      assertPrefix(opened, texts, durable, followed, when)
      await closeNode(opened)
    }
  }
  t.diagnostic(`${moments.length} moments, ${starts} starts; ${cluster.events.join(', ')}`)
  for (const running of cluster.running.values()) running.consensus.stop()
})

function assertPrefix(node: DiskNode, texts: string[], durable: number, id: number, when: string): void {
  const { texts: all, last } = contentOf(node)
  const found = { texts: all.map(labelOf), last }
  assert.deepEqual(found.texts, texts.slice(0, found.texts.length), when)
  assert.ok(found.last >= durable, `${when}: ends with ${found.last}, ${durable} was durable`)
  assert.deepEqual(node.damaged, [], when)
  new Raft(optionsOf(id), node.restored, 0)
}

test('a follower that lost power in the midst of an install catches up', async () => {
  const cluster = new Cluster()
  for (const id of IDS) await cluster.start(id)
  await cluster.run(600)
  const leader = cluster.leader.consensus.status().id
  const followed = IDS.find(id => id !== leader)!
  const random = seeded(5)
  const below = (limit: number): number => Math.floor(random() * limit)
  for (let round = 0; round < 25; round++) {
    const { node, consensus } = cluster.running.get(followed)!
    cluster.isolated = followed
    for (let i = 0; i < 4; i++) await cluster.write(4, 700)
    cluster.isolated = null
    await cluster.run(5 + below(80))
    const left = below(4) === 0 ? node.disk.killed() : node.disk.outage((_, versions) => below(versions))
    consensus.stop()
    const { tape } = (await cluster.start(followed, left)).node
    const { texts } = cluster.leader.node.tape
    // Where half of a transfer was lost, the leader looks at its file before it sends it again.
    for (let ms = 0; ms < CATCH_UP_MS && tape.texts.length < texts.length; ms += 50) await cluster.run(50)
    await settle()
    assert.deepEqual(tape.texts, texts, `round ${round}`)
  }
  const installs = cluster.events.filter(event => event.startsWith(`node ${followed} installed`))
  assert.ok(installs.length >= 10, `${installs.length}`)
  for (const running of cluster.running.values()) running.consensus.stop()
})
