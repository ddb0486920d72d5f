import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Output } from '../../../src/raft/io.ts'
import type { SnapshotId } from '../../../src/raft/snapshot.ts'
import { failOnce, systemError } from '../log/memory-disk.ts'
import { SNAPSHOTS, textsOf } from './disk-history.ts'
import { settle } from './fake-clock.ts'
import { Bench, bound, CONFIGURATION, ENTRIES, LATER, leaders, part } from './snapshots-bench.ts'

test('a snapshot is due after so many bytes, and not while one is being taken', async () => {
  const { snapshots, clock } = new Bench()
  assert.equal(snapshots.applied(999), false)
  assert.equal(snapshots.applied(1), true)
  assert.equal(snapshots.applied(0), true, 'as long as none is taken')
  snapshots.take(LATER, CONFIGURATION)
  assert.equal(snapshots.applied(5000), false)
  await clock.runAll()
  assert.equal(snapshots.applied(0), true, 'what came meanwhile counts')
  snapshots.take(LATER, CONFIGURATION)
  await clock.runAll()
  assert.equal(snapshots.applied(999), false, 'and what came before does not')
})

test('of a large state it is due after a quarter of its size, after a restart too', async () => {
  const bench = new Bench()
  bench.tape.texts = Array.from({ length: 40 }, () => 'x'.repeat(200))
  bench.snapshots.take(LATER, CONFIGURATION)
  await bench.clock.runAll()
  const { bytes } = bench.store.list[0]!.name
  assert.ok(bytes > 8000)
  for (const { snapshots } of [bench, new Bench(bench.disk)]) {
    assert.equal(snapshots.applied(Math.ceil(bytes / 4) - 1), false)
    assert.equal(snapshots.applied(1), true)
  }
})

test('taking one holds nothing up, and gives the state as it was when it began', async () => {
  const { snapshots, clock, tape, store, events, told } = bound()
  snapshots.take(LATER, CONFIGURATION)
  assert.equal(tape.capturing, 1, 'the state is captured at once')
  for (let i = 1; clock.pending > 0 || i === 1; i++) {
    assert.ok(tape.pulled <= i, 'one piece between two pauses')
    tape.apply(6 + i, 'Test', Buffer.from('later'))
    clock.now += 1
    await clock.runPending()
  }
  assert.equal(tape.capturing, 0)
  assert.deepEqual(told(), ['taken 6'])
  assert.match(events[0]!, /^taken 6 in \d+ ms$/)
  const [stored] = store.list
  const texts = [...store.pieces(stored!)].map(piece => piece.toString())
  assert.deepEqual(texts, [...textsOf(ENTRIES.slice(0, 6)).map(text => `+${text}`), '=5'])
  assert.deepEqual(JSON.parse(stored!.head.toString()).configurationIndex, 1)
})

test('without space for it, it is given up and tried again; the state is let go', async () => {
  for (const kind of ['create', 'write', 'sync', 'rename'] as const) {
    const { disk, snapshots, clock, tape, events, fatal, store, told } = bound()
    disk.fault = failOnce(kind, 1, 'ENOSPC')
    snapshots.take(LATER, CONFIGURATION)
    await clock.runAll()
    assert.deepEqual([told(), fatal, store.list, disk.list(SNAPSHOTS)], [[], [], [], []], kind)
    assert.match(events.join(), /^failed: ENOSPC/)
    assert.equal(snapshots.applied(999), false)
    assert.equal(snapshots.applied(1), true)
    snapshots.take(LATER, CONFIGURATION)
    await clock.runAll()
    assert.deepEqual(told(), ['taken 6'])
    if (kind !== 'create') assert.equal(tape.capturing, 0)
  }
})

test('any other error of the disk is fatal', async () => {
  for (const kind of ['create', 'write', 'sync', 'rename', 'syncFolder'] as const) {
    const { disk, snapshots, clock, fatal, told } = bound()
    disk.fault = failOnce(kind)
    snapshots.take(LATER, CONFIGURATION)
    await clock.runAll()
    assert.deepEqual([told(), fatal.map(error => (error as { code: string }).code)], [[], ['EIO']], kind)
  }
  for (const kind of ['create', 'write', 'sync', 'rename', 'syncFolder'] as const) {
    const { bench, disk, fatal } = bound()
    const { name, bytes } = await leaders()
    disk.fault = failOnce(kind)
    await bench.receive(name, 0, bytes)
    assert.deepEqual(
      fatal.map(error => (error as { code: string }).code),
      ['EIO'],
      kind,
    )
  }
})

test('a snapshot that is being taken ends with the node', async () => {
  const { disk, snapshots, clock, tape, fatal, told } = bound()
  snapshots.take(LATER, CONFIGURATION)
  await clock.runPending()
  snapshots.stop()
  await clock.runAll()
  assert.deepEqual([told(), fatal, tape.capturing, disk.list(SNAPSHOTS)], [[], [], 0, []])
})

test('what a follower is to be sent is read from the file', async () => {
  const { snapshots, clock, store, steps, told } = bound()
  snapshots.take(LATER, CONFIGURATION)
  await clock.runAll()
  told()
  const snapshot = store.list[0]!.name
  const request = { peer: 2, session: 5, snapshot, offset: 10, bytesMax: 100, suspect: false }
  snapshots.read(request)
  assert.deepEqual(steps, [{ type: 'snapshotRead', request, data: store.read(snapshot, 10, 100) }])
  snapshots.read({ ...request, snapshot: { ...snapshot, index: 99 } })
  assert.deepEqual(told(), ['read 100', 'read undefined'])
})

test('parts are kept in order, duplicates change nothing, and the last one is read and taken over', async () => {
  const { bench, snapshots, tape, events } = bound()
  const { name, bytes } = await leaders()
  const before = [...tape.texts]
  assert.deepEqual(await bench.receive(name, 0, bytes.subarray(0, 500)), ['stored 500'])
  assert.deepEqual(await bench.receive(name, 0, bytes.subarray(0, 500)), ['stored 500'])
  assert.deepEqual(await bench.receive(name, 900, bytes.subarray(900)), ['stored 500'])
  const all = await bench.receive(name, 500, bytes.subarray(500))
  assert.deepEqual(all, [`stored ${bytes.length}`, 'received 12'])
  assert.deepEqual([tape.texts, events], [before, []], 'the state is in force when the core says so')
  snapshots.settle({ id: name, configuration: CONFIGURATION })
  assert.deepEqual([tape.texts, events], [textsOf(ENTRIES), ['installed 12 of 3']])
})

test('a snapshot that the core needs no more is let go', async () => {
  const { bench, snapshots, tape } = bound()
  const { name, bytes } = await leaders()
  await bench.receive(name, 0, bytes)
  const before = [...tape.texts]
  snapshots.settle(null)
  assert.deepEqual(tape.texts, before)
  assert.throws(() => snapshots.settle({ id: name, configuration: CONFIGURATION }), /has been read/)
})

test('the core is told of no other snapshot than the one that was read', async () => {
  const { bench, snapshots } = bound()
  const { name, bytes } = await leaders()
  await bench.receive(name, 0, bytes)
  const other = { id: { ...name, checksum: 1 }, configuration: CONFIGURATION }
  assert.throws(() => snapshots.settle(other), /has been read/)
})

test('reading a received state holds nothing up', async () => {
  const { snapshots, clock, told } = bound()
  const { name, bytes } = await leaders()
  snapshots.store(part(name, 0, bytes))
  await clock.runPending()
  assert.deepEqual(told(), [`stored ${bytes.length}`])
  let turns = 0
  while (clock.pending > 0) {
    await clock.runPending()
    turns += 1
  }
  assert.ok(turns >= 11, `${turns} turns`)
  assert.deepEqual(told(), ['received 12'])
})

test('the same part twice in the queue: the state is taken over, and the file is there once', async () => {
  const { bench, disk, snapshots, clock, store, tape, fatal } = bound()
  const { name, bytes } = await leaders()
  for (let i = 0; i < 2; i++) snapshots.store(part(name, 0, bytes))
  await clock.runAll()
  assert.deepEqual(bench.told(), [
    `stored ${bytes.length}`,
    'received 12',
    `stored ${bytes.length}`,
    'received 12',
  ])
  snapshots.settle({ id: name, configuration: CONFIGURATION })
  assert.deepEqual(tape.texts, textsOf(ENTRIES))
  assert.deepEqual(
    store.list.map(({ name }) => name.index),
    [12],
  )
  snapshots.prune({ pinned: [] } as unknown as Output, [])
  assert.deepEqual([fatal, store.list, disk.list(SNAPSHOTS)], [[], [], []])
})

test('a transfer goes on after a restart where it broke off', async () => {
  const first = bound()
  const { name, bytes } = await leaders()
  await first.bench.receive(name, 0, bytes.subarray(0, 700))
  const next = bound(first.disk.killed())
  assert.deepEqual(await next.bench.receive(name, 0, bytes.subarray(0, 300)), ['stored 700'])
  assert.deepEqual(await next.bench.receive(name, 700, bytes.subarray(700)), [
    `stored ${bytes.length}`,
    'received 12',
  ])
})

test('a transfer that is damaged is discarded, told, and begins anew', async () => {
  for (const at of [0, 14, 40, 700, -1]) {
    const { bench, disk, snapshots, tape, events, fatal } = bound()
    const { name, bytes } = await leaders()
    const wrong = Buffer.from(bytes)
    wrong[(at + wrong.length) % wrong.length]! ^= 1
    const before = [...tape.texts]
    assert.deepEqual(await bench.receive(name, 0, wrong), [`stored ${bytes.length}`, 'stored 0'])
    assert.match(
      events.join(),
      /^failed: the snapshot of node 3 is not usable: .*\.incoming: the snapshot is damaged/,
    )
    assert.deepEqual([disk.list(SNAPSHOTS), tape.texts, fatal], [[], before, []])
    snapshots.settle(null)
    assert.deepEqual(await bench.receive(name, 0, bytes), [`stored ${bytes.length}`, 'received 12'])
  }
})

test('pieces that the state machine does not understand are a damaged transfer', async () => {
  const { bench, events, tape } = bound()
  const { name, bytes } = await leaders()
  tape.restore = () => ({
    take: () => {
      throw new Error('no such piece')
    },
    end: () => {},
    install: () => {},
  })
  assert.deepEqual(await bench.receive(name, 0, bytes), [`stored ${bytes.length}`, 'stored 0'])
  assert.match(events.join(), /of node 3 is not usable: no such piece/)
})

test('no space for a part is told and not answered: the leader sends it again', async () => {
  const { name, bytes } = await leaders()
  for (const [kind, nth] of [
    ['create', 1],
    ['write', 1],
    ['sync', 1],
    ['rename', 1],
  ] as const) {
    const { bench, disk, events, fatal } = bound()
    disk.fault = failOnce(kind, nth, 'ENOSPC')
    const told = await bench.receive(name, 0, bytes)
    assert.ok(!told.includes('received 12'), kind)
    assert.match(events.join(), /^failed: ENOSPC/)
    assert.deepEqual(fatal, [])
    const [stored, received] = await bench.receive(name, 0, Buffer.alloc(0))
    const have = Number(stored!.split(' ')[1])
    const rest = received === undefined ? await bench.receive(name, have, bytes.subarray(have)) : [received]
    assert.ok(rest.includes('received 12'), kind)
    assert.equal(bench.store.list.length, 1, kind)
  }
})

test('an error that is no error of the disk is fatal, not swallowed', async () => {
  const { disk, bench, fatal } = bound()
  disk.fault = ({ kind }) => {
    if (kind === 'write') throw systemError('EROFS', '/')
  }
  const { name, bytes } = await leaders()
  assert.deepEqual(await bench.receive(name, 0, bytes), [])
  assert.equal(fatal.length, 1)
})

test('nothing is stored or told after the node has stopped', async () => {
  const { disk, snapshots, clock, told, fatal, events } = bound()
  const { name, bytes } = await leaders()
  snapshots.store(part(name, 0, bytes))
  await clock.runPending()
  told()
  snapshots.stop()
  snapshots.store(part(name, 0, bytes))
  await clock.runAll()
  assert.deepEqual([told(), fatal, events], [[], [], []])
  assert.ok(disk.list(SNAPSHOTS)[0]!.endsWith('.incoming'), 'it goes on there after the restart')
  await snapshots.close()
})

test('close waits for a snapshot that is being taken, one that is received and one that is looked through', async () => {
  const { bench, disk, snapshots, clock, store, told } = bound()
  snapshots.take(LATER, CONFIGURATION)
  await clock.runAll()
  const request = { peer: 2, session: 5, snapshot: store.list[0]!.name, offset: 0, bytesMax: 10 }
  const { name, bytes } = await leaders()
  const begin = [
    () => snapshots.take({ index: 7, term: 1 }, CONFIGURATION),
    () => snapshots.store(part(name, 0, bytes)),
    () => snapshots.read({ ...request, suspect: true }),
  ]
  for (const each of begin) each()
  await clock.runPending()
  told()
  snapshots.stop()
  let closed = false
  const closing = snapshots.close().then(() => {
    closed = true
    disk.operations.length = 0
  })
  await settle()
  assert.ok(!closed)
  await clock.runPending()
  await closing
  await clock.runAll()
  assert.deepEqual([bench.told(), bench.fatal, disk.operations], [[], [], []])
  assert.ok(!disk.list(SNAPSHOTS).includes('taking.tmp'))
})

test('what neither the core nor a follower needs is removed', async () => {
  const { snapshots, clock, store } = bound()
  const names: SnapshotId[] = []
  for (const index of [2, 3, 4, 5]) {
    snapshots.take({ index, term: 1 }, CONFIGURATION)
    await clock.runAll()
    names.push(store.list.at(-1)!.name)
  }
  snapshots.prune({ pinned: [names[0]!] } as unknown as Output, [names[2]!, names[3]!])
  assert.deepEqual(
    store.list.map(({ name }) => name.index),
    [2, 4, 5],
  )
})

test('after an install, the next snapshot is due from there', async () => {
  const { bench, snapshots } = bound()
  assert.equal(snapshots.applied(990), false)
  const { name, bytes } = await leaders()
  await bench.receive(name, 0, bytes)
  snapshots.settle({ id: name, configuration: CONFIGURATION })
  assert.equal(snapshots.applied(999), false)
  assert.equal(snapshots.applied(1), true)
})
