import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { encodeFrame, type Frame } from '../../../src/log/frame.ts'
import { DamagedLog } from '../../../src/log/log.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from '../../../src/log/segment.ts'
import { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { MemoryDisk } from './memory-disk.ts'
import {
  assertContent,
  batch,
  EMPTY,
  FOLDER,
  modelsOf,
  OWNER,
  openLog,
  record,
  SEGMENT_BYTES,
  segmentPaths,
} from './model.ts'

/** Fills two segments: frames of records 1 and 2 in the first, of 3 and 4 in the second. */
const BATCHES = [
  batch(1, [record('a', 5000)], { state: Buffer.from('term 1') }),
  batch(2, [record('b', 5000)]),
  batch(3, [record('c', 2200)], { state: Buffer.from('term 2') }),
  batch(4, [record('d', 1900)]),
]
const MODELS = modelsOf(BATCHES)
const FRAME_BYTES = [5064, 5056, 2264, 1960] as const
const THIRD = SEGMENT_HEADER_BYTES
const FOURTH = THIRD + FRAME_BYTES[2]
const END = FOURTH + FRAME_BYTES[3]

async function twoSegments(): Promise<{ disk: MemoryDisk; first: string; second: string }> {
  const disk = new MemoryDisk()
  const log = await openLog(disk)
  for (const one of BATCHES) await log.append(one)
  await log.close()
  const [first, second, ...more] = segmentPaths(disk)
  assert.deepEqual(more, [])
  assert.equal(
    disk.readFile(second!).readUInt32LE(FOURTH),
    FRAME_BYTES[3],
    'the test knows where the frames lie',
  )
  return { disk, first: first!, second: second! }
}

type Expected = {
  readonly file: string
  readonly offset: number
  readonly records: number
  readonly why: RegExp
}

/** A refusal says which file, where in it, which records are at stake, what is wrong and what to do. */
async function assertRefused(disk: MemoryDisk, { file, offset, records, why }: Expected): Promise<void> {
  const before = disk.list(FOLDER).map(name => [name, disk.readFile(`${FOLDER}/${name}`)])
  await assert.rejects(openLog(disk), (error: Error) => {
    assert.ok(error instanceof DamagedLog, error.stack)
    assert.ok(
      error.message.startsWith(`${file}: at offset ${offset}, records from ${records} on: `),
      error.message,
    )
    assert.match(error.message, why)
    assert.match(
      error.message,
      /Restore this data directory from a copy of the disk; do not delete parts of it/,
    )
    return true
  })
  assert.deepEqual(
    disk.list(FOLDER).map(name => [name, disk.readFile(`${FOLDER}/${name}`)]),
    before,
    'left as it was',
  )
}

async function assertOpens(disk: MemoryDisk, model = MODELS[4]!): Promise<SegmentedLog> {
  const log = await openLog(disk)
  assertContent(log, model)
  return log
}

const zero = (from: number, to: number) => (bytes: Buffer) => void bytes.fill(0, from, to)
const flip = (at: number) => (bytes: Buffer) => void bytes.writeUInt8(bytes[at]! ^ 1, at)

const ROWS: Record<string, () => Promise<void>> = {
  'no segment': async () => {
    const log = await assertOpens(new MemoryDisk(), EMPTY)
    assert.equal(log.firstIndex, 1)
    assert.equal(log.lastIndex, 0)
  },

  'frames, then zeros to the end of the last segment': async () => {
    const { disk } = await twoSegments()
    assert.equal((await assertOpens(disk)).torn, null)
  },

  'a batch of several frames whose last frame is missing': async () => {
    const { disk } = await twoSegments()
    const log = await openLog(disk)
    const large = batch(3, [record('C', 6000), record('D', 6000), record('E', 6000)], { truncateFrom: 3 })
    await log.append(large)
    await log.close()
    const newest = segmentPaths(disk)[2]!
    assert.equal(
      disk.readFile(newest).readUInt32LE(THIRD),
      6056,
      'the second of three frames is in the next segment',
    )
    disk.damage(newest, zero(THIRD + 6056, SEGMENT_BYTES))
    const reopened = await assertOpens(disk)
    assert.equal(reopened.torn, null)
    const again = batch(5, [record('e')])
    await reopened.append(again)
    await reopened.close()
    await assertOpens(disk, modelsOf([...BATCHES, again]).at(-1))
  },

  'last segment: a bad frame with a zero sector, nothing valid behind it': async () => {
    for (const [from, to] of [
      [FOURTH, FOURTH + 512 - (FOURTH % 512)],
      [6656, 7168],
      [8192, END],
    ] as const) {
      const { disk, second } = await twoSegments()
      disk.damage(second, zero(from, to))
      const tail = disk.readFile(second).subarray(FOURTH)
      const log = await assertOpens(disk, MODELS[3])
      const { torn } = log
      assert.deepEqual(torn, { path: second, offset: FOURTH, copy: `${second}.torn-${FOURTH}` })
      assert.ok(disk.readFile(torn!.copy).equals(tail), 'the copy has all that was cut')
      // The next frame ends with a sector. What was cut must not show behind it again, whatever happens.
      const next = batch(4, [record('D', 7168 - FOURTH - 56)])
      await log.append(next)
      const after = await assertOpens(
        disk.outage(() => 0),
        modelsOf([...BATCHES.slice(0, 3), next])[4],
      )
      assert.equal(after.torn, null, 'it is cut once')
    }
  },

  'last segment: a bad frame without a zero sector': async () => {
    for (const at of [
      FOURTH,
      FOURTH + 1,
      FOURTH + 4,
      FOURTH + 9,
      FOURTH + 41,
      FOURTH + 44,
      FOURTH + 60,
      END - 1,
    ]) {
      const { disk, second } = await twoSegments()
      disk.damage(second, flip(at))
      await assertRefused(disk, {
        file: second,
        offset: FOURTH,
        records: 4,
        why: /not by a write that was cut short/,
      })
    }
  },

  'a bad frame with a valid frame of the same or a later batch behind it': async () => {
    const sector = [4608, 5120] as const
    for (const damage of [
      flip(THIRD),
      flip(THIRD + 1),
      flip(THIRD + 100),
      zero(...sector),
      zero(THIRD, sector[0]),
    ]) {
      const { disk, second } = await twoSegments()
      disk.damage(second, damage)
      await assertRefused(disk, { file: second, offset: THIRD, records: 3, why: /it is not the last one/ })
    }
    const { disk, second } = await twoSegments()
    disk.damage(second, bytes => {
      bytes.copyWithin(FOURTH + 1024, FOURTH, END)
      bytes.fill(0, FOURTH, FOURTH + 1024)
    })
    await assertRefused(disk, { file: second, offset: FOURTH, records: 4, why: /it is not the last one/ })
  },

  'a bad frame in an earlier segment': async () => {
    for (const damage of [flip(THIRD + 5064 + 70), zero(13824, 14216), flip(SEGMENT_BYTES - 1)]) {
      const { disk, first } = await twoSegments()
      disk.damage(first, damage)
      await assert.rejects(openLog(disk), /a frame before the newest segment is damaged/)
    }
    const { disk, first } = await twoSegments()
    disk.damage(first, flip(5000))
    await assertRefused(disk, { file: first, offset: 4096, records: 1, why: /before the newest segment/ })
  },

  'older segments are gone (dropped behind a snapshot)': async () => {
    const { disk, first } = await twoSegments()
    const whole = await openLog(disk)
    const before = [3, whole.lastIndex, whole.state, whole.read(3, whole.lastIndex, 1e6)]
    await whole.close()
    disk.remove(first)
    const log = await openLog(disk)
    assert.deepEqual([log.firstIndex, log.lastIndex, log.state, log.read(3, log.lastIndex, 1e6)], before)
    await log.append(batch(log.lastIndex + 1, [record('more')]))
    await log.close()
  },

  'the oldest segment begins inside a batch (a crash between two drops)': async () => {
    const disk = new MemoryDisk()
    const log = await openLog(disk)
    const records = ['a', 'b', 'c', 'd', 'e'].map(name => record(name, 5000))
    await log.append(batch(1, records, { state: Buffer.from('term 2') }))
    await log.append(batch(6, [record('f', 5000)]))
    await log.close()
    disk.remove(segmentPaths(disk)[0]!)
    const opened = await openLog(disk)
    assert.deepEqual([opened.firstIndex, opened.lastIndex, opened.state?.toString()], [3, 6, 'term 2'])
    assert.deepEqual(opened.read(3, 6, 1e6), [...records.slice(2), record('f', 5000)])
  },

  'a segment missing in between, doubled, or not following the chain of the one before': async () => {
    const missing = await twoSegments()
    const third = `${FOLDER}/0000000003-0000000000000009.log`
    const { disk } = missing
    disk.put(third, disk.readFile(missing.second))
    writeHeader(disk, third, await headerOf(disk, missing.first, { sequence: 3 }))
    disk.remove(missing.second)
    const gap = { file: third, offset: 0, records: 3, why: /segment 2 is expected here, this one is 3/ }
    await assertRefused(disk, gap)

    const doubled = await twoSegments()
    const twin = `${FOLDER}/0000000002-0000000000000009.log`
    doubled.disk.put(twin, doubled.disk.readFile(doubled.second))
    const why = /segment 3 is expected here, this one is 2/
    await assertRefused(doubled.disk, { file: twin, offset: 0, records: 5, why })

    for (const header of [{ chain: 7 }, { firstBatch: 4 }, { baseIndex: 4 }]) {
      const { disk, first, second } = await twoSegments()
      writeHeader(disk, second, await headerOf(disk, first, header))
      await assertRefused(disk, { file: second, offset: 0, records: 3, why: /does not follow the end/ })
    }

    const emptied = await twoSegments()
    emptied.disk.damage(emptied.first, zero(THIRD + FRAME_BYTES[0], SEGMENT_BYTES))
    const lost = { file: emptied.second, offset: 0, records: 2, why: /does not follow the end/ }
    await assertRefused(emptied.disk, lost)
  },

  'record indexes that do not follow each other': async () => {
    for (const firstIndex of [4, 6]) {
      const { disk, second } = await twoSegments()
      const frame = {
        batch: 5,
        first: true,
        last: true,
        reset: false,
        truncateFrom: 0,
        firstIndex,
        records: [record('x')],
      }
      writeFrame(disk, second, { ...frame, state: null })
      const why = new RegExp(`record 5 is expected, the frame begins with ${firstIndex}`)
      await assertRefused(disk, { file: second, offset: END, records: 5, why })
    }
  },

  'a damaged segment header': async () => {
    for (const at of [0, 7, 12, 17, 30, 40, 45, 60, 4095]) {
      const { disk, first, second } = await twoSegments()
      disk.damage(second, flip(at))
      const why = /the segment header \(bytes 0 to 4096\) is damaged/
      await assertRefused(disk, { file: second, offset: 0, records: 3, why })
      disk.damage(first, zero(0, 512))
      await assertRefused(disk, { file: first, offset: 0, records: 1, why })
    }
  },

  'a segment file longer or shorter than its header says': async () => {
    for (const [length, offset] of [
      [FOURTH, FOURTH],
      [END, END],
      [SEGMENT_BYTES + 512, SEGMENT_BYTES],
    ] as const) {
      const { disk, second } = await twoSegments()
      disk.put(second, Buffer.concat([disk.readFile(second), Buffer.alloc(512)]).subarray(0, length))
      await assertRefused(disk, { file: second, offset, records: 3, why: /bytes, it was made with 16384/ })
    }
    const { disk, second } = await twoSegments()
    disk.put(second, Buffer.alloc(0))
    await assertRefused(disk, { file: second, offset: 0, records: 3, why: /header .* is damaged/ })
  },

  'a segment of another owner': async () => {
    const { disk, first } = await twoSegments()
    const opened = SegmentedLog.open({ disk, folder: FOLDER, owner: 'node 2 in /other' })
    await assert.rejects(opened, (error: Error) => {
      assert.ok(error instanceof DamagedLog)
      const expected = `${first}: written by ${OWNER}, opened as node 2 in /other. Point each node to its own data directory.`
      assert.equal(error.message, expected)
      return true
    })
  },

  'a segment of an unknown format version': async () => {
    const { disk, second } = await twoSegments()
    disk.damage(second, bytes => void bytes.writeUInt32LE(3, 8))
    await assert.rejects(openLog(disk), (error: Error) => {
      assert.ok(error instanceof DamagedLog)
      const expected = `${second}: log format 3, this release reads formats 1 to 2. Start the release that wrote it.`
      assert.equal(error.message, expected)
      return true
    })
  },

  'a prepared or half-prepared segment': async () => {
    const used = Buffer.alloc(SEGMENT_BYTES)
    used.fill('a header that never got its name', 0, SEGMENT_HEADER_BYTES)
    for (const [name, bytes, firstWrite] of [
      ['prepared.segment', Buffer.alloc(SEGMENT_BYTES), SEGMENT_HEADER_BYTES],
      ['prepared.segment', used, SEGMENT_HEADER_BYTES],
      ['prepared.segment', Buffer.alloc(SEGMENT_BYTES / 2), SEGMENT_BYTES],
      ['prepared.segment.tmp', Buffer.alloc(5000, 'x'), SEGMENT_BYTES],
    ] as const) {
      const { disk } = await twoSegments()
      disk.remove(`${FOLDER}/prepared.segment`)
      disk.put(`${FOLDER}/${name}`, bytes)
      const log = await assertOpens(disk)
      disk.operations.length = 0
      const last = batch(5, [record('e', 10_000)])
      await log.append(last)
      assert.equal(disk.operations.find(({ kind }) => kind === 'write')?.bytes, firstWrite)
      await log.close()
      assert.equal(segmentPaths(disk).length, 3)
      await assertOpens(disk, modelsOf([...BATCHES, last]).at(-1))
    }
  },
}

for (const [row, check] of Object.entries(ROWS)) test(row, check)

test('every row of the table in recovery.ts has a test here', () => {
  const source = readFileSync(new URL('../../../src/log/recovery.ts', import.meta.url), 'utf8')
  const rows = [...source.matchAll(/^ \* \| (.*?) +\| .* \|$/gm)].map(([, found]) => found!)
  assert.deepEqual(rows.slice(1).sort(), Object.keys(ROWS).sort())
})

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

test('files of other names are none of our business', async () => {
  const { disk } = await twoSegments()
  for (const name of ['lock', '1-1.log', '0000000003-0000000000000009.log.torn-4096', 'notes.log']) {
    disk.put(`${FOLDER}/${name}`, Buffer.from('x'))
  }
  await assertOpens(disk)
})

async function headerOf(
  disk: MemoryDisk,
  first: string,
  rest: Partial<SegmentHeader>,
): Promise<SegmentHeader> {
  const chain = chainAt(disk, first, THIRD + FRAME_BYTES[0])
  const bytes = SEGMENT_BYTES
  return { sequence: 2, baseIndex: 3, firstBatch: 3, chain, bytes, owner: OWNER, state: null, ...rest }
}

/** The chain value of the frame at `position`. */
function chainAt(disk: MemoryDisk, path: string, position: number): number {
  return disk.readFile(path).readUInt32LE(position + 4)
}

function writeHeader(disk: MemoryDisk, path: string, header: SegmentHeader): void {
  disk.damage(path, bytes => void encodeSegmentHeader(header).copy(bytes))
}

/** Writes a frame that follows the last one. */
function writeFrame(disk: MemoryDisk, path: string, frame: Frame): void {
  const { buffer } = encodeFrame(frame, chainAt(disk, path, FOURTH), END)
  disk.damage(path, bytes => void buffer.copy(bytes, END))
}
