import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { type Batch, DamagedLog } from '../../../src/log/log.ts'
import type { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { failOnce, MemoryDisk, systemError } from './memory-disk.ts'
import {
  applied,
  assertContent,
  batch,
  contentOf,
  EMPTY,
  FOLDER,
  type Model,
  modelsOf,
  openLog,
  randomBatch,
  record,
  SEGMENT_BYTES,
  segmentPaths,
} from './model.ts'

const STATE = Buffer.from('term 7, voted for 3')

async function opened(segmentBytes = SEGMENT_BYTES): Promise<{ disk: MemoryDisk; log: SegmentedLog }> {
  const disk = new MemoryDisk()
  return { disk, log: await openLog(disk, segmentBytes) }
}

async function reopened(
  disk: MemoryDisk,
  log: SegmentedLog,
  segmentBytes = SEGMENT_BYTES,
): Promise<SegmentedLog> {
  await log.close()
  return openLog(disk, segmentBytes)
}

/** Writes of frames: those to a segment, behind its header. */
function framesWritten(disk: MemoryDisk): number {
  return disk.operations.filter(({ kind, path, position }) => {
    return kind === 'write' && !path.endsWith('.tmp') && (position ?? 0) >= 4096
  }).length
}

test('a new log is empty, has no state, and begins with record 1', async () => {
  const { log } = await opened()
  assert.deepEqual([log.firstIndex, log.lastIndex, log.state], [1, 0, null])
})

test('records are there when their append resolves, and after a restart', async () => {
  const { disk, log } = await opened()
  const batches = [batch(1, [record('a'), record('b', 0)]), batch(3, [record('c', 3000)])]
  for (const one of batches) await log.append(one)
  assertContent(log, modelsOf(batches)[2]!)
  assertContent(await reopened(disk, log), modelsOf(batches)[2]!)
})

test('records under way cannot be read yet', async () => {
  const { disk, log } = await opened()
  await log.append(batch(1, [record('a'), record('b')]))
  const release = disk.hold()
  const done = log.append(batch(2, [record('B'), record('C')], { truncateFrom: 2, state: STATE }))
  assert.deepEqual([log.lastIndex, log.state], [2, null])
  assert.deepEqual(log.read(2, 2, 0), [record('b')])
  release()
  await done
  assert.deepEqual([log.lastIndex, log.state], [3, STATE])
  assert.deepEqual(log.read(2, 3, 1000), [record('B'), record('C')])
})

test('read gives at least one record, then as many as fit', async () => {
  const { log } = await opened()
  const records = [record('a', 100), record('b', 50), record('c', 50), record('d', 1)]
  await log.append(batch(1, records))
  assert.deepEqual(log.read(1, 4, 0), records.slice(0, 1))
  assert.deepEqual(log.read(1, 4, 149), records.slice(0, 1))
  assert.deepEqual(log.read(1, 4, 150), records.slice(0, 2))
  assert.deepEqual(log.read(1, 4, 201), records)
  assert.deepEqual(log.read(2, 3, 1000), records.slice(1, 3))
})

test('reading or appending what is not next is our own mistake', async () => {
  const { log } = await opened()
  await log.append(batch(1, [record('a')]))
  for (const [from, to] of [
    [0, 1],
    [1, 2],
    [2, 1],
  ] as const) {
    assert.throws(() => log.read(from, to, 100), /are in the log/)
  }
  assert.throws(() => log.append(batch(3, [record('x')])), /record 3 follows 1/)
  assert.throws(() => log.append(batch(1, [record('x')])), /record 1 follows 1/)
  assert.throws(() => log.append(batch(1, [], { truncateFrom: 0 })), /only what is there is void/)
})

test('a truncation voids the records from there on, one behind the end voids nothing', async () => {
  const { disk, log } = await opened()
  const batches = [
    batch(1, [record('a'), record('b'), record('c')]),
    batch(0, [], { truncateFrom: 3 }),
    batch(0, [], { truncateFrom: 9 }),
    batch(3, [record('C')], { truncateFrom: 3 }),
    batch(1, [record('A')], { truncateFrom: 1 }),
    batch(0, [], { truncateFrom: 1 }),
    batch(1, [record('x')]),
  ]
  const models = modelsOf(batches)
  for (const [i, one] of batches.entries()) {
    await log.append(one)
    assertContent(log, models[i + 1]!, `batch ${i}`)
  }
  assertContent(await reopened(disk, log), models.at(-1)!)
})

test('the log goes on in new segments, and truncates back through several', async () => {
  let { disk, log } = await opened()
  let model = EMPTY
  const add = async (one: Batch): Promise<void> => {
    await log.append(one)
    model = applied(model, one)
  }
  for (let index = 1; index <= 12; index++) await add(batch(index, [record(`${index}`, 3000)]))
  assert.equal(segmentPaths(disk).length, 3)
  await add(batch(2, [record('new', 3000)], { truncateFrom: 2, state: STATE }))
  assertContent(log, model)
  for (let index = 3; index <= 12; index++) await add(batch(index, [record(`again ${index}`, 3000)]))
  assertContent(log, model)
  log = await reopened(disk, log)
  assertContent(log, model)
  assert.ok(segmentPaths(disk).length > 4)
})

test('the state survives, and is copied to every new segment', async () => {
  const { disk, log } = await opened()
  await log.append(batch(0, [], { state: STATE }))
  for (let index = 1; index <= 8; index++) await log.append(batch(index, [record(`${index}`, 3000)]))
  assert.deepEqual(log.state, STATE)
  for (const path of segmentPaths(disk).slice(1))
    assert.ok(disk.readFile(path).subarray(0, 4096).includes(STATE))
  const again = await reopened(disk, log)
  assert.deepEqual(again.state, STATE)
  await again.append(batch(0, [], { state: Buffer.alloc(0) }))
  assert.deepEqual((await reopened(disk, again)).state, Buffer.alloc(0))
})

test('a state that would find no place in a segment header is not accepted', async () => {
  const { disk, log } = await opened()
  const largest = 4096 - 57 - 'node 1 in /data'.length
  assert.throws(() => log.append(batch(0, [], { state: Buffer.alloc(largest + 1) })), /a state has at most/)
  await log.append(batch(0, [], { state: Buffer.alloc(largest, 1) }))
  for (let index = 1; index <= 5; index++) await log.append(batch(index, [record(`${index}`, 4000)]))
  assert.ok(segmentPaths(disk).length > 1)
  assert.deepEqual((await reopened(disk, log)).state, Buffer.alloc(largest, 1))
})

test('appends that arrive during a write go to disk together', async () => {
  const { disk, log } = await opened(256 * 1024)
  const syncs = disk.count('sync')
  const release = disk.hold()
  const order: number[] = []
  const batches = Array.from({ length: 100 }, (_, i) =>
    batch(i + 1, [record(`${i}`)], { state: Buffer.from(`${i}`) }),
  )
  const done = batches.map((one, i) => log.append(one).then(() => void order.push(i)))
  release()
  await Promise.all(done)
  assert.equal(disk.count('sync') - syncs, 2, 'the first alone, then the other 99')
  assert.equal(framesWritten(disk), 2)
  assert.deepEqual(order, [...batches.keys()])
  assertContent(log, modelsOf(batches).at(-1)!)
  assertContent(await reopened(disk, log), modelsOf(batches).at(-1)!)
})

test('truncations that arrive during a write are merged too', async () => {
  const { disk, log } = await opened()
  const batches = [
    batch(1, [record('a'), record('b')]),
    batch(3, [record('c')]),
    batch(2, [record('B'), record('C')], { truncateFrom: 2 }),
    batch(0, [], { truncateFrom: 3, state: STATE }),
    batch(3, [record('D')]),
  ]
  const release = disk.hold()
  const done = batches.map(one => log.append(one))
  release()
  await Promise.all(done)
  assert.equal(framesWritten(disk), 2)
  assertContent(log, modelsOf(batches).at(-1)!)
  assertContent(await reopened(disk, log), modelsOf(batches).at(-1)!)
})

test('no write begins before the sync of the one before it', async () => {
  const { disk, log } = await opened()
  let underWay = 0
  disk.fault = ({ kind, path }) => {
    if (path.endsWith('.tmp')) return
    if (kind === 'write') underWay += 1
    if (kind === 'sync') underWay -= 1
    assert.ok(underWay <= 1)
  }
  const done: Promise<void>[] = []
  for (let index = 1; index <= 40; index++) {
    done.push(log.append(batch(index, [record(`${index}`, 900)])))
    if (index % 3 === 0) await done[index - 3]
  }
  await Promise.all(done)
})

test('an append resolves only after its sync', async () => {
  const { disk, log } = await opened()
  for (let index = 1; index <= 20; index++) {
    await log.append(batch(index, [record(`${index}`, 2000)]))
    const afterOutage = await openLog(disk.outage(() => 0))
    assert.deepEqual(contentOf(afterOutage), contentOf(log))
  }
})

test('records of zeros, of one byte and of pairs come back as they were', async () => {
  const { disk, log } = await opened(1024 * 1024)
  const batches: Batch[] = []
  for (const [i, fill] of [0x00, 0xff, 0x01, 0x80].entries()) {
    const records = [
      Buffer.alloc(1500, fill),
      Buffer.alloc(777, fill),
      record('plain'),
      Buffer.alloc(1500, 0),
    ]
    batches.push(batch(1 + 4 * i, records, { state: Buffer.alloc(1200, fill) }))
  }
  batches.push(
    batch(17, [Buffer.alloc(3000, Buffer.from([0, 1])), Buffer.alloc(1201, 'ab'), Buffer.alloc(1600)]),
  )
  for (const one of batches) await log.append(one)
  assertContent(log, modelsOf(batches).at(-1)!)
  const again = await reopened(disk, log, 1024 * 1024)
  assertContent(again, modelsOf(batches).at(-1)!)
  assertNoZeroSector(disk)
})

test('a record with a sector of every byte value, and of many pairs, is a record like any other', async () => {
  for (const odd of [0, 1]) {
    const { disk, log } = await opened(1024 * 1024)
    const every = Buffer.alloc(600 * 1024)
    for (let value = 0; value < 256; value++) every.fill(value, value * 1024, (value + 1) * 1024)
    for (let pair = 0; pair < 300; pair++) {
      const bytes = Buffer.from([pair & 0xff, pair >> 8])
      every.fill(bytes, (256 + pair) * 1024 + odd, (257 + pair) * 1024 + odd)
    }
    await log.append(batch(1, [record('odd', odd), every]))
    assert.ok(log.read(2, 2, 0)[0]!.equals(every))
    assert.ok((await reopened(disk, log, 1024 * 1024)).read(2, 2, 0)[0]!.equals(every))
    assertNoZeroSector(disk)
  }
})

test('thousands of records in one batch are found one by one', async () => {
  const { disk, log } = await opened(256 * 1024)
  const records = Array.from({ length: 3000 }, (_, i) => record(`${i}`, 8 + (i % 5)))
  const one = batch(1, records)
  await log.append(one)
  assertContent(log, modelsOf([one])[1]!)
  assertContent(await reopened(disk, log, 256 * 1024), modelsOf([one])[1]!)
})

test('masked records are masked no longer once they are overwritten', async () => {
  const { disk, log } = await opened()
  const batches = [
    batch(1, [Buffer.alloc(1500), Buffer.alloc(1500)]),
    batch(2, [record('plain', 1500)], { truncateFrom: 2 }),
    batch(1, [record('plain too', 1500)], { truncateFrom: 1 }),
  ]
  for (const one of batches) await log.append(one)
  assertContent(log, modelsOf(batches).at(-1)!)
  assertContent(await reopened(disk, log), modelsOf(batches).at(-1)!)
})

/** Sectors between the header and the end of the frames are never all zero: that is how a torn write is told. */
function assertNoZeroSector(disk: MemoryDisk): void {
  for (const path of segmentPaths(disk)) {
    const bytes = disk.readFile(path)
    let end = bytes.length
    while (bytes[end - 1] === 0) end -= 1
    for (let start = 4096; start + 512 <= end; start += 512) {
      assert.ok(!bytes.subarray(start, start + 512).equals(Buffer.alloc(512)), `${path} at ${start}`)
    }
  }
}

for (const kind of ['write', 'sync'] as const) {
  test(`the first failed ${kind} ends the log: what waits and what comes later is rejected`, async () => {
    const { disk, log } = await opened()
    await log.append(batch(1, [record('a')], { state: STATE }))
    disk.fault = failOnce(kind)
    const release = disk.hold()
    const underWay = log.append(batch(2, [record('b')], { state: Buffer.from('b') }))
    const waiting = [log.append(batch(3, [record('c')])), log.append(batch(4, [record('d')]))]
    release()
    for (const append of [underWay, ...waiting]) await assert.rejects(append, { code: 'EIO' })
    const operations = disk.operations.length
    for (let i = 0; i < 3; i++) {
      await assert.rejects(log.append(batch(2, [record('b')])), { code: 'EIO' })
      await assert.rejects(log.append(batch(0, [], { state: STATE })), { code: 'EIO' })
    }
    assert.equal(disk.operations.length, operations, 'nothing more is written')
    assertContent(log, { records: [record('a')], state: STATE }, 'what was durable can be read')
    await log.close()
  })
}

test('a failure in the second part of a batch ends the log without a trace of the first', async () => {
  const { disk, log } = await opened()
  await log.append(batch(1, [record('a'), record('b')]))
  disk.fault = failOnce('sync', 2)
  const large = batch(2, [record('B', 6000), record('C', 6000)], { truncateFrom: 2, state: STATE })
  await assert.rejects(log.append(large), { code: 'EIO' })
  const before: Model = { records: [record('a'), record('b')], state: null }
  assertContent(log, before)
  await log.close()
  assertContent(await openLog(disk.outage(() => 0)), before)
})

for (const kind of ['create', 'write', 'sync', 'rename', 'syncFolder'] as const) {
  test(`no space or a failed ${kind} for the next segment ends the log when that is needed, and not before`, async () => {
    const { disk, log } = await opened()
    disk.fault = operation => {
      if (operation.kind === kind && !operation.path.endsWith('.log'))
        throw systemError('ENOSPC', operation.path)
    }
    const written: Buffer[] = []
    const failure = await (async () => {
      for (;;) {
        const next = record(`${written.length}`, 1000)
        await log.append(batch(written.length + 1, [next]))
        written.push(next)
      }
    })().catch(error => error)
    assert.equal(failure.code, 'ENOSPC')
    assert.equal(written.length, 11, 'the first segment is full')
    disk.fault = () => {}
    await assert.rejects(log.append(batch(written.length + 1, [record('x')])), { code: 'ENOSPC' })
    await log.close()
    const again = await openLog(disk)
    assertContent(again, { records: written, state: null })
    await again.append(batch(written.length + 1, [record('goes on', 3000)]))
  })
}

test('close waits for what is under way and what waits behind it, then accepts nothing', async () => {
  const { disk, log } = await opened()
  const release = disk.hold()
  const settled: string[] = []
  const appends = [1, 2, 3].map(index =>
    log.append(batch(index, [record(`${index}`, 6000)])).then(() => void settled.push(`append ${index}`)),
  )
  const closed = log.close().then(() => void settled.push('closed'))
  await Promise.resolve()
  assert.deepEqual(settled, [])
  release()
  await Promise.all([...appends, closed])
  assert.deepEqual(settled, ['append 1', 'append 2', 'append 3', 'closed'])
  await assert.rejects(log.append(batch(4, [record('x')])), /the log is closed/)
  assert.deepEqual((await openLog(disk)).lastIndex, 3)
})

test('close releases every file once, the prepared one too, however often it is called', async () => {
  const { disk, log } = await opened()
  for (let index = 1; index <= 6; index++) await log.append(batch(index, [record(`${index}`, 4000)]))
  assert.ok(disk.exists(`${FOLDER}/prepared.segment`))
  await Promise.all([log.close(), log.close()])
  await log.close()
  assert.equal(disk.count('close'), segmentPaths(disk).length + 1)
})

test('a batch larger than a frame is written in parts, and is there as a whole', async () => {
  const { disk, log } = await opened()
  const small = batch(1, [record('a'), record('b')], { state: Buffer.from('before') })
  await log.append(small)
  const records = Array.from({ length: 40 }, (_, i) => record(`${i}`, 1000))
  const large = batch(2, records, { truncateFrom: 2, state: STATE })
  const seen: [number, Buffer | null][] = []
  disk.fault = ({ path }) => void (path.endsWith('.log') && seen.push([log.lastIndex, log.state]))
  await log.append(large)
  assert.ok(framesWritten(disk) > 6)
  assert.ok(segmentPaths(disk).length > 3)
  for (const moment of seen)
    assert.deepEqual(moment, [2, Buffer.from('before')], 'nothing of it before all of it')
  assertContent(log, modelsOf([small, large])[2]!)
  assertContent(await reopened(disk, log), modelsOf([small, large])[2]!)
})

test('a record may fill a segment; a larger one is our own mistake and ends the log', async () => {
  const { disk, log } = await opened()
  const largest = SEGMENT_BYTES - 4096 - 48 - 8
  await log.append(batch(1, [record('a', 9), record('b', largest)]))
  assert.deepEqual((await reopened(disk, log)).read(2, 2, 0), [record('b', largest)])
  const other = (await opened()).log
  await assert.rejects(other.append(batch(1, [record('c', largest + 1)])), /fits in a segment/)
  await assert.rejects(other.append(batch(2, [record('d')])), /fits in a segment/)
})

test('the next segment is prepared in time, and an unused one is used after a restart', async () => {
  const { disk, log } = await opened()
  const zeroed = (operations = disk.operations): number =>
    operations.filter(({ kind, path }) => kind === 'write' && path.endsWith('.tmp')).length
  assert.equal(zeroed(), 1, 'one for the first segment')
  await log.append(batch(1, [record('a', 3000)]))
  assert.equal(zeroed(), 1)
  await log.append(batch(2, [record('b', 3000)]))
  assert.equal(zeroed(), 2, 'begun when the segment is half full')
  const again = await reopened(disk, log)
  await again.append(batch(3, [record('c', 6500)]))
  const rolled = disk.operations.findIndex(
    ({ kind, path }) => kind === 'rename' && path === segmentPaths(disk)[1],
  )
  assert.equal(zeroed(disk.operations.slice(0, rolled)), 2)
})

test('segments are made of whole sectors', async () => {
  await assert.rejects(openLog(new MemoryDisk(), 10_000), /a segment is made of whole sectors/)
})

test('segments keep their size when another is configured', async () => {
  for (const otherBytes of [SEGMENT_BYTES / 2, SEGMENT_BYTES * 2]) {
    let { disk, log } = await opened()
    const batches = [batch(1, [record('a', 3500)]), batch(2, [record('b', 3500)], { state: STATE })]
    for (const one of batches) await log.append(one)
    log = await reopened(disk, log, otherBytes)
    for (let index = 3; index <= 9; index++) {
      const one = batch(index, [record(`${index}`, 3500)])
      batches.push(one)
      await log.append(one)
    }
    assertContent(await reopened(disk, log, otherBytes), modelsOf(batches).at(-1)!)
    const sizes = segmentPaths(disk).map(path => disk.readFile(path).length)
    assert.equal(sizes[0], SEGMENT_BYTES)
    assert.ok(sizes.length > 1 && sizes.slice(1).every(size => size === otherBytes), `${sizes}`)
  }
})

test('a record that rots after the start is found when it is read', async () => {
  const { disk, log } = await opened()
  await log.append(batch(1, [record('a'), record('b', 500), Buffer.alloc(2000)]))
  const [path] = segmentPaths(disk) as [string]
  const before = disk.readFile(path)
  for (const [at, index] of [
    [4096 + 48 + 8 + 64, 2],
    [4096 + 48 + 8 + 64 + 4, 2],
    [4096 + 48 + 8 + 64 + 8 + 499, 2],
    [4096 + 48 + 8 + 64 + 8 + 500 + 8 + 1500, 3],
  ] as const) {
    disk.damage(path, bytes => void bytes.writeUInt8(bytes[at]! ^ 1, at))
    assert.throws(
      () => log.read(1, 3, 10_000),
      (error: Error) =>
        error instanceof DamagedLog && error.message.includes(`${path}: record ${index} at offset`),
    )
    disk.damage(path, bytes => void before.copy(bytes))
  }
  assert.equal(log.read(1, 3, 10_000).length, 3)
})

const SEEDS =
  process.env.SEED === undefined ? Array.from({ length: 30 }, (_, i) => i + 1) : [Number(process.env.SEED)]

test(`random histories end as in the model (SEED=n runs one)`, async t => {
  for (const seed of SEEDS) {
    await randomHistory(seed).catch(error => {
      t.diagnostic(`seed ${seed}`)
      throw error
    })
  }
  t.diagnostic(`seeds ${SEEDS[0]} to ${SEEDS.at(-1)}`)
})

async function randomHistory(seed: number): Promise<void> {
  const random = seeded(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  let disk = new MemoryDisk()
  let log = await openLog(disk)
  let model = EMPTY
  let pending: Promise<void>[] = []
  for (let step = 0; step < 60; step++) {
    const one = randomBatch(model, below)
    pending.push(log.append(one))
    model = applied(model, one)
    if (below(3) > 0) continue
    await Promise.all(pending)
    pending = []
    if (below(8) === 0) log = await reopened(disk, log)
    if (below(8) === 0) {
      disk = disk.outage((_, versions) => below(versions))
      log = await openLog(disk)
    }
    if (below(4) === 0) assertContent(log, model, `seed ${seed}, step ${step}`)
  }
  await Promise.all(pending)
  assertContent(log, model, `seed ${seed}`)
  assertContent(await reopened(disk, log), model, `seed ${seed}, reopened`)
}
