import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { DamagedLog } from '../../../src/log/log.ts'
import { readHead, readPieces, SNAPSHOT_FORMAT, writeSnapshot } from '../../../src/log/snapshot-file.ts'
import { MemoryDisk } from './memory-disk.ts'

const PATH = '/snapshots/file'
const HEAD = Buffer.from('{"index":7}')
const PIECES = [Buffer.from('one'), Buffer.alloc(700, 'two'), Buffer.from([0]), Buffer.alloc(512)]
const noPause = async (): Promise<void> => {}

async function written(head = HEAD, pieces: readonly Uint8Array[] = PIECES) {
  const disk = new MemoryDisk()
  disk.makeFolder('/snapshots')
  const result = await writeSnapshot(disk.open(PATH, 'create'), head, pieces, noPause)
  return { disk, result, bytes: disk.readFile(PATH) }
}

function readAll(bytes: Buffer): { head: Buffer; checksum: number; pieces: Buffer[] } {
  const disk = new MemoryDisk()
  disk.makeFolder('/snapshots')
  disk.put(PATH, bytes)
  const file = disk.open(PATH, 'existing')
  const { head, checksum } = readHead(file, PATH)
  return { head, checksum, pieces: [...readPieces(file, PATH)] }
}

test('head and pieces come back as they were written, with length and checksum of the whole', async () => {
  const { result, bytes } = await written()
  assert.deepEqual(readAll(bytes), { head: HEAD, checksum: result.checksum, pieces: PIECES })
  assert.equal(result.bytes, bytes.length)
  assert.equal(result.checksum, crc32(Buffer.concat([HEAD, ...PIECES])))
})

test('the layout is the one that is drawn in snapshot-file.ts', async () => {
  const { bytes, result } = await written(Buffer.from('head'), [Buffer.from('piece')])
  const u32 = (value: number): Buffer => {
    const buffer = Buffer.alloc(4)
    buffer.writeUInt32LE(value)
    return buffer
  }
  const head = crc32('head')
  const piece = crc32('piece', head)
  const expected = [
    'DMQSNAP\n',
    u32(1),
    u32(4),
    u32(head),
    'head',
    u32(5),
    u32(piece),
    'piece',
    u32(0),
    u32(piece),
  ]
  assert.deepEqual(bytes, Buffer.concat(expected.map(part => Buffer.from(part))))
  assert.equal(result.checksum, piece)
})

test('no pieces, no head: still a snapshot', async () => {
  const { bytes } = await written(Buffer.alloc(0), [])
  assert.deepEqual(readAll(bytes), { head: Buffer.alloc(0), checksum: 0, pieces: [] })
})

test('pieces are pulled one at a time, with a pause behind each; large ones go to disk as they come', async () => {
  const disk = new MemoryDisk()
  disk.makeFolder('/snapshots')
  const order: string[] = []
  function* pieces(): Generator<Buffer> {
    for (let i = 1; i <= 5; i++) {
      order.push(`piece ${i}`)
      yield Buffer.alloc(600 * 1024, i)
    }
  }
  disk.fault = ({ kind, bytes }) =>
    void (kind === 'write' && order.push(bytes! > 1024 * 1024 ? 'write' : 'rest'))
  const pause = async (): Promise<void> => void order.push('pause')
  const { bytes } = await writeSnapshot(disk.open(PATH, 'create'), HEAD, pieces(), pause)
  const turn = (i: number): string[] =>
    i % 2 === 1 ? [`piece ${i}`, 'pause'] : [`piece ${i}`, 'write', 'pause']
  assert.deepEqual(order, [...[1, 2, 3, 4, 5].flatMap(turn), 'rest'])
  assert.equal(readAll(disk.readFile(PATH)).pieces.length, 5)
  assert.equal(bytes, disk.readFile(PATH).length)
})

test('a changed bit anywhere is found, and the file named', async () => {
  const { bytes } = await written()
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(
      () => readAll(damaged),
      (error: Error) => error instanceof DamagedLog && error.message.startsWith(`${PATH}: `),
      `bit ${bit}`,
    )
  }
})

test('a file that is cut off, or goes on behind its end, is damaged', async () => {
  const { bytes } = await written()
  for (let length = 0; length < bytes.length; length++)
    assert.throws(() => readAll(bytes.subarray(0, length)), DamagedLog, `${length} bytes`)
  for (const more of [Buffer.alloc(1), Buffer.alloc(8), bytes.subarray(-8), Buffer.alloc(600)])
    assert.throws(() => readAll(Buffer.concat([bytes, more])), DamagedLog)
})

test('pieces in another order, or of another snapshot, are damaged', async () => {
  const first = Buffer.alloc(40, 'a')
  const second = Buffer.alloc(40, 'b')
  const { bytes } = await written(HEAD, [first, second])
  const at = 20 + HEAD.length
  const swapped = Buffer.concat([
    bytes.subarray(0, at),
    bytes.subarray(at + 48, at + 96),
    bytes.subarray(at, at + 48),
    bytes.subarray(at + 96),
  ])
  assert.throws(() => readAll(swapped), /the piece at offset \d+ fails its checksum/)
  const other = await written(Buffer.from('{"index":8}'), [first, second])
  const mixed = Buffer.concat([other.bytes.subarray(0, at), bytes.subarray(at)])
  assert.throws(() => readAll(mixed), DamagedLog)
  const without = Buffer.concat([bytes.subarray(0, at + 48), bytes.subarray(at + 96)])
  assert.throws(() => readAll(without), /its end does not fit its pieces/)
})

test('a snapshot of another format is named as such', async () => {
  const { bytes } = await written()
  bytes.writeUInt32LE(SNAPSHOT_FORMAT + 1, 8)
  assert.throws(
    () => readAll(bytes),
    /snapshot format 2, this release reads format 1\. Start the release that wrote it/,
  )
})

test('good pieces are given before a damaged one is found', async () => {
  const { disk, bytes } = await written()
  const last = bytes.length - 8 - 512
  disk.damage(PATH, found => void found.writeUInt8(1, last + 3))
  const pieces: Buffer[] = []
  const read = (): void => {
    for (const piece of readPieces(disk.open(PATH, 'existing'), PATH)) pieces.push(piece)
  }
  assert.throws(read, new RegExp(`the piece at offset ${last} fails its checksum`))
  assert.deepEqual(pieces, PIECES.slice(0, 3))
})
