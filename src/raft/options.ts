import type { Entry, EntryId, HardState, Index, Milliseconds, NodeId } from './entry.ts'
import type { TermRun } from './log-view.ts'
import type { Snapshot } from './snapshot.ts'
import type { Configuration } from './voters.ts'

/** How a node behaves. Times in milliseconds, sizes in bytes. */
export type RaftOptions = {
  readonly id: NodeId
  /** UUID of this data directory. */
  readonly uuid: string
  /** Voters that the configuration file names; counts only while the cluster is founded. */
  readonly configuredVoters: readonly NodeId[]
  /** The id of the cluster, should this node come to found one. */
  readonly newClusterId: string
  readonly electionTimeoutMs: Milliseconds
  /** Each election timeout is longer by a random part of this. */
  readonly electionJitterMs: Milliseconds
  readonly heartbeatIntervalMs: Milliseconds
  /** How long a commit waits for an append to ride on before a message of its own tells it. */
  readonly commitNoticeDelayMs: Milliseconds
  readonly appendBytesMax: number
  readonly snapshotPartBytes: number
  /** Reads that may wait for confirmation at once. */
  readonly readsMax: number
  readonly inflightCountMax: number
  readonly inflightBytesMax: number
  readonly uncommittedBytesMax: number
  /** Newest entries kept in memory for followers that lag. */
  readonly tailBytesMax: number
  /** A number in [0, 1): the one source of chance. */
  readonly random: () => number
}

/**
 * What recovery read from disk. The log begins behind `base`; `tail` holds its newest entries, `runs` covers all of it.
 * `snapshots`: the one that the state machine starts from comes last, and before it the one that the log reaches back to.
 */
export type Restored = {
  readonly hardState: HardState
  readonly base: EntryId
  readonly runs: readonly TermRun[]
  readonly tail: readonly Entry[]
  readonly last: Index
  readonly configurations: readonly Configuration[]
  readonly snapshots: readonly Snapshot[]
}
