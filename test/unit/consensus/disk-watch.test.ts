import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskWatch } from '../../../src/consensus/disk-watch.ts'
import { FakeClock } from './fake-clock.ts'

const SLOW_MS = 500

function watched(): { clock: FakeClock; disk: DiskWatch; found: () => number } {
  const clock = new FakeClock()
  let found = 0
  return { clock, disk: new DiskWatch(clock, SLOW_MS, () => void found++), found: () => found }
}

/** The process stands still: its timers come late. */
async function stall(clock: FakeClock, ms: number): Promise<void> {
  clock.now += ms
  await clock.pass(0)
}

test('a write that takes too long is told while it is under way, once', async () => {
  const { clock, disk, found } = watched()
  disk.begin()
  await clock.pass(SLOW_MS - 1)
  assert.deepEqual([found(), disk.isSlow], [0, false])
  await clock.pass(1)
  assert.deepEqual([found(), disk.isSlow], [1, true])
  await clock.pass(10 * SLOW_MS)
  disk.end()
  assert.deepEqual([found(), disk.isSlow], [1, true])
})

test('one that takes less makes the disk well again', async () => {
  const { clock, disk, found } = watched()
  disk.begin()
  await clock.pass(2 * SLOW_MS)
  disk.end()
  disk.begin()
  await clock.pass(5)
  disk.end()
  assert.deepEqual([found(), disk.isSlow], [1, false])
})

test('a write behind others counts from when it was wanted', async () => {
  const { clock, disk, found } = watched()
  disk.begin()
  await clock.pass(300)
  disk.begin()
  await clock.pass(150)
  disk.end()
  assert.equal(found(), 0)
  await clock.pass(400)
  assert.equal(found(), 1)
})

test('a process that stands still in the middle of a write does not blame the disk', async () => {
  for (const stallMs of [SLOW_MS, 2 * SLOW_MS, 100 * SLOW_MS]) {
    const { clock, disk, found } = watched()
    disk.begin()
    await clock.pass(10)
    await stall(clock, stallMs)
    await clock.pass(10)
    disk.end()
    assert.deepEqual([found(), disk.isSlow], [0, false], `${stallMs} ms`)
    assert.equal(disk.writeMs.sum, stallMs + 20, 'what callers waited is measured as it was')
  }
})

test('timers that are all a little late hide no slow disk', async () => {
  const { clock, disk, found } = watched()
  disk.begin()
  for (let i = 0; i < 4; i++) await stall(clock, 100)
  assert.equal(found(), 0)
  for (let i = 0; i < 2; i++) await stall(clock, 100)
  assert.equal(found(), 1)
})

test('no timer runs when nothing is written', async () => {
  const { clock, disk } = watched()
  disk.begin()
  disk.end()
  await clock.pass(SLOW_MS)
  assert.equal(clock.timers, 0)
})
