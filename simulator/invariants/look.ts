import type { Status } from '../../src/raft/io.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import type { DurableLog } from './durable-log.ts'

/** A node at rest after a step: what it says of itself, and what its device holds. */
export type Look = {
  readonly process: MetadataProcess
  readonly status: Status
  readonly log: DurableLog
}
