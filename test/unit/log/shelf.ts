import assert from 'node:assert/strict'
import type { Batch } from '../../../src/log/log.ts'
import type { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { MemoryDisk } from './memory-disk.ts'
import { batch, openLog, record } from './model.ts'

/** Small logs that are filled, cut, reset and dropped, beside a shelf that tells what must be in them. */

export const SMALL = 8 * 1024
export const STATE = Buffer.from('term 7, voted for 3')

/** What the log holds: every record by its index; `next` is the index of the one to come. */
export type Shelf = { next: number; readonly records: Map<number, Buffer>; state: Buffer | null }

export function put(shelf: Shelf, { resetTo, truncateFrom, records, state }: Batch): void {
  if (resetTo !== null) {
    shelf.records.clear()
    shelf.next = resetTo + 1
  } else if (truncateFrom !== null && truncateFrom < shelf.next) {
    for (const index of [...shelf.records.keys()]) if (index >= truncateFrom) shelf.records.delete(index)
    shelf.next = truncateFrom
  }
  for (const one of records) shelf.records.set(shelf.next++, one)
  shelf.state = state ?? shelf.state
}

/** The log ends as the shelf does, and begins where all of the rest is there. */
export function assertHolds(log: SegmentedLog, shelf: Shelf, when = ''): void {
  assert.equal(log.lastIndex, shelf.next - 1, when)
  assert.deepEqual(log.state, shelf.state, when)
  assert.ok(log.firstIndex <= shelf.next, when)
  const found = log.firstIndex > log.lastIndex ? [] : log.read(log.firstIndex, log.lastIndex, 1e9)
  for (const [i, one] of found.entries())
    assert.ok(one.equals(shelf.records.get(log.firstIndex + i)!), `${when}: record ${log.firstIndex + i}`)
}

export async function filled(
  count: number,
  bytes = 1900,
): Promise<{ disk: MemoryDisk; log: SegmentedLog; shelf: Shelf }> {
  const disk = new MemoryDisk()
  const log = await openLog(disk, SMALL)
  const shelf: Shelf = { next: 1, records: new Map(), state: null }
  for (let index = 1; index <= count; index++) {
    const one = batch(index, [record(`${index}`, bytes)], { state: Buffer.from(`${index}`) })
    await log.append(one)
    put(shelf, one)
  }
  return { disk, log, shelf }
}

export async function again(disk: MemoryDisk, log: SegmentedLog): Promise<SegmentedLog> {
  await log.close()
  return openLog(disk, SMALL)
}
