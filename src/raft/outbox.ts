import type { Index } from './entry.ts'
import type {
  Output,
  ProposalResult,
  ReadIndexResult,
  ReadRequest,
  Refusal,
  SnapshotPart,
  SnapshotRead,
} from './io.ts'
import type { Envelope } from './message.ts'
import type { Snapshot } from './snapshot.ts'

/** What has come up for the driver since it last asked. */
export class Outbox {
  messages: Envelope[] = []
  reads: ReadRequest[] = []
  snapshotReads: SnapshotRead[] = []
  snapshotParts: SnapshotPart[] = []
  install: Snapshot | null = null
  dropBefore: Index = 0
  proposals: ProposalResult[] = []
  readIndexes: ReadIndexResult[] = []
  refusals: Refusal[] = []

  /** Empties it. */
  take(): Omit<Output, 'persist' | 'applyTo' | 'pinned' | 'nextDeadline'> {
    const { messages, reads, snapshotReads, snapshotParts, install, dropBefore } = this
    const { proposals, readIndexes, refusals } = this
    this.messages = []
    this.reads = []
    this.snapshotReads = []
    this.snapshotParts = []
    this.install = null
    this.dropBefore = 0
    this.proposals = []
    this.readIndexes = []
    this.refusals = []
    return {
      messages,
      reads,
      snapshotReads,
      snapshotParts,
      install,
      dropBefore,
      proposals,
      readIndexes,
      refusals,
    }
  }
}
