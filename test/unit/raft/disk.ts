import { crc32 } from 'node:zlib'
import { BEFORE_FIRST, type Entry, type EntryId, type HardState, sizeOf } from '../../../src/raft/entry.ts'
import type { Persist } from '../../../src/raft/io.ts'
import type { TermRun } from '../../../src/raft/log-view.ts'
import type { Restored } from '../../../src/raft/options.ts'
import { type Snapshot, type SnapshotId, sameSnapshot } from '../../../src/raft/snapshot.ts'
import { type Configuration, configurationOf } from '../../../src/raft/voters.ts'

/** Entries without a gap, behind those that were dropped: the first one has index `base + 1`. */
export type ModelLog = { base: number; entries: Entry[] }

/** `received`: another node made it; only then may the log end before it or part from it. */
export type StoredSnapshot = Snapshot & {
  readonly data: Uint8Array
  readonly origin: 'taken' | 'received'
}

/** What a crash leaves. */
export type Disk = ModelLog & {
  uuid: string
  hardState: HardState
  /** Oldest first. */
  snapshots: StoredSnapshot[]
  /** A snapshot that is being received: what is there of it. */
  incoming: { readonly id: SnapshotId; data: Uint8Array } | null
}

export function lastIndexOf({ base, entries }: ModelLog): number {
  return base + entries.length
}

export function entryAt({ base, entries }: ModelLog, index: number): Entry | undefined {
  return entries[index - base - 1]
}

/** One step of the ordered sequence of writes. */
export function write(log: ModelLog, { resetTo, truncateFrom, entries }: Persist): void {
  if (resetTo !== null) {
    log.base = resetTo
    log.entries.length = 0
  }
  if (truncateFrom !== null) {
    if (truncateFrom <= log.base) throw new Error(`cut from ${truncateFrom}, of a log behind ${log.base}`)
    log.entries.length = Math.min(log.entries.length, truncateFrom - 1 - log.base)
  }
  for (const next of entries) {
    if (next.index !== lastIndexOf(log) + 1)
      throw new Error(`entry ${next.index} written behind ${lastIndexOf(log)}`)
    log.entries.push(next)
  }
}

/** Entries before `index` go, as far as they are there. */
export function dropBefore(log: ModelLog, index: number): void {
  const dropped = Math.max(0, Math.min(index - 1, lastIndexOf(log)) - log.base)
  log.entries.splice(0, dropped)
  log.base += dropped
}

/** The log's last entry, or that of the newest snapshot if the log is about to go on from there. */
export function lastOf(disk: Disk): EntryId {
  const last = disk.entries.at(-1) ?? BEFORE_FIRST
  const newest = disk.snapshots.at(-1)?.id ?? BEFORE_FIRST
  return last.index >= newest.index ? last : newest
}

// Snapshots. The model of a state is the list of all entries that were applied.

/** Two nodes write the same state differently: `by` makes their files differ. */
export function encodeState(
  at: { id: EntryId; configuration: Configuration },
  state: readonly Entry[],
  by: number,
): StoredSnapshot {
  const entries = state.map(({ term, type, data }) => [term, type, Buffer.from(data).toString('latin1')])
  const data = Buffer.from(JSON.stringify({ by, configuration: at.configuration, entries }), 'latin1')
  const id = { ...at.id, bytes: data.length, checksum: crc32(data) }
  return { id, configuration: at.configuration, data, origin: 'taken' }
}

export function decodeState(data: Uint8Array): { configuration: Configuration; state: Entry[] } {
  const { configuration, entries } = JSON.parse(Buffer.from(data).toString('latin1')) as {
    configuration: Configuration
    entries: [number, string, string][]
  }
  const state = entries.map(([term, type, text], i) => {
    return { index: i + 1, term, type, data: Uint8Array.from(Buffer.from(text, 'latin1')) }
  })
  return { configuration, state }
}

export function keepSnapshot(disk: Disk, snapshot: StoredSnapshot): void {
  const others = disk.snapshots.filter(({ id }) => id.index !== snapshot.id.index)
  disk.snapshots = [...others, snapshot].sort((a, b) => a.id.index - b.id.index)
}

/** Keeps a part of another node's snapshot. Returns how much of it is there without a gap. */
export function receivePart(disk: Disk, id: SnapshotId, offset: number, data: Uint8Array): number {
  if (disk.incoming === null || !sameSnapshot(disk.incoming.id, id))
    disk.incoming = { id, data: new Uint8Array(0) }
  const { incoming } = disk
  if (offset === incoming.data.length && offset + data.length <= id.bytes)
    incoming.data = Buffer.concat([incoming.data, data])
  return incoming.data.length
}

// Recovery.

/**
 * What recovery hands over, by the table of `src/consensus/restore.ts`; `cut`: an install that a crash cut short was
 * finished. The tail is what fits, even if less than what may still be cut.
 */
export function restore(disk: Disk, tailBytesMax: number): { restored: Restored; cut: boolean } {
  const cut = finishInstall(disk)
  const snapshots = disk.snapshots.slice(-2).filter(({ id }) => id.index >= disk.base)
  if (snapshots.length === 0 && disk.base > 0) throw new Error('no snapshot covers what was dropped')
  if (disk.hardState.commit > lastOf(disk).index) throw new Error('the end of the log is missing')
  const base = snapshots[0]?.id ?? BEFORE_FIRST
  const entries = disk.entries.filter(({ index }) => index > base.index)
  let first = entries.length
  let size = 0
  while (first > 0 && size + sizeOf(entries[first - 1]!) <= tailBytesMax) size += sizeOf(entries[--first]!)
  const runs: TermRun[] = []
  for (const { term, index } of entries) if (term !== runs.at(-1)?.term) runs.push({ term, first: index })
  const before = snapshots[0] === undefined ? [] : [snapshots[0].configuration]
  const restored = {
    hardState: disk.hardState,
    base: { index: base.index, term: base.term },
    runs,
    tail: entries.slice(first),
    last: Math.max(lastIndexOf(disk), base.index),
    configurations: [...before, ...entries.flatMap(each => configurationOf(each) ?? [])],
    snapshots: snapshots.map(({ id, configuration }) => ({ id, configuration })),
  }
  return { restored, cut }
}

function finishInstall(disk: Disk): boolean {
  const newest = disk.snapshots.at(-1)
  if (newest === undefined) return false
  const { id, origin } = newest
  if (disk.hardState.clusterId === null) throw new Error('a snapshot, and neither term nor vote beside it')
  if (disk.base > id.index) throw new Error(`entries behind snapshot ${id.index} are missing`)
  const reaches = lastIndexOf(disk) >= id.index
  if (reaches && (disk.base === id.index || entryAt(disk, id.index)!.term === id.term)) return false
  if (origin === 'taken') throw new Error(`the log ends before snapshot ${id.index}, which was made here`)
  disk.base = id.index
  disk.entries.length = 0
  return true
}
