import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SNAPSHOTS } from './disk-history.ts'
import { Cluster, IDS } from './driver-cluster.ts'

const CATCH_UP_MS = 3000

test('a follower catches up although the snapshot of its leader has rotted on the disk', async () => {
  const cluster = new Cluster()
  for (const id of IDS) await cluster.start(id)
  await cluster.run(600)
  const { node, consensus } = cluster.leader
  const leader = consensus.status().id
  const followed = IDS.find(id => id !== leader)!
  cluster.isolated = followed
  for (let i = 0; i < 4; i++) await cluster.write(5, 500)
  const newest = node.store.list.at(-1)!.name
  const [file] = node.disk.list(SNAPSHOTS).slice(-1)
  node.disk.damage(`${SNAPSHOTS}/${file}`, bytes => void bytes.fill(7, 300, 310))
  cluster.isolated = null
  const { tape } = cluster.running.get(followed)!.node
  for (let ms = 0; ms < CATCH_UP_MS && tape.texts.length < node.tape.texts.length; ms += 50)
    await cluster.run(50)
  assert.deepEqual(tape.texts, node.tape.texts)
  const failed = cluster.events.filter(event => event.includes('failed'))
  assert.equal(failed.length, 2, failed.join('\n'))
  assert.match(
    failed[0]!,
    new RegExp(`^node ${followed} failed: the snapshot of node ${leader} is not usable`),
  )
  assert.match(
    failed[1]!,
    new RegExp(`^node ${leader} failed: .*${newest.index}-.*is damaged.*A new one is made`),
  )
  const [fresh] = node.store.list.slice(-1)
  assert.ok(fresh!.name.index >= newest.index)
  assert.ok([...node.store.pieces(fresh!)].length > 0, 'what it has now is sound')
  for (const running of cluster.running.values()) running.consensus.stop()
})
