import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { DamagedLog } from '../../../src/log/log.ts'
import { writeSnapshot } from '../../../src/log/snapshot-file.ts'
import { type SnapshotName, SnapshotStore } from '../../../src/log/snapshot-store.ts'
import { failOnce, MemoryDisk, outages } from './memory-disk.ts'

const FOLDER = '/data/snapshots'
const noPause = async (): Promise<void> => {}
const pieces = (text: string): Buffer[] => [Buffer.alloc(700, text), Buffer.from(text)]

function opened(disk = new MemoryDisk()): { disk: MemoryDisk; store: SnapshotStore } {
  return { disk, store: new SnapshotStore(disk, FOLDER) }
}

async function take(store: SnapshotStore, index: number, text = `state ${index}`): Promise<SnapshotName> {
  return (await store.write({ index, term: 2 }, Buffer.from(`head ${index}`), pieces(text), noPause)).name
}

/** A snapshot of another node. */
async function foreign(
  index: number,
  text = `state ${index}`,
): Promise<{ name: SnapshotName; bytes: Buffer }> {
  const disk = new MemoryDisk()
  disk.makeFolder('/other')
  const head = Buffer.from(`head ${index}`)
  const written = await writeSnapshot(disk.open('/other/file', 'create'), head, pieces(text), noPause)
  return { name: { index, term: 3, ...written }, bytes: disk.readFile('/other/file') }
}

function shown(store: SnapshotStore): string[] {
  return store.list.map(({ name, head, origin }) => `${name.index}/${name.term} ${origin} ${head}`)
}

function stateOf(store: SnapshotStore, index: number): string {
  const stored = store.list.find(({ name }) => name.index === index)!
  return [...store.pieces(stored)].at(-1)!.toString()
}

test('a snapshot is there when its write resolves, and after a restart and an outage', async () => {
  const { disk, store } = opened()
  const name = await take(store, 7)
  const expected = ['7/2 taken head 7']
  for (const found of [
    store,
    new SnapshotStore(disk.killed(), FOLDER),
    new SnapshotStore(
      disk.outage(() => 0),
      FOLDER,
    ),
  ]) {
    assert.deepEqual(shown(found), expected)
    assert.deepEqual(found.list[0]!.name, name)
    assert.equal(stateOf(found, 7), 'state 7')
  }
  assert.deepEqual(disk.list(FOLDER), ['0000000000000007-0000000000000002.taken'])
})

test('it gets its name when its bytes are synced, and is told when the name is', async () => {
  const { disk, store } = opened()
  disk.operations.length = 0
  await take(store, 7)
  const done = disk.operations.map(({ kind, path }) => `${kind} ${path.slice(FOLDER.length + 1)}`)
  const file = '0000000000000007-0000000000000002.taken'
  assert.deepEqual(done, [
    'create taking.tmp',
    'write taking.tmp',
    'sync taking.tmp',
    `rename ${file}`,
    'syncFolder ',
    `close ${file}`,
  ])
})

test('snapshots are listed oldest first, however they came', async () => {
  const { disk, store } = opened()
  for (const index of [50, 7, 1000, 8]) await take(store, index)
  const indexes = (found: SnapshotStore): number[] => found.list.map(({ name }) => name.index)
  assert.deepEqual(indexes(store), [7, 8, 50, 1000])
  assert.deepEqual(indexes(new SnapshotStore(disk, FOLDER)), [7, 8, 50, 1000])
})

test('one that was not finished is thrown away: by its writer, and at the next start', async () => {
  const { disk, store } = opened()
  const breaks = function* (): Generator<Buffer> {
    yield Buffer.from('x')
    throw new Error('no more')
  }
  await assert.rejects(store.write({ index: 1, term: 1 }, Buffer.alloc(0), breaks(), noPause), /no more/)
  assert.deepEqual([disk.list(FOLDER), store.list], [[], []])
  for (const kind of ['write', 'sync', 'rename'] as const) {
    disk.fault = failOnce(kind, 1, 'ENOSPC')
    await assert.rejects(take(store, 3), { code: 'ENOSPC' })
    assert.deepEqual(disk.list(FOLDER), [], `${kind}: the space is given back`)
  }
  await take(store, 4)
  const left = disk.killed()
  left.put(`${FOLDER}/taking.tmp`, Buffer.from('half'))
  const next = new SnapshotStore(left, FOLDER)
  assert.deepEqual([shown(next), left.exists(`${FOLDER}/taking.tmp`)], [['4/2 taken head 4'], false])
})

test('parts of the file are read as they are asked for; of one that is gone, nothing', async () => {
  const { disk, store } = opened()
  const name = await take(store, 7)
  const bytes = disk.readFile(`${FOLDER}/0000000000000007-0000000000000002.taken`)
  assert.deepEqual(store.read(name, 0, 100), bytes.subarray(0, 100))
  assert.deepEqual(store.read(name, 100, 1e6), bytes.subarray(100))
  assert.deepEqual(store.read(name, bytes.length, 10), Buffer.alloc(0))
  assert.equal(store.read(name, bytes.length + 1, 10), null)
  for (const other of [{ index: 8 }, { term: 3 }, { bytes: 1 }, { checksum: 1 }])
    assert.equal(store.read({ ...name, ...other }, 0, 10), null)
  disk.damage(`${FOLDER}/0000000000000007-0000000000000002.taken`, () => {})
  store.keepOnly(() => false)
  assert.equal(store.read(name, 0, 10), null)
})

test('a snapshot that another node sends is kept part by part, and each part once', async () => {
  const { disk, store } = opened()
  const { name, bytes } = await foreign(9)
  const part = (from: number, to: number) => store.receive(name, from, bytes.subarray(from, to))
  assert.equal(await part(0, 300), 300)
  assert.equal(await part(0, 300), 300, 'a duplicate changes nothing')
  assert.equal(await part(400, 500), 300, 'one behind a gap neither')
  assert.equal(await part(200, 400), 300, 'nor one that overlaps')
  assert.equal(await store.receive(name, 300, Buffer.alloc(bytes.length)), 300, 'nor one that is too long')
  assert.equal(await part(300, 301), 301)
  assert.equal(await part(301, bytes.length), bytes.length)
  assert.deepEqual([...store.received(name)], pieces('state 9'))
  assert.deepEqual(store.list, [])
  const stored = await store.accept(name)
  assert.deepEqual([stored.name, shown(store)], [name, ['9/3 received head 9']])
  assert.deepEqual(disk.list(FOLDER), ['0000000000000009-0000000000000003.received'])
  assert.deepEqual(
    shown(
      new SnapshotStore(
        disk.outage(() => 0),
        FOLDER,
      ),
    ),
    ['9/3 received head 9'],
  )
})

test('what was received is synced before it gets its name, and the name before it counts', async () => {
  const { disk, store } = opened()
  const { name, bytes } = await foreign(9)
  await store.receive(name, 0, bytes)
  disk.operations.length = 0
  await store.accept(name)
  const kinds = disk.operations.map(({ kind }) => kind)
  assert.deepEqual(kinds, ['sync', 'close', 'rename', 'syncFolder'])
})

test('a transfer goes on where it broke off, after a restart too', async () => {
  const { disk, store } = opened()
  const { name, bytes } = await foreign(9)
  await store.receive(name, 0, bytes.subarray(0, 333))
  const next = new SnapshotStore(disk.killed(), FOLDER)
  assert.equal(await next.receive(name, 0, bytes.subarray(0, 100)), 333)
  assert.equal(await next.receive(name, 333, bytes.subarray(333)), bytes.length)
  assert.deepEqual([...next.received(name)], pieces('state 9'))
  await next.accept(name)
  assert.equal(stateOf(next, 9), 'state 9')
})

test('what an outage left of a transfer is not taken for whole', async () => {
  const { disk, store } = opened()
  const { name, bytes } = await foreign(9)
  await store.receive(name, 0, bytes)
  let damaged = 0
  for (const left of outages(disk, 40, seeded(1))) {
    const next = new SnapshotStore(left, FOLDER)
    let have = await next.receive(name, 0, Buffer.alloc(0))
    if (have < bytes.length) have = await next.receive(name, have, bytes.subarray(have))
    try {
      assert.deepEqual([...next.received(name)], pieces('state 9'))
    } catch (error) {
      if (!(error instanceof DamagedLog)) throw error
      damaged += 1
      next.discard(name)
      assert.equal(await next.receive(name, 0, bytes), bytes.length, 'it is fetched anew')
      assert.deepEqual([...next.received(name)], pieces('state 9'))
    }
    next.close()
  }
  assert.ok(damaged > 0)
})

test('another snapshot takes the place of one that is being received', async () => {
  const { disk, store } = opened()
  const [one, two] = [await foreign(9), await foreign(9, 'another state')]
  await store.receive(one.name, 0, one.bytes.subarray(0, 400))
  assert.equal(await store.receive(two.name, 400, two.bytes.subarray(400)), 0, 'nothing of the first counts')
  assert.equal(disk.list(FOLDER).length, 1)
  await store.receive(two.name, 0, two.bytes)
  await store.accept(two.name)
  assert.equal(stateOf(store, 9), 'another state')
  assert.equal(await store.receive(one.name, 0, Buffer.alloc(0)), 0)
})

test('a failed sync of what was received ends the transfer: it is fetched anew', async () => {
  const { disk, store } = opened()
  const { name, bytes } = await foreign(9)
  await store.receive(name, 0, bytes)
  disk.fault = failOnce('sync', 1, 'ENOSPC')
  await assert.rejects(store.accept(name), { code: 'ENOSPC' })
  assert.equal(await store.receive(name, bytes.length, Buffer.alloc(0)), 0)
  await store.receive(name, 0, bytes)
  await store.accept(name)
  assert.equal(
    stateOf(
      new SnapshotStore(
        disk.outage(() => 0),
        FOLDER,
      ),
      9,
    ),
    'state 9',
  )
})

test('a snapshot that comes twice is there once', async () => {
  const { disk, store } = opened()
  const { name, bytes } = await foreign(9)
  for (let i = 0; i < 2; i++) {
    await store.receive(name, 0, bytes)
    await store.accept(name)
    assert.deepEqual(store.read(name, 0, 10), bytes.subarray(0, 10))
  }
  assert.deepEqual(shown(store), ['9/3 received head 9'])
  store.keepOnly(() => false)
  assert.deepEqual([store.list, disk.list(FOLDER)], [[], []])
})

test('a good snapshot replaces a damaged one of the same entry', async () => {
  const { disk, store } = opened()
  const name = await take(store, 7)
  const path = `${FOLDER}/0000000000000007-0000000000000002.taken`
  disk.damage(path, bytes => void bytes.writeUInt8(bytes.at(-1)! ^ 1, bytes.length - 1))
  const next = new SnapshotStore(disk, FOLDER)
  const wrong = next.list[0]!.name
  assert.ok(next.read(wrong, 0, 10) !== null)
  const again = await take(next, 7)
  assert.deepEqual([again, shown(next)], [name, ['7/2 taken head 7']])
  next.keepOnly(wanted => wanted.checksum === name.checksum)
  assert.equal(stateOf(next, 7), 'state 7')
  assert.deepEqual(next.read(again, 0, 1e6), disk.readFile(path))
})

test('only what is wanted is kept, durably', async () => {
  const { disk, store } = opened()
  for (const index of [1, 2, 3, 4]) await take(store, index)
  store.read(store.list[0]!.name, 0, 1)
  disk.operations.length = 0
  store.keepOnly(({ index }) => index === 2 || index === 4)
  const removals = disk.operations.filter(({ kind }) => kind !== 'close').map(({ kind }) => kind)
  assert.deepEqual(removals, ['remove', 'remove', 'syncFolder'])
  const expected = ['2/2 taken head 2', '4/2 taken head 4']
  assert.deepEqual(shown(store), expected)
  assert.deepEqual(
    shown(
      new SnapshotStore(
        disk.outage(() => 0),
        FOLDER,
      ),
    ),
    expected,
  )
  disk.operations.length = 0
  store.keepOnly(() => true)
  assert.deepEqual(disk.operations, [])
})

test('a damaged snapshot is told and left out; what is damaged inside is found when it is read', async () => {
  const { disk, store } = opened()
  for (const index of [1, 2, 3]) await take(store, index)
  disk.damage(`${FOLDER}/0000000000000002-0000000000000002.taken`, bytes => void bytes.fill(0, 0, 30))
  disk.damage(`${FOLDER}/0000000000000003-0000000000000002.taken`, bytes => void bytes.fill(0, 100, 130))
  const next = new SnapshotStore(disk, FOLDER)
  assert.deepEqual(
    next.list.map(({ name }) => name.index),
    [1, 3],
  )
  assert.equal(next.damaged.length, 1)
  assert.match(
    next.damaged[0]!,
    /0000000000000002-0000000000000002\.taken: the snapshot is damaged: it is no snapshot/,
  )
  assert.throws(() => stateOf(next, 3), /0000000000000003.*fails its checksum/)
  assert.equal(stateOf(next, 1), 'state 1')
})

test('a snapshot that lacks its end is found without reading all of it', async () => {
  const { disk, store } = opened()
  await take(store, 1)
  const path = `${FOLDER}/0000000000000001-0000000000000002.taken`
  for (const cut of [1, 8, 300]) {
    const left = disk.killed()
    left.put(path, disk.readFile(path).subarray(0, -cut))
    const next = new SnapshotStore(left, FOLDER)
    assert.deepEqual(next.list, [], `${cut} bytes less`)
    assert.match(next.damaged.join(), /it has no end/)
  }
})

test('files of other names are none of its business', async () => {
  const { disk } = opened()
  for (const name of ['notes', '1-2.taken', '0000000000000007-0000000000000002.taken.old', 'x.incoming'])
    disk.put(`${FOLDER}/${name}`, Buffer.from('x'))
  assert.deepEqual(new SnapshotStore(disk, FOLDER).list, [])
  assert.equal(disk.list(FOLDER).length, 4)
})

test('names that the process before left to the memory of the system are made durable at the start', async () => {
  const { disk, store } = opened()
  const { name, bytes } = await foreign(9)
  await store.receive(name, 0, bytes)
  disk.fault = failOnce('syncFolder')
  await assert.rejects(store.accept(name), { code: 'EIO' })
  const killed = disk.killed()
  assert.deepEqual(shown(new SnapshotStore(killed, FOLDER)), ['9/3 received head 9'])
  assert.deepEqual(
    shown(
      new SnapshotStore(
        killed.outage(() => 0),
        FOLDER,
      ),
    ),
    ['9/3 received head 9'],
  )
})

test('close releases every file once', async () => {
  const { disk, store } = opened()
  const taken = await take(store, 1)
  store.read(taken, 0, 1)
  store.read(taken, 1, 1)
  const { name } = await foreign(9)
  await store.receive(name, 0, Buffer.alloc(0))
  disk.operations.length = 0
  store.close()
  store.close()
  assert.equal(disk.count('close'), 2)
})
