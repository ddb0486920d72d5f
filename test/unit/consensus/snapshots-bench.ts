import { Snapshots } from '../../../src/consensus/snapshots.ts'
import { SnapshotStore } from '../../../src/log/snapshot-store.ts'
import type { Input, SnapshotPart } from '../../../src/raft/io.ts'
import type { SnapshotId } from '../../../src/raft/snapshot.ts'
import { MemoryDisk } from '../log/memory-disk.ts'
import {
  configurationAt,
  entriesAfter,
  foreignSnapshot,
  founding,
  HARD,
  SNAPSHOTS,
  textsOf,
} from './disk-history.ts'
import { FakeClock } from './fake-clock.ts'
import { Tape } from './tape.ts'

export const ENTRIES = [founding(), ...entriesAfter({ entries: [founding()], hard: HARD }, 1, 11, 200)]
export const CONFIGURATION = configurationAt(ENTRIES, 1)
export const LATER = { index: 6, term: 1 }

/** {@link Snapshots} over a disk in memory; what it tells the core is noted. */
export class Bench {
  readonly clock = new FakeClock()
  readonly disk: MemoryDisk
  readonly store: SnapshotStore
  readonly tape = new Tape(textsOf(ENTRIES.slice(0, 6)))
  readonly steps: Input[] = []
  readonly events: string[] = []
  readonly fatal: unknown[] = []
  renewals = 0
  readonly snapshots: Snapshots

  constructor(disk = new MemoryDisk(), snapshotBytesMin = 1000) {
    this.disk = disk
    this.store = new SnapshotStore(disk, SNAPSHOTS)
    this.snapshots = new Snapshots(
      { snapshotBytesMin },
      {
        store: this.store,
        clock: this.clock,
        stateMachine: this.tape,
        events: {
          snapshotTaken: ({ index }, ms) => void this.events.push(`taken ${index} in ${ms} ms`),
          snapshotInstalled: ({ index }, from) => void this.events.push(`installed ${index} of ${from}`),
          snapshotFailed: reason => void this.events.push(`failed: ${reason}`),
        },
        step: input => void this.steps.push(input),
        fail: error => void this.fatal.push(error),
        renew: () => {
          this.renewals += 1
          this.snapshots.take(LATER, CONFIGURATION)
        },
      },
    )
  }

  /** What the core was told, shortly. */
  told(): string[] {
    return this.steps.splice(0).map(input => {
      if (input.type === 'snapshotStored') return `stored ${input.offset}`
      if (input.type === 'snapshotReceived') return `received ${input.snapshot.id.index}`
      if (input.type === 'snapshotTaken') return `taken ${input.snapshot.id.index}`
      if (input.type === 'snapshotRead') return `read ${input.data?.length}`
      return input.type
    })
  }

  async receive(snapshot: SnapshotId, offset: number, data: Uint8Array): Promise<string[]> {
    this.snapshots.store(part(snapshot, offset, data))
    await this.clock.runAll()
    return this.told()
  }
}

export function part(snapshot: SnapshotId, offset: number, data: Uint8Array): SnapshotPart {
  return {
    from: 3,
    fromUuid: 'disk-3',
    message: { type: 'installSnapshot', term: 2, session: 2, snapshot, offset, data },
  }
}

/** What the leader of the others sends. */
export const leaders = () => foreignSnapshot(ENTRIES, 12)

export function bound(disk?: MemoryDisk) {
  const bench = new Bench(disk)
  return { ...bench, snapshots: bench.snapshots, told: () => bench.told(), bench }
}
