import { messageOf } from '../base/errors.ts'
import { DamagedLog, type Log } from '../log/log.ts'
import type { SnapshotStore, StoredSnapshot } from '../log/snapshot-store.ts'
import { BEFORE_FIRST, BLANK_HARD_STATE, type Entry, type EntryId, sizeOf } from '../raft/entry.ts'
import type { TermRun } from '../raft/log-view.ts'
import type { Restored } from '../raft/options.ts'
import type { Snapshot } from '../raft/snapshot.ts'
import { type Configuration, configurationOf } from '../raft/voters.ts'
import { decodeEntry, decodeHardState } from './entry-codec.ts'
import { snapshotOf } from './snapshot-head.ts'
import type { StateMachine } from './state-machine.ts'

const READ_BYTES = 1024 * 1024

/**
 * Brings a node back to what its disk holds: the state machine to the newest snapshot that is sound, and the core to the
 * log from the older one on.
 *
 * | found | done |
 * |---|---|
 * | no snapshot, a log from entry 1 on | the log is replayed |
 * | snapshots, and the log goes on behind the newest | the state of the newest; the log from the older one on |
 * | the newest is damaged, the log reaches back to the one before | told, and started from that one |
 * | the newest was received, and the log ends before it or parts from it | an install was cut short: the log begins anew |
 * | the newest was taken here, and the log ends before it | refused: the end of the log is missing |
 * | a snapshot, but no term and vote beside it | refused: the log is missing |
 * | the log begins behind what the snapshots cover | refused: entries are missing |
 * | the log and the snapshots end before the commit index | refused: the end of the log is missing |
 */
export async function restore(
  log: Log,
  store: SnapshotStore,
  stateMachine: StateMachine,
  tailBytesMax: number,
): Promise<{ restored: Restored; damaged: string[] }> {
  const hardState = log.state === null ? BLANK_HARD_STATE : decodeHardState(log.state)
  const { snapshots, damaged } = usable(log, store, stateMachine)
  const newest = snapshots.at(-1)
  if (log.state === null && (newest !== undefined || damaged.length > 0)) throw withoutLog(damaged)
  if (newest !== undefined) await continueBehind(log, store, newest)
  else if (log.firstIndex > 1) throw missing(log, damaged)
  if (hardState.commit > Math.max(log.lastIndex, newest?.id.index ?? 0)) {
    throw new DamagedLog(
      `the log ends with entry ${log.lastIndex}, but entry ${hardState.commit} was committed: its end is missing. ` +
        'Restore this data directory from a copy of the disk.',
    )
  }
  const kept = snapshots.filter(({ id }) => id.index + 1 >= log.firstIndex)
  const base: EntryId = kept[0]?.id ?? BEFORE_FIRST
  const configurations = kept[0] === undefined ? [] : [kept[0].configuration]
  const read = readLog(log, base.index + 1, tailBytesMax)
  const restored = {
    hardState,
    base: { index: base.index, term: base.term },
    runs: read.runs,
    tail: read.tail,
    last: Math.max(log.lastIndex, base.index),
    configurations: [...configurations, ...read.configurations],
    snapshots: kept,
  }
  return { restored, damaged }
}

/** Puts the newest sound snapshot into force. Returns it, with the one before it if there is one, oldest first. */
function usable(log: Log, store: SnapshotStore, stateMachine: StateMachine) {
  const damaged = [...store.damaged]
  for (let i = store.list.length - 1; i >= 0; i--) {
    const stored = store.list[i]!
    // An older one helps only where the log goes on behind it.
    if (damaged.length > 0 && stored.name.index + 1 < log.firstIndex) break
    const snapshot = tryRestore(store, stored, stateMachine, damaged)
    if (snapshot === null) continue
    const before = i === 0 ? null : tryDescribe(store.list[i - 1]!, damaged)
    return { snapshots: [...(before === null ? [] : [before]), snapshot], damaged }
  }
  return { snapshots: [], damaged }
}

function tryRestore(
  store: SnapshotStore,
  stored: StoredSnapshot,
  stateMachine: StateMachine,
  damaged: string[],
): Snapshot | null {
  try {
    const snapshot = snapshotOf(stored)
    const restoration = stateMachine.restore()
    for (const piece of store.pieces(stored)) restoration.take(piece)
    restoration.end()
    restoration.install()
    return snapshot
  } catch (error) {
    damaged.push(messageOf(error))
    return null
  }
}

/** The one before is not read, as long as nobody needs it. */
function tryDescribe(stored: StoredSnapshot, damaged: string[]): Snapshot | null {
  try {
    return snapshotOf(stored)
  } catch (error) {
    damaged.push(messageOf(error))
    return null
  }
}

/** Makes the log go on behind the snapshot, where an install was cut short. */
async function continueBehind(log: Log, store: SnapshotStore, { id }: Snapshot): Promise<void> {
  if (log.firstIndex > id.index + 1) throw missing(log, [])
  const reaches = log.lastIndex >= id.index
  // The entry itself may be dropped already; what follows it was checked when it was.
  if (reaches && (log.firstIndex > id.index || termAt(log, id.index) === id.term)) return
  const received = store.list.find(({ name }) => name.index === id.index)?.origin === 'received'
  if (!received) {
    throw new DamagedLog(
      `this node made a snapshot of entry ${id.index} of term ${id.term}, but its log ends with entry ${log.lastIndex}` +
        `${reaches ? ', and has another entry there' : ''}: its end is missing. Restore this data directory from a copy of the disk.`,
    )
  }
  await log.append({ resetTo: id.index, truncateFrom: null, firstIndex: 0, records: [], state: null })
}

function termAt(log: Log, index: number): number {
  return decodeEntry(index, log.read(index, index, 1)[0]!).term
}

function withoutLog(damaged: readonly string[]): DamagedLog {
  const which = damaged.length > 0 ? ` (${damaged.join('; ')})` : ''
  return new DamagedLog(
    `there are snapshots${which}, but no log: the term and the vote of this node are lost. ` +
      'Restore this data directory from a copy of the disk.',
  )
}

function missing(log: Log, damaged: readonly string[]): DamagedLog {
  const why = damaged.length > 0 ? ` (${damaged.join('; ')})` : ''
  return new DamagedLog(
    `the log begins with entry ${log.firstIndex}, and no sound snapshot covers what was before${why}. ` +
      'Restore this data directory from a copy of the disk, or remove the node with dmq quorum remove, empty the directory, and add it again.',
  )
}

/** Where each term starts, the newest entries and the configurations, from one entry on. */
function readLog(log: Log, first: number, tailBytesMax: number) {
  const runs: TermRun[] = []
  let tail: Entry[] = []
  let tailBytes = 0
  const configurations: Configuration[] = []
  for (const entry of entriesOf(log, first)) {
    if (entry.term > (runs.at(-1)?.term ?? 0)) runs.push({ term: entry.term, first: entry.index })
    const configuration = configurationOf(entry)
    if (configuration !== null) configurations.push(configuration)
    tail.push(entry)
    tailBytes += sizeOf(entry)
    if (tailBytes <= 2 * tailBytesMax) continue
    // Whole halves go at once; what remains is at least what the core would keep.
    let dropped = 0
    while (tailBytes > tailBytesMax) tailBytes -= sizeOf(tail[dropped++]!)
    tail = tail.slice(dropped)
  }
  return { runs, tail, configurations }
}

/** Entries of the log from `first` on, oldest first. */
export function* entriesOf(log: Log, first = log.firstIndex): Generator<Entry> {
  for (let index = Math.max(first, log.firstIndex); index <= log.lastIndex; ) {
    for (const bytes of log.read(index, log.lastIndex, READ_BYTES)) yield decodeEntry(index++, bytes)
  }
}
