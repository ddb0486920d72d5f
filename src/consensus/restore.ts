import type { Log } from '../log/log.ts'
import { DamagedLog } from '../log/log.ts'
import type { Restored } from '../raft/core.ts'
import { BLANK_HARD_STATE, type Entry, sizeOf } from '../raft/entry.ts'
import type { TermRun } from '../raft/log-view.ts'
import { type Configuration, configurationOf } from '../raft/voters.ts'
import { decodeEntry, decodeHardState } from './entry-codec.ts'

const READ_BYTES = 1024 * 1024

/** What the core must know of a log: hard state, where each term starts, the newest entries, who votes. */
export function restore(log: Log, tailBytesMax: number): Restored {
  const hardState = log.state === null ? BLANK_HARD_STATE : decodeHardState(log.state)
  if (hardState.commit > log.lastIndex) {
    throw new DamagedLog(
      `the log ends with entry ${log.lastIndex}, but entry ${hardState.commit} was committed: its end is missing. ` +
        'Restore this data directory from a copy of the disk.',
    )
  }
  const runs: TermRun[] = []
  let tail: Entry[] = []
  let tailBytes = 0
  let configuration: Configuration | null = null
  for (const entry of entriesOf(log)) {
    if (entry.term > (runs.at(-1)?.term ?? 0)) runs.push({ term: entry.term, first: entry.index })
    configuration = configurationOf(entry) ?? configuration
    tail.push(entry)
    tailBytes += sizeOf(entry)
    if (tailBytes <= 2 * tailBytesMax) continue
    // Whole halves go at once; what remains is at least what the core would keep.
    let dropped = 0
    while (tailBytes > tailBytesMax) tailBytes -= sizeOf(tail[dropped++]!)
    tail = tail.slice(dropped)
  }
  return { hardState, runs, tail, last: log.lastIndex, configuration }
}

/** Every entry of the log, oldest first. */
export function* entriesOf(log: Log): Generator<Entry> {
  for (let index = log.firstIndex; index <= log.lastIndex; ) {
    for (const bytes of log.read(index, log.lastIndex, READ_BYTES)) yield decodeEntry(index++, bytes)
  }
}
