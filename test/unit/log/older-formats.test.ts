import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '../../../simulator/chance.ts'
import { DamagedLog } from '../../../src/log/log.ts'
import { type MemoryDisk, outages } from './memory-disk.ts'
import { batch, openLog, record, segmentPaths } from './model.ts'
import { again, assertHolds, filled, put, type Shelf, SMALL, STATE } from './shelf.ts'

/** Logs that an older release has written. */

/** Turns a log into one that a release before resets has written. */
function makeOld(disk: MemoryDisk): void {
  for (const path of segmentPaths(disk)) disk.damage(path, bytes => void bytes.writeUInt32LE(1, 8))
}

test('what is written to a log of an older format goes to a new segment, which an older release refuses', async () => {
  for (const one of [
    batch(6, [record('F')], { state: STATE }),
    batch(9, [record('I')], { resetTo: 8 }),
    batch(
      6,
      Array.from({ length: 4 }, (_, i) => record(`${i}`, 1900)),
    ),
    batch(0, [], { state: STATE }),
  ]) {
    const { disk, log, shelf } = await filled(5)
    await log.close()
    makeOld(disk)
    const old = segmentPaths(disk).map(path => [path, disk.readFile(path)] as const)
    const moments: MemoryDisk[] = []
    disk.changed = () => moments.push(disk.killed())
    const opened = await openLog(disk, SMALL)
    const before = structuredClone({ ...shelf, state: shelf.state?.toString() })
    await opened.append(one)
    put(shelf, one)
    assertHolds(opened, shelf)
    for (const [path, bytes] of old) assert.ok(disk.readFile(path).equals(bytes), `${path} is as it was`)
    const newer = segmentPaths(disk).slice(old.length)
    assert.ok(newer.length > 0)
    for (const path of newer) assert.equal(disk.readFile(path).readUInt32LE(8), 2)
    const kept: Shelf = { ...before, state: Buffer.from(before.state!) }
    for (const moment of moments.slice(0, -1)) {
      for (const left of outages(moment, 4, seeded(1))) {
        const found = await openLog(left, SMALL)
        const whole = found.lastIndex === shelf.next - 1 && found.state?.equals(shelf.state!)
        assertHolds(found, whole ? shelf : kept)
        await found.close()
      }
    }
    const next = await again(disk, opened)
    const count = segmentPaths(disk).length
    await next.append(batch(shelf.next, [record('one more')]))
    assert.equal(segmentPaths(disk).length, count, 'a segment of this format is written to')
    await next.close()
  }
})

test('who only reads a log leaves one of an older format as it is', async () => {
  const { disk, log, shelf } = await filled(5)
  await log.close()
  makeOld(disk)
  const before = segmentPaths(disk)
  const opened = await openLog(disk, SMALL)
  assertHolds(opened, shelf)
  await opened.close()
  assert.deepEqual(segmentPaths(disk), before)
})

test('a log of the format before resets is read, and one of a format to come is not', async () => {
  const { disk, log, shelf } = await filled(5)
  await log.close()
  makeOld(disk)
  const opened = await openLog(disk, SMALL)
  assertHolds(opened, shelf)
  await opened.close()
  for (const version of [0, 3, 0xffffffff]) {
    disk.damage(segmentPaths(disk)[1]!, bytes => void bytes.writeUInt32LE(version, 8))
    await assert.rejects(openLog(disk, SMALL), (error: Error) => {
      assert.ok(error instanceof DamagedLog)
      assert.match(error.message, new RegExp(`log format ${version}, this release reads formats 1 to 2`))
      return true
    })
  }
})
