import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CleanStop } from '../../../src/server/clean-stop.ts'
import { MemoryDisk, outages } from '../log/memory-disk.ts'

const PATH = '/data/clean-stop.json'

function emptyDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.makeFolder('/data')
  return disk
}

/** A process that starts, holds this epoch (null: it never heard that it was registered) and stops cleanly. */
function run(disk: MemoryDisk, incarnationId: string, brokerEpoch: number | null) {
  const cleanStop = new CleanStop(disk, '/data')
  const proof = cleanStop.take()
  cleanStop.note(brokerEpoch, proof?.incarnationId ?? incarnationId)
  return proof
}

const found = (disk: MemoryDisk) => new CleanStop(disk, '/data').take()

test('the proof of a clean stop can be taken once', () => {
  const disk = emptyDisk()
  run(disk, 'a', 7)
  assert.deepEqual(found(disk), { brokerEpoch: 7 })
  assert.equal(found(disk), null)
})

test('the proof stays for the next as long as it is only looked at', () => {
  const disk = emptyDisk()
  run(disk, 'a', 7)
  assert.deepEqual(new CleanStop(disk, '/data').look(), { brokerEpoch: 7 })
  assert.deepEqual(found(disk), { brokerEpoch: 7 })
  assert.equal(new CleanStop(disk, '/data').look(), null)
})

test('a process that does not know of a registration leaves the proof as it found it, and who it was', () => {
  const disk = emptyDisk()
  run(disk, 'a', 7)
  assert.deepEqual(run(disk, 'b', null), { brokerEpoch: 7 })
  assert.deepEqual(run(disk, 'c', null), { brokerEpoch: 7, incarnationId: 'b' })
  assert.deepEqual(run(disk, 'd', 9), { brokerEpoch: 7, incarnationId: 'b' }, 'c went on as b')
  assert.deepEqual(found(disk), { brokerEpoch: 9 })
})

test('one that found none, and does not know of a registration, proves nothing', () => {
  const disk = emptyDisk()
  assert.equal(run(disk, 'a', null), null)
  assert.equal(found(disk), null)
})

test('a proof that is damaged is none', () => {
  for (const bytes of ['', '{"brokerEpoch":"7"}', '{}', 'null']) {
    const disk = emptyDisk()
    disk.replaceFile(PATH, Buffer.from(bytes))
    assert.equal(found(disk), null, bytes)
  }
})

test('one that was taken stays so, wherever the power fails', () => {
  const disk = emptyDisk()
  run(disk, 'a', 7)
  assert.notEqual(found(disk), null)
  for (const left of outages(disk, 100, Math.random)) assert.equal(found(left), null)
})

test('one that was left is there, wherever the power fails', () => {
  const disk = emptyDisk()
  run(disk, 'a', 7)
  run(disk, 'b', null)
  for (const left of outages(disk, 100, Math.random))
    assert.deepEqual(found(left), { brokerEpoch: 7, incarnationId: 'b' })
})
