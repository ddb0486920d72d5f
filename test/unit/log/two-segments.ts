import assert from 'node:assert/strict'
import { encodeFrame, type Frame } from '../../../src/log/frame.ts'
import { DamagedLog } from '../../../src/log/log.ts'
import { SEGMENT_HEADER_BYTES } from '../../../src/log/segment.ts'
import type { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { MemoryDisk } from './memory-disk.ts'
import { assertContent, batch, FOLDER, modelsOf, openLog, record, segmentPaths } from './model.ts'

/** A log of two segments, to be damaged. */

/** Fills two segments: frames of records 1 and 2 in the first, of 3 and 4 in the second. */
export const BATCHES = [
  batch(1, [record('a', 5000)], { state: Buffer.from('term 1') }),
  batch(2, [record('b', 5000)]),
  batch(3, [record('c', 2200)], { state: Buffer.from('term 2') }),
  batch(4, [record('d', 1900)]),
]

export const MODELS = modelsOf(BATCHES)
export const FRAME_BYTES = [5064, 5056, 2264, 1960] as const
export const THIRD = SEGMENT_HEADER_BYTES
export const FOURTH = THIRD + FRAME_BYTES[2]
export const END = FOURTH + FRAME_BYTES[3]

export async function twoSegments(): Promise<{ disk: MemoryDisk; first: string; second: string }> {
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

export type Expected = {
  readonly file: string
  readonly offset: number
  readonly records: number
  readonly why: RegExp
}

/** A refusal says which file, where in it, which records are at stake, what is wrong and what to do. */
export async function assertRefused(
  disk: MemoryDisk,
  { file, offset, records, why }: Expected,
): Promise<void> {
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

export async function assertOpens(disk: MemoryDisk, model = MODELS[4]!): Promise<SegmentedLog> {
  const log = await openLog(disk)
  assertContent(log, model)
  return log
}

export const zero = (from: number, to: number) => (bytes: Buffer) => void bytes.fill(0, from, to)
export const flip = (at: number) => (bytes: Buffer) => void bytes.writeUInt8(bytes[at]! ^ 1, at)

/** The chain value of the frame at `position`. */
export function chainAt(disk: MemoryDisk, path: string, position: number): number {
  return disk.readFile(path).readUInt32LE(position + 4)
}

/** Writes a frame that follows the last one. */
export function writeFrame(disk: MemoryDisk, path: string, frame: Frame): void {
  const { buffer } = encodeFrame(frame, chainAt(disk, path, FOURTH), END)
  disk.damage(path, bytes => void buffer.copy(bytes, END))
}
