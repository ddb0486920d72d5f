import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { mergeBatches } from '../../../src/log/batch.ts'
import type { Batch } from '../../../src/log/log.ts'
import { failOnce, MemoryDisk, outages } from './memory-disk.ts'
import { batch, FOLDER, openLog, record, segmentPaths } from './model.ts'
import { again, assertHolds, filled, put, type Shelf, SMALL, STATE } from './shelf.ts'

/** Logs that begin anew behind an index, and logs whose oldest segments go. */

test('a log begins anew behind an index: everything before is void, and the state stays', async () => {
  const { disk, log, shelf } = await filled(5)
  const reset = batch(0, [], { resetTo: 100 })
  await log.append(reset)
  put(shelf, reset)
  assert.deepEqual([log.firstIndex, log.lastIndex, log.state], [101, 100, Buffer.from('5')])
  assert.throws(() => log.read(5, 5, 1), /are in the log/)
  assert.throws(() => log.append(batch(6, [record('x')])), /record 6 follows 100/)
  let next = await again(disk, log)
  assert.deepEqual([next.firstIndex, next.lastIndex, next.state], [101, 100, Buffer.from('5')])
  const more = batch(101, [record('a'), record('b', 3000)], { state: STATE })
  await next.append(more)
  put(shelf, more)
  assertHolds(next, shelf)
  next = await again(disk, next)
  assertHolds(next, shelf)
  assert.equal(next.firstIndex, 101)
})

test('a log begins anew before its end, and with records in the same batch', async () => {
  const { disk, log, shelf } = await filled(6)
  for (const one of [
    batch(4, [record('A')], { resetTo: 3, state: STATE }),
    batch(3, [record('B', 1500), record('C', 1500), record('D', 1500)], { resetTo: 2 }),
    batch(1, [record('E')], { resetTo: 0 }),
  ]) {
    await log.append(one)
    put(shelf, one)
    assertHolds(log, shelf)
    assert.equal(log.firstIndex, one.resetTo! + 1)
    const left = await openLog(
      disk.outage(() => 0),
      SMALL,
    )
    assertHolds(left, shelf, 'after an outage')
    assert.equal(left.firstIndex, one.resetTo! + 1)
  }
})

test('records of zeros are found after a reset and a drop, and what takes their place is not taken for them', async () => {
  const { disk, log, shelf } = await filled(2)
  const zeros = Buffer.alloc(1400)
  for (const one of [
    batch(3, [zeros, record('b', 900), zeros]),
    batch(2, [record('B', 900), record('C', 900), zeros, record('E', 900)], { resetTo: 1 }),
    batch(6, [record('F', 900), zeros]),
    batch(3, [record('c', 900), record('d', 900), zeros], { truncateFrom: 3 }),
  ]) {
    await log.append(one)
    put(shelf, one)
    assertHolds(log, shelf)
  }
  await log.dropBefore(5)
  assertHolds(log, shelf)
  assertHolds(await again(disk, log), shelf)
})

test('a reset is there with all of its batch, or not at all', async () => {
  const { disk, log, shelf } = await filled(3)
  const before = structuredClone(shelf.next)
  const moments: MemoryDisk[] = []
  disk.changed = () => moments.push(disk.killed())
  const reset = batch(
    51,
    Array.from({ length: 5 }, (_, i) => record(`${i}`, 1500)),
    { resetTo: 50, state: STATE },
  )
  await log.append(reset)
  for (const moment of moments.slice(0, -1)) {
    for (const left of outages(moment, 10, seeded(1))) {
      const opened = await openLog(left, SMALL)
      const found = [opened.firstIndex, opened.lastIndex, opened.state?.toString()]
      const whole = [51, 55, STATE.toString()]
      assert.ok([`1,${before - 1},3`, `${whole}`].includes(`${found}`), `${found}`)
      await opened.close()
    }
  }
})

test('a reset voids what waits before it, and what follows it is merged behind it', () => {
  const first = batch(4, [record('a')], { truncateFrom: 2, state: STATE })
  const reset = batch(0, [], { resetTo: 50 })
  assert.deepEqual(mergeBatches(first, reset), { ...reset, state: STATE })
  const behind = mergeBatches(mergeBatches(first, reset), batch(51, [record('x'), record('y')]))
  assert.deepEqual(behind, batch(51, [record('x'), record('y')], { resetTo: 50, state: STATE }))
  const cut = mergeBatches(behind, batch(52, [record('Y')], { truncateFrom: 52 }))
  assert.deepEqual(cut, batch(51, [record('x'), record('Y')], { resetTo: 50, state: STATE }))
  const emptied = mergeBatches(behind, batch(0, [], { truncateFrom: 51 }))
  assert.deepEqual([emptied.resetTo, emptied.records], [50, []])
})

test('whole segments before an index go, oldest first, each for good before the next', async () => {
  const { disk, log, shelf } = await filled(13)
  const paths = segmentPaths(disk)
  assert.equal(paths.length, 7)
  disk.operations.length = 0
  await log.dropBefore(8)
  const done = disk.operations
    .filter(({ kind }) => kind === 'remove' || kind === 'syncFolder')
    .map(({ kind, path }) => `${kind} ${path}`)
  assert.deepEqual(
    done,
    paths.slice(0, 3).flatMap(path => [`remove ${path}`, `syncFolder ${FOLDER}`]),
  )
  assert.equal(disk.operations.filter(({ kind }) => kind === 'close').length, 3)
  assert.equal(log.firstIndex, 7, 'record 7 shares a segment with record 8')
  assertHolds(log, shelf)
  assert.throws(() => log.read(6, 8, 1), /are in the log/)
  const next = await again(disk, log)
  assert.equal(next.firstIndex, 7)
  assertHolds(next, shelf)
  await next.dropBefore(7)
  assert.equal(next.firstIndex, 7)
  await next.dropBefore(1)
  assert.equal(next.firstIndex, 7, 'what is gone already is no matter')
})

test('a log may lose all its records but for those of the newest segment, and goes on', async () => {
  const { disk, log, shelf } = await filled(6)
  for (const index of [7, 100]) {
    await log.dropBefore(index)
    assert.equal(log.firstIndex, 5)
    assertHolds(log, shelf)
  }
  const voided = batch(0, [], { truncateFrom: 5 })
  await log.append(voided)
  put(shelf, voided)
  await log.dropBefore(5)
  await log.dropBefore(3)
  assert.deepEqual([log.firstIndex, log.lastIndex], [5, 4])
  const more = batch(5, [record('5', 3000)])
  await log.append(more)
  put(shelf, more)
  assertHolds(log, shelf)
  assertHolds(await again(disk, log), shelf)
})

test('an empty log that began anew has nothing to drop', async () => {
  const { disk, log } = await filled(5)
  await log.append(batch(0, [], { resetTo: 100 }))
  for (const index of [1, 50, 100, 101, 102]) await log.dropBefore(index)
  assert.deepEqual([log.firstIndex, log.lastIndex], [101, 100])
  assert.equal(segmentPaths(disk).length, 1)
  const next = await again(disk, log)
  assert.deepEqual([next.firstIndex, next.lastIndex, next.state], [101, 100, Buffer.from('5')])
})

test('segments whose records were all voided go, when what replaced them is enough', async () => {
  const { disk, log, shelf } = await filled(8)
  const replaced = batch(3, [record('C', 1900), record('D', 1900)], { truncateFrom: 3, state: STATE })
  await log.append(replaced)
  put(shelf, replaced)
  await log.dropBefore(3)
  assert.equal(log.firstIndex, 3)
  assertHolds(log, shelf)
  const next = await again(disk, log)
  assert.equal(next.firstIndex, 3, 'the oldest segment was begun for record 9, and begins with record 3')
  assertHolds(next, shelf)
})

test('a segment that was begun inside a batch may become the oldest', async () => {
  const { disk, log, shelf } = await filled(1)
  const large = batch(
    2,
    Array.from({ length: 6 }, (_, i) => record(`large ${i}`, 1900)),
    { state: STATE },
  )
  const after = batch(8, [record('after', 1900)])
  for (const one of [large, after]) {
    await log.append(one)
    put(shelf, one)
  }
  await log.dropBefore(6)
  assert.equal(log.firstIndex, 5, 'record 5 shares a segment with record 6')
  assertHolds(log, shelf)
  for (const left of outages(disk, 4, seeded(1))) {
    const opened = await openLog(left, SMALL)
    assertHolds(opened, shelf)
    assert.equal(opened.firstIndex, 5)
    await opened.close()
  }
  const next = await again(disk, log)
  const more = batch(9, [record('more', 1900)], { truncateFrom: 9 })
  await next.append(more)
  put(shelf, more)
  assertHolds(next, shelf)
})

test('segments are not dropped from under a batch that is being written', async () => {
  for (const rest of [{}, { resetTo: 60 }]) {
    const { disk, log, shelf } = await filled(3)
    const from = rest.resetTo === undefined ? 4 : rest.resetTo + 1
    const large = batch(
      from,
      Array.from({ length: 5 }, (_, i) => record(`large ${i}`, 1900)),
      { ...rest, state: STATE },
    )
    const written = log.append(large)
    put(shelf, large)
    // All that is there may go; the first frames of the batch lie in segments that no record is in so far.
    while (segmentPaths(disk).length < 4) await Promise.resolve()
    await Promise.all([written, log.dropBefore(from)])
    assertHolds(log, shelf)
    assert.ok(log.firstIndex <= from)
    assertHolds(await again(disk, log), shelf)
  }
})

test('a crash between two drops leaves a log that begins inside a batch, and is opened', async () => {
  for (const rest of [{ state: STATE }, { resetTo: 1, state: STATE }, { truncateFrom: 2, state: STATE }]) {
    const { disk, log, shelf } = await filled(1)
    const large = batch(
      2,
      Array.from({ length: 6 }, (_, i) => record(`large ${i}`, 1900)),
      rest,
    )
    await log.append(large)
    put(shelf, large)
    for (let index = 8; index <= 12; index++) {
      const one = batch(index, [record(`${index}`, 1900)])
      await log.append(one)
      put(shelf, one)
    }
    const moments: MemoryDisk[] = []
    disk.changed = () => moments.push(disk.killed())
    await log.dropBefore(11)
    const firsts = new Set<number>()
    for (const moment of moments) {
      for (const left of outages(moment, 4, seeded(1))) {
        let opened = await openLog(left, SMALL)
        assertHolds(opened, shelf)
        firsts.add(opened.firstIndex)
        await opened.dropBefore(11)
        opened = await again(left, opened)
        assertHolds(opened, shelf)
        await opened.close()
      }
    }
    assert.ok(firsts.has(3) || firsts.has(4), `${[...firsts]}`)
  }
})

test('a failed removal or sync is told, and leaves a log without a gap', async () => {
  for (const kind of ['remove', 'syncFolder'] as const) {
    for (const nth of [1, 2, 3]) {
      const { disk, log, shelf } = await filled(13)
      disk.fault = failOnce(kind, nth)
      await assert.rejects(log.dropBefore(9), { code: 'EIO' })
      for (const left of [disk.killed(), ...outages(disk, 10, seeded(nth))]) {
        const opened = await openLog(left, SMALL)
        assertHolds(opened, shelf)
        assert.ok(opened.firstIndex <= 7)
      }
    }
  }
})

const SEEDS =
  process.env.SEED === undefined ? Array.from({ length: 40 }, (_, i) => i + 1) : [Number(process.env.SEED)]

test('random histories with resets and drops end as they should (SEED=n runs one)', async t => {
  for (const seed of SEEDS) {
    await randomHistory(seed).catch(error => {
      t.diagnostic(`SEED=${seed}`)
      throw error
    })
  }
})

async function randomHistory(seed: number): Promise<void> {
  const random = seeded(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  let disk = new MemoryDisk()
  let log = await openLog(disk, SMALL)
  const shelf: Shelf = { next: 1, records: new Map(), state: null }
  let dropped = 1
  for (let step = 0; step < 60; step++) {
    const one = anyBatch(shelf, Math.max(dropped, log.firstIndex), below)
    const done = log.append(one)
    put(shelf, one)
    if (one.resetTo !== null) dropped = one.resetTo + 1
    if (below(6) === 0) await log.dropBefore(Math.min(dropped, log.lastIndex + 1))
    if (below(3) === 0) continue
    await done
    if (below(4) === 0) {
      const index = Math.min(shelf.next, dropped + below(6))
      dropped = Math.max(dropped, index)
      await log.dropBefore(index)
      assert.ok(log.firstIndex <= dropped, `seed ${seed}, step ${step}: only what is not wanted is dropped`)
    }
    if (below(6) === 0) log = await again(disk, log)
    if (below(8) === 0) {
      disk = disk.outage((_, versions) => below(versions))
      log = await openLog(disk, SMALL)
    }
    assertHolds(log, shelf, `seed ${seed}, step ${step}`)
  }
  await log.close()
}

function anyBatch(shelf: Shelf, first: number, below: (limit: number) => number): Batch {
  const draw = below(12)
  const resetTo = draw === 0 ? shelf.next + below(20) : null
  const truncateFrom = draw === 1 || draw === 2 ? first + below(shelf.next - first + 2) : null
  const firstIndex = resetTo === null ? Math.min(shelf.next, truncateFrom ?? shelf.next) : resetTo + 1
  const count = below(4)
  const fill = (): Buffer => Buffer.alloc(below(2) === 0 ? below(64) : below(2500), below(256))
  const state = below(3) === 0 ? fill().subarray(0, 500) : null
  const records = Array.from({ length: count }, fill)
  return batch(count === 0 ? 0 : firstIndex, records, { resetTo, truncateFrom, state })
}
