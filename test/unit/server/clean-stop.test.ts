import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CleanStop } from '../../../src/server/clean-stop.ts'
import { MemoryDisk } from '../log/memory-disk.ts'

function emptyDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.makeFolder('/data')
  return disk
}

test('the proof of a clean stop can be taken once', () => {
  const disk = emptyDisk()
  new CleanStop(disk, '/data').note(7)
  assert.equal(new CleanStop(disk, '/data').takeEpoch(), 7)
  assert.equal(new CleanStop(disk, '/data').takeEpoch(), null)
})

test('a process that was never registered leaves the proof as it found it', () => {
  const disk = emptyDisk()
  new CleanStop(disk, '/data').note(7)
  const idle = new CleanStop(disk, '/data')
  assert.equal(idle.takeEpoch(), 7)
  idle.note(null)
  assert.equal(new CleanStop(disk, '/data').takeEpoch(), 7)
})

test('one that found none, and was never registered, proves nothing', () => {
  const disk = emptyDisk()
  const first = new CleanStop(disk, '/data')
  assert.equal(first.takeEpoch(), null)
  first.note(null)
  assert.equal(new CleanStop(disk, '/data').takeEpoch(), null)
})

test('a registered process proves its own epoch, not the one before', () => {
  const disk = emptyDisk()
  new CleanStop(disk, '/data').note(7)
  const next = new CleanStop(disk, '/data')
  next.takeEpoch()
  next.note(9)
  assert.equal(new CleanStop(disk, '/data').takeEpoch(), 9)
})
