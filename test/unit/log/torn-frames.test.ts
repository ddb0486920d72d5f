import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { encodeFrame } from '../../../src/log/frame.ts'
import { MemoryDisk } from './memory-disk.ts'
import { batch, openLog, record, segmentPaths } from './model.ts'
import {
  assertOpens,
  assertRefused,
  chainAt,
  END,
  FOURTH,
  twoSegments,
  writeFrame,
  zero,
} from './two-segments.ts'

/** What is taken for a write that never finished, and what is not. */

test('a frame whose checksums agree with each other but not with its content is damage, not an accident', async () => {
  const { disk, second } = await twoSegments()
  const chain = chainAt(disk, second, FOURTH)
  const { buffer } = encodeFrame(
    {
      batch: 5,
      first: true,
      last: true,
      reset: false,
      truncateFrom: 0,
      firstIndex: 5,
      records: [record('x')],
      state: null,
    },
    chain,
    END,
  )
  buffer[60]! ^= 1
  buffer.writeUInt32LE(crc32(buffer.subarray(8), chain), 4)
  disk.damage(second, bytes => void buffer.copy(bytes, END))
  await assertRefused(disk, {
    file: second,
    offset: END,
    records: 5,
    why: /not by a write that was cut short/,
  })
})

test('a frame that does not come next is damage, torn or not', async () => {
  for (const lost of [0, 512]) {
    const { disk, second } = await twoSegments()
    const records = [record('x', 2000)]
    writeFrame(disk, second, {
      batch: 6,
      first: true,
      last: true,
      reset: false,
      truncateFrom: 0,
      firstIndex: 5,
      records,
      state: null,
    })
    disk.damage(second, zero(END + 1024 - (END % 512), END + 1024 - (END % 512) + lost))
    await assertRefused(disk, {
      file: second,
      offset: END,
      records: 5,
      why: /not by a write that was cut short/,
    })
  }
})

test('a torn frame is cut although its records look like frames', async () => {
  const image = (await twoSegments().then(({ disk, second }) => disk.readFile(second))).subarray(FOURTH, END)
  const sector = END + 2048 - (END % 512)
  for (const { records, lost } of [
    { records: [image, numbersThatLookLikeAFrame(), image], lost: [sector, sector + 512] },
    {
      records: [numbersThatLookLikeAFrame(), numbersThatLookLikeAFrame()],
      lost: [END, END + 512 - (END % 512)],
    },
  ] as const) {
    const { disk, second } = await twoSegments()
    const log = await openLog(disk)
    await log.append(batch(5, records))
    await log.close()
    disk.damage(second, zero(...lost))
    assert.equal((await assertOpens(disk)).torn?.offset, END)
  }
})

/** Nothing but small numbers: the length, batch, indexes and counts that a frame of no records could have. */
function numbersThatLookLikeAFrame(): Buffer {
  const numbers = new Uint32Array(512)
  for (let i = 0; i < numbers.length; i += 16) numbers.set([64, 1, 99, 0, 0, 0, 0, 0, 0, 0xffff_ffff], i)
  return Buffer.from(numbers.buffer)
}

test('a torn frame of large numbers is looked through in a moment', async () => {
  const disk = new MemoryDisk()
  const bytes = 2 * 1024 * 1024
  const log = await openLog(disk, 2 * bytes)
  const numbers = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i += 4) numbers.writeUInt32LE(bytes / 2, i)
  await log.append(batch(1, [numbers]))
  await log.close()
  disk.damage(segmentPaths(disk)[0]!, zero(4096, 4608))
  const started = process.cpuUsage()
  const reopened = await openLog(disk, 2 * bytes)
  assert.equal(reopened.torn?.offset, 4096)
  const { user, system } = process.cpuUsage(started)
  assert.ok(user + system < 3_000_000, `${user + system} us of processor time`)
})
