import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SnapshotRead } from '../../../src/raft/io.ts'
import type { SnapshotId } from '../../../src/raft/snapshot.ts'
import { failOnce } from '../log/memory-disk.ts'
import { SNAPSHOTS } from './disk-history.ts'
import { type Bench, bound, CONFIGURATION, LATER } from './snapshots-bench.ts'

/** What a leader does when a follower throws away what it was sent. */

const FILE = `${SNAPSHOTS}/0000000000000006-0000000000000001.taken`

async function withSnapshot() {
  const all = bound()
  all.snapshots.take(LATER, CONFIGURATION)
  await all.clock.runAll()
  all.told()
  all.events.length = 0
  return { ...all, snapshot: all.store.list[0]!.name }
}

function readOf(snapshot: SnapshotId, over: Partial<SnapshotRead> = {}): SnapshotRead {
  return { peer: 2, session: 5, snapshot, offset: 0, bytesMax: 100, suspect: false, ...over }
}

async function answers(bench: Bench, ...requests: SnapshotRead[]): Promise<string[]> {
  for (const request of requests) bench.snapshots.read(request)
  await bench.clock.runAll()
  return bench.told()
}

test('a sound file is sent again, after all of it was looked at without holding anything up', async () => {
  const { bench, clock, snapshots, events, snapshot } = await withSnapshot()
  snapshots.read(readOf(snapshot, { suspect: true }))
  let turns = 0
  for (; bench.steps.length === 0; turns++) await clock.runPending()
  assert.ok(turns >= 6, `${turns} turns`)
  assert.deepEqual([bench.told(), events, bench.renewals], [['read 100'], [], 0])
})

test('a file that nobody threw away is not looked through', async () => {
  const { bench, disk, snapshot } = await withSnapshot()
  disk.damage(FILE, bytes => void bytes.fill(0, 400, 410))
  bench.snapshots.read(readOf(snapshot))
  assert.deepEqual(bench.told(), ['read 100'], 'at once')
})

test('a damaged file is sent no more: told once, and another one is made for who waits', async () => {
  const { bench, disk, store, events, fatal, snapshot } = await withSnapshot()
  disk.damage(FILE, bytes => void bytes.fill(0, 400, 410))
  const first = readOf(snapshot, { suspect: true })
  const told = await answers(bench, first, readOf(snapshot, { peer: 3, suspect: true }))
  assert.deepEqual(told, ['taken 6', 'read undefined', 'read undefined'])
  assert.equal(events.length, 2)
  assert.match(
    events[0]!,
    /^failed: .*0000006-0000000000000001\.taken: the snapshot is damaged: the piece at/,
  )
  assert.match(events[0]!, /A new one is made in its place; the disk may be failing$/)
  assert.match(events[1]!, /^taken 6 in/)
  assert.deepEqual([bench.renewals, fatal, store.damaged], [1, [], []])
  const [fresh, ...more] = store.list
  assert.deepEqual(more, [])
  assert.equal([...store.pieces(fresh!)].length, 6, 'the new one is sound')
  assert.deepEqual(await answers(bench, readOf(fresh!.name, { suspect: true })), ['read 100'])
})

test('who asks for a damaged file while its successor is made waits for that', async () => {
  const { bench, disk, clock, snapshot } = await withSnapshot()
  disk.damage(FILE, bytes => void bytes.fill(0, 400, 410))
  bench.snapshots.read(readOf(snapshot, { suspect: true }))
  while (bench.renewals === 0) await clock.runPending()
  bench.snapshots.read(readOf(snapshot, { peer: 3, offset: 100 }))
  assert.deepEqual(bench.told(), [])
  await clock.runAll()
  assert.deepEqual(bench.told(), ['taken 6', 'read undefined', 'read undefined'])
})

test('one that is being made already is the successor', async () => {
  const { bench, disk, clock, snapshots, snapshot } = await withSnapshot()
  disk.damage(FILE, bytes => void bytes.fill(0, 400, 410))
  snapshots.take({ index: 7, term: 1 }, CONFIGURATION)
  snapshots.read(readOf(snapshot, { suspect: true }))
  await clock.runAll()
  assert.deepEqual([bench.renewals, bench.told()], [0, ['taken 7', 'read undefined']])
})

test('a file that has lost its end is found when that is read, and ends no process', async () => {
  const { bench, disk, events, fatal, snapshot } = await withSnapshot()
  disk.put(FILE, disk.readFile(FILE).subarray(0, 50))
  assert.deepEqual(await answers(bench, readOf(snapshot)), ['taken 6', 'read undefined'])
  assert.match(events[0]!, /the snapshot has lost its end\. A new one is made/)
  assert.deepEqual(fatal, [])
})

test('without space for a successor, who waits is served by the next one that there is space for', async () => {
  const { bench, disk, clock, snapshots, events, snapshot } = await withSnapshot()
  disk.damage(FILE, bytes => void bytes.fill(0, 400, 410))
  disk.fault = failOnce('create', 1, 'ENOSPC')
  assert.deepEqual(await answers(bench, readOf(snapshot, { suspect: true })), [])
  assert.match(events.at(-1)!, /^failed: ENOSPC/)
  snapshots.take({ index: 8, term: 1 }, CONFIGURATION)
  await clock.runAll()
  assert.deepEqual(bench.told(), ['taken 8', 'read undefined'])
})

test('a file that is gone, and one that the disk cannot open', async () => {
  const { bench, disk, store, fatal, snapshot } = await withSnapshot()
  disk.fault = failOnce('open')
  const gone = { ...snapshot, index: 5 }
  assert.deepEqual(await answers(bench, readOf(gone, { suspect: true })), ['read undefined'])
  disk.remove(FILE)
  assert.equal(store.list.length, 1)
  assert.deepEqual(await answers(bench, readOf(snapshot, { suspect: true })), [])
  assert.equal((fatal[0] as { code?: string }).code, 'ENOENT', 'an error of the disk stays one')
})
