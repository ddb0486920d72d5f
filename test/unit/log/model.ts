import assert from 'node:assert/strict'
import type { Batch, Log } from '../../../src/log/log.ts'
import { SegmentedLog } from '../../../src/log/segmented-log.ts'
import type { MemoryDisk } from './memory-disk.ts'

/** The log, as plainly as it can be said: what every other implementation is compared with. */
export type Model = { readonly records: readonly Buffer[]; readonly state: Buffer | null }

export const EMPTY: Model = { records: [], state: null }

export function applied(model: Model, { truncateFrom, firstIndex, records, state }: Batch): Model {
  const left = truncateFrom === null ? model.records : model.records.slice(0, truncateFrom - 1)
  if (records.length > 0) assert.equal(firstIndex, left.length + 1, 'the batch follows what is left')
  return { records: [...left, ...records], state: state ?? model.state }
}

/** What the log was after none, one, two, ... of the batches. */
export function modelsOf(batches: readonly Batch[]): Model[] {
  const models = [EMPTY]
  for (const batch of batches) models.push(applied(models.at(-1)!, batch))
  return models
}

export function contentOf(log: Log): Model {
  const { firstIndex, lastIndex, state } = log
  assert.equal(firstIndex, 1)
  return { records: lastIndex === 0 ? [] : log.read(1, lastIndex, Number.POSITIVE_INFINITY), state }
}

export function sameModel(a: Model, b: Model): boolean {
  const sameState = a.state === null ? b.state === null : b.state !== null && a.state.equals(b.state)
  return (
    sameState &&
    a.records.length === b.records.length &&
    a.records.every((record, i) => record.equals(b.records[i]!))
  )
}

export function assertContent(log: Log, model: Model, when = ''): void {
  assert.ok(
    sameModel(contentOf(log), model),
    `${when}: found ${describe(contentOf(log))}, not ${describe(model)}`,
  )
}

export function describe({ records, state }: Model): string {
  const short = (bytes: Buffer | null): string =>
    bytes === null ? 'none' : `${bytes.length}:${bytes.toString('latin1', 0, 12)}`
  return `${records.length} records [${records.map(short).join(' ')}], state ${short(state)}`
}

export const FOLDER = '/data/log'
export const OWNER = 'node 1 in /data'
export const SEGMENT_BYTES = 16 * 1024

export function openLog(disk: MemoryDisk, segmentBytes = SEGMENT_BYTES): Promise<SegmentedLog> {
  return SegmentedLog.open({ disk, folder: FOLDER, owner: OWNER, segmentBytes })
}

export function segmentPaths(disk: MemoryDisk): string[] {
  return disk
    .list(FOLDER)
    .filter(name => name.endsWith('.log'))
    .map(name => `${FOLDER}/${name}`)
}

/** A record that names itself, of `bytes` bytes. */
export function record(name: string, bytes = 64): Buffer {
  return Buffer.alloc(bytes, `${name} `)
}

export function batch(firstIndex: number, records: readonly Buffer[], rest: Partial<Batch> = {}): Batch {
  return { resetTo: null, truncateFrom: null, firstIndex, records, state: null, ...rest }
}

/** A batch of any kind that may follow; `below` draws a whole number. */
export function randomBatch(model: Model, below: (limit: number) => number): Batch {
  const last = model.records.length
  const truncateFrom = below(4) === 0 ? 1 + below(last + 2) : null
  const firstIndex = Math.min(last, (truncateFrom ?? last + 1) - 1) + 1
  const records = Array.from({ length: below(5) }, () => randomRecord(below))
  const state = below(4) === 0 ? randomRecord(limit => below(Math.min(limit, 1000))) : null
  return { resetTo: null, truncateFrom, firstIndex: records.length === 0 ? 0 : firstIndex, records, state }
}

function randomRecord(below: (limit: number) => number): Buffer {
  const bytes = below(2) === 0 ? below(64) : below(4000)
  if (below(3) === 0) return Buffer.alloc(bytes, below(2) === 0 ? 0 : below(256))
  return Buffer.from(Array.from({ length: bytes }, () => below(256)))
}
