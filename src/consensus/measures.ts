import type { DiskWatch } from './disk-watch.ts'
import type { LinearizableReads } from './linearizable-reads.ts'
import type { Proposals } from './proposals.ts'
import type { Snapshots } from './snapshots.ts'

/** What the room has counted and timed since it was opened: plain numbers, for whoever looks. Times in milliseconds. */
export type Measures = {
  readonly proposals: Pick<Proposals, 'inFlight' | 'latencyMs' | 'refused' | 'timedOut'>
  readonly reads: Pick<LinearizableReads, 'waiting' | 'confirmed' | 'unconfirmed'>
  readonly disk: Pick<DiskWatch, 'isSlow' | 'oldestMs' | 'writeMs'>
  readonly snapshots: Pick<Snapshots, 'counts' | 'lastMs' | 'lastBytes' | 'bytesSince' | 'ageMs'>
}
