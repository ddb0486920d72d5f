import type { EntryId } from './entry.ts'
import type { Configuration } from './voters.ts'

/**
 * Names one snapshot: the last entry that it covers, and its file. Two nodes may write the same state differently, so a
 * part of one file continues another file only where length and checksum are the same.
 */
export type SnapshotId = EntryId & { readonly bytes: number; readonly checksum: number }

/** What the core knows of a snapshot: what it covers, and who voted there (section 7). */
export type Snapshot = { readonly id: SnapshotId; readonly configuration: Configuration }

export function sameSnapshot(a: SnapshotId, b: SnapshotId): boolean {
  return a.index === b.index && a.term === b.term && a.bytes === b.bytes && a.checksum === b.checksum
}
