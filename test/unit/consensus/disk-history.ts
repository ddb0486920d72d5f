import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { encodeEntry, encodeHardState } from '../../../src/consensus/entry-codec.ts'
import { restore } from '../../../src/consensus/restore.ts'
import { encodeSnapshotHead } from '../../../src/consensus/snapshot-head.ts'
import type { Disk } from '../../../src/io/disk.ts'
import type { Batch } from '../../../src/log/log.ts'
import { SegmentedLog } from '../../../src/log/segmented-log.ts'
import { writeSnapshot } from '../../../src/log/snapshot-file.ts'
import { type SnapshotName, SnapshotStore } from '../../../src/log/snapshot-store.ts'
import {
  type Entry,
  type EntryId,
  FOUND_CLUSTER,
  type HardState,
  isInternal,
} from '../../../src/raft/entry.ts'
import type { Restored } from '../../../src/raft/options.ts'
import { type Configuration, configurationOf, encodeFounding } from '../../../src/raft/voters.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import { Tape } from './tape.ts'

/** What a node keeps on its disk, and what it may do to it: for tests that stop the machine in between. */
const ROOT = '/data'
export const LOG = `${ROOT}/raft`
export const SNAPSHOTS = `${ROOT}/snapshots`
const OWNER = 'metadata-1 uuid'
/** So small that a history of a few entries goes through many segments. */
export const SEGMENT_BYTES = 8 * 1024
export const TAIL_BYTES = 2000

/** Every entry that there is, from the first on, whether the log still has it or a snapshot covers it. */
export type Model = { readonly entries: readonly Entry[]; readonly hard: HardState | null }
export type DiskNode<D extends Disk = MemoryDisk> = {
  readonly disk: D
  readonly log: SegmentedLog
  readonly store: SnapshotStore
  readonly tape: Tape
  readonly restored: Restored
  readonly damaged: readonly string[]
}

export const NOTHING: Model = { entries: [], hard: null }
export const HARD: HardState = { term: 1, votedFor: 1, commit: 0, clusterId: 'c' }

export async function openNode<D extends Disk>(
  disk: D,
  root = ROOT,
  tape = new Tape(),
): Promise<DiskNode<D>> {
  const folder = `${root}/raft`
  const log = await SegmentedLog.open({ disk, folder, owner: OWNER, segmentBytes: SEGMENT_BYTES })
  const store = new SnapshotStore(disk, `${root}/snapshots`)
  const { restored, damaged } = await restore(log, store, tape, TAIL_BYTES)
  return { disk, log, store, tape, restored, damaged }
}

export async function closeNode({ log, store }: Pick<DiskNode, 'log' | 'store'>): Promise<void> {
  await log.close()
  store.close()
}

export function founding(): Entry {
  return { index: 1, term: 1, type: FOUND_CLUSTER, data: encodeFounding('c', [{ id: 1, uuid: 'uuid' }]) }
}

export function entry(index: number, term: number, bytes = 64): Entry {
  return { index, term, type: 'Test', data: Buffer.alloc(bytes, `term ${term} entry ${index} `) }
}

/** Entries that go on behind `model`, all of one term. */
export function entriesAfter(model: Model, term: number, count: number, bytes = 64): Entry[] {
  const from = model.entries.length + 1
  return Array.from({ length: count }, (_, i) => entry(from + i, term, bytes))
}

export function textsOf(entries: readonly Entry[]): string[] {
  return entries.filter(({ type }) => !isInternal(type)).map(({ data }) => Buffer.from(data).toString())
}

export function configurationAt(entries: readonly Entry[], index: number): Configuration {
  return entries
    .slice(0, index)
    .map(configurationOf)
    .findLast(found => found !== null)!
}

export function idAt(entries: readonly Entry[], index: number): EntryId {
  return { index, term: entries[index - 1]!.term }
}

/** What the log is told. */
export function batchOf(entries: readonly Entry[], hard: HardState | null, rest: Partial<Batch> = {}): Batch {
  return {
    resetTo: null,
    truncateFrom: null,
    firstIndex: entries[0]?.index ?? 0,
    records: entries.map(encodeEntry),
    state: hard === null ? null : encodeHardState(hard),
    ...rest,
  }
}

export const noPause = async (): Promise<void> => {}

/** Writes a snapshot of the state behind entry `index`, as this node would. */
export async function takeSnapshot(
  store: SnapshotStore,
  entries: readonly Entry[],
  index: number,
): Promise<SnapshotName> {
  const id = idAt(entries, index)
  const head = encodeSnapshotHead(id, configurationAt(entries, index))
  const pieces = new Tape(textsOf(entries.slice(0, index))).capture()
  return (await store.write(id, head, pieces, noPause)).name
}

/** The file of a snapshot that another node made, and its name. */
export async function foreignSnapshot(
  entries: readonly Entry[],
  index: number,
): Promise<{ name: SnapshotName; bytes: Buffer }> {
  const disk = new MemoryDisk()
  disk.makeFolder('/other')
  const file = disk.open('/other/file', 'create')
  const id = idAt(entries, index)
  const head = encodeSnapshotHead(id, configurationAt(entries, index))
  const pieces = new Tape(textsOf(entries.slice(0, index))).capture()
  const written = await writeSnapshot(file, head, pieces, noPause)
  return { name: { ...id, ...written }, bytes: disk.readFile('/other/file') }
}

/** What the node would tell of itself: its state, then the log behind it. */
export function contentOf({ log, tape, restored }: Pick<DiskNode, 'log' | 'tape' | 'restored'>): {
  texts: string[]
  last: number
  state: string | null
} {
  const applied = restored.snapshots.at(-1)?.id.index ?? 0
  const behind = readAll(log, applied + 1)
  const texts = [...tape.texts, ...behind.flatMap(bytes => textOf(bytes))]
  return { texts, last: log.lastIndex, state: log.state?.toString('hex') ?? null }
}

function readAll(log: SegmentedLog, from: number): Buffer[] {
  return from > log.lastIndex ? [] : log.read(from, log.lastIndex, Number.POSITIVE_INFINITY)
}

/** Of an encoded entry; none if it is one of Raft's own. */
function textOf(bytes: Buffer): string[] {
  const typeBytes = bytes.readUInt32LE(8)
  const type = bytes.toString('utf8', 12, 12 + typeBytes)
  return isInternal(type) ? [] : [bytes.toString('utf8', 12 + typeBytes)]
}

export function sameContent(found: ReturnType<typeof contentOf>, { entries, hard }: Model): boolean {
  const texts = textsOf(entries)
  const state = hard === null ? null : encodeHardState(hard).toString('hex')
  return (
    found.last === entries.length &&
    found.state === state &&
    found.texts.length === texts.length &&
    found.texts.every((text, i) => text === texts[i])
  )
}

export function describeModel({ entries, hard }: Model): string {
  return `${entries.length} entries ${shortly(textsOf(entries))}, ${JSON.stringify(hard)}`
}

export function describeContent({ texts, last, state }: ReturnType<typeof contentOf>): string {
  return `${last} entries ${shortly(texts)}, ${state}`
}

function shortly(texts: readonly string[]): string {
  return texts
    .map(
      text =>
        text
          .match(/term (\d+) entry (\d+)/)
          ?.slice(1)
          .join('/') ?? text,
    )
    .join(' ')
}

/** Everything that `Restored` promises, and that it fits the model. */
export function assertRestored(
  { log, store, restored }: Pick<DiskNode, 'log' | 'store' | 'restored'>,
  { entries, hard }: Model,
): void {
  const { base, runs, tail, last, configurations, snapshots } = restored
  assert.equal(last, entries.length)
  assert.deepEqual(restored.hardState, hard ?? { term: 0, votedFor: null, commit: 0, clusterId: null })
  assert.deepEqual(base, base.index === 0 ? { index: 0, term: 0 } : idAt(entries, base.index))
  assert.equal(base.index, snapshots[0]?.id.index ?? 0)
  assert.ok(log.firstIndex <= base.index + 1 && log.lastIndex === last, 'the log goes on behind the base')
  const terms = entries.slice(base.index).map(({ term }) => term)
  assert.deepEqual(runs, termRuns(terms, base.index + 1))
  assert.deepEqual(tail.map(plain), entries.slice(last - tail.length).map(plain))
  const before = base.index === 0 ? [] : [configurationAt(entries, base.index)]
  const later = entries.slice(base.index).flatMap(one => configurationOf(one) ?? [])
  assert.deepEqual(configurations, [...before, ...later])
  for (const { id, configuration } of snapshots) {
    assert.deepEqual({ index: id.index, term: id.term }, idAt(entries, id.index))
    assert.deepEqual(configuration, configurationAt(entries, id.index))
    const stored = store.list.find(({ name }) => name.checksum === id.checksum && name.index === id.index)
    const texts = [...store.pieces(stored!)].map(piece => piece.toString()).filter(text => text[0] === '+')
    assert.deepEqual(
      texts.map(text => text.slice(1)),
      textsOf(entries.slice(0, id.index)),
    )
  }
}

function plain({ index, term, type, data }: Entry): string {
  return `${index} ${term} ${type} ${crc32(Buffer.from(data))}`
}

function termRuns(terms: readonly number[], first: number): { term: number; first: number }[] {
  return terms.flatMap((term, i) => (i === 0 || terms[i - 1]! < term ? [{ term, first: first + i }] : []))
}
