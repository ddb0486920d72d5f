import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeSnapshot } from '../../../src/log/snapshot-file.ts'
import { type SnapshotName, SnapshotStore } from '../../../src/log/snapshot-store.ts'
import { MemoryDisk } from './memory-disk.ts'

/** Snapshot files that are damaged are kept as long as they may be wanted, and no longer. */

const FOLDER = '/data/snapshots'
const HEAD = Buffer.from('head')
const PIECES = [Buffer.alloc(700, 'state')]
const noPause = async (): Promise<void> => {}
const file = (index: number, origin = 'taken') =>
  `${String(index).padStart(16, '0')}-0000000000000002.${origin}`

async function take(store: SnapshotStore, index: number): Promise<SnapshotName> {
  return (await store.write({ index, term: 2 }, HEAD, PIECES, noPause)).name
}

/** A store that finds snapshots of these entries, the heads of some of them damaged. */
async function found(indexes: readonly number[], damaged: readonly number[]) {
  const disk = new MemoryDisk()
  const store = new SnapshotStore(disk, FOLDER)
  for (const index of indexes) await take(store, index)
  for (const index of damaged) disk.damage(`${FOLDER}/${file(index)}`, bytes => void bytes.fill(0, 0, 30))
  return { disk, store: new SnapshotStore(disk, FOLDER) }
}

test('damaged files go once a newer snapshot has been made, and are told no more', async () => {
  const { disk, store } = await found([3, 5, 9], [5, 9])
  assert.equal(store.damaged.length, 2)
  store.keepOnly(() => true)
  assert.deepEqual(disk.list(FOLDER), [file(3), file(5), file(9)], 'there is no newer one yet')
  await take(store, 7)
  disk.operations.length = 0
  store.keepOnly(({ index }) => index >= 3)
  assert.deepEqual(disk.list(FOLDER), [file(3), file(7), file(9)], 'one that is newer stays')
  assert.deepEqual(
    disk.operations.map(({ kind }) => kind),
    ['remove', 'syncFolder'],
  )
  assert.equal(store.damaged.length, 1)
  await take(store, 12)
  store.keepOnly(({ index }) => index >= 7)
  assert.deepEqual(disk.list(FOLDER), [file(7), file(12)])
  assert.deepEqual(store.damaged, [])
  for (const left of [disk.killed(), disk.outage(() => 0)]) {
    const next = new SnapshotStore(left, FOLDER)
    assert.deepEqual([next.damaged, next.list.map(({ name }) => name.index)], [[], [7, 12]])
  }
})

test('damaged files go once a newer snapshot has been received', async () => {
  const { disk, store } = await found([3, 5], [3, 5])
  const other = new MemoryDisk()
  other.makeFolder('/other')
  const written = await writeSnapshot(other.open('/other/file', 'create'), HEAD, PIECES, noPause)
  const name = { index: 8, term: 2, ...written }
  await store.receive(name, 0, other.readFile('/other/file'))
  store.keepOnly(() => true)
  assert.equal(store.damaged.length, 2, 'it is not accepted yet')
  await store.accept(name)
  store.keepOnly(() => true)
  assert.deepEqual([store.damaged, disk.list(FOLDER)], [[], [file(8, 'received')]])
})

test('a sound snapshot of the same entry takes the place of a damaged one', async () => {
  const { disk, store } = await found([3], [3])
  await take(store, 3)
  store.keepOnly(() => true)
  assert.deepEqual([store.damaged, disk.list(FOLDER)], [[], [file(3)]])
  assert.deepEqual([...store.pieces(store.list[0]!)], PIECES)
})

test('a snapshot that turns out to be damaged is none any more, and its file goes like the others', async () => {
  const { disk, store } = await found([3, 5], [])
  const name = store.list[1]!.name
  assert.ok(store.read(name, 0, 10) !== null)
  store.spoil(name, 'it fails its checksum')
  store.spoil({ ...name, checksum: 1 }, 'there is no such snapshot')
  assert.deepEqual([store.damaged, store.list.length], [['it fails its checksum'], 1])
  assert.equal(store.read(name, 0, 10), null)
  store.keepOnly(() => true)
  assert.deepEqual(disk.list(FOLDER), [file(3), file(5)])
  await take(store, 6)
  store.keepOnly(() => true)
  assert.deepEqual(disk.list(FOLDER), [file(3), file(6)])
})

test('the head of a received file is that of the file in its name', async () => {
  const store = new SnapshotStore(new MemoryDisk(), FOLDER)
  const other = new MemoryDisk()
  other.makeFolder('/other')
  const written = await writeSnapshot(other.open('/other/file', 'create'), HEAD, PIECES, noPause)
  const name = { index: 8, term: 2, ...written }
  await store.receive(name, 0, other.readFile('/other/file'))
  assert.deepEqual(store.receivedHead(name), HEAD)
  const wrong = { ...name, checksum: name.checksum ^ 1 }
  await store.receive(wrong, 0, other.readFile('/other/file'))
  assert.throws(() => store.receivedHead(wrong), /its checksum is not the one in its name/)
})
