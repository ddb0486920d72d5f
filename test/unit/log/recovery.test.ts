import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DamagedLog } from '../../../src/log/log.ts'
import {
  encodeSegmentHeader,
  FORMAT_VERSION,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from '../../../src/log/segment.ts'
import { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { MemoryDisk } from './memory-disk.ts'
import {
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
import {
  assertOpens,
  assertRefused,
  BATCHES,
  chainAt,
  END,
  FOURTH,
  FRAME_BYTES,
  flip,
  MODELS,
  THIRD,
  twoSegments,
  writeFrame,
  zero,
} from './two-segments.ts'

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

  'the oldest segment begins inside a batch (those before it are dropped)': async () => {
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
  return {
    format: FORMAT_VERSION,
    sequence: 2,
    baseIndex: 3,
    firstBatch: 3,
    chain,
    bytes: SEGMENT_BYTES,
    owner: OWNER,
    state: null,
    ...rest,
  }
}

function writeHeader(disk: MemoryDisk, path: string, header: SegmentHeader): void {
  disk.damage(path, bytes => void encodeSegmentHeader(header).copy(bytes))
}
