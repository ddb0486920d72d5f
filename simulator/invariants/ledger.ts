import type { Configuration } from '../../src/raft/voters.ts'
import type { StoredEntry } from './durable-log.ts'

/** An entry that is committed, the term of whoever knew it first, and the configuration under which it was. */
export type CommittedEntry = {
  readonly entry: StoredEntry
  readonly knownIn: number
  readonly under: Configuration
}

/** What the run has seen so far and nobody may contradict. */
export class Ledger {
  /** By index; position 0 is index 1. */
  readonly committed: CommittedEntry[] = []
  readonly leaders = new Map<number, number>()

  get lastCommitted(): number {
    return this.committed.length
  }

  at(index: number): CommittedEntry | undefined {
    return this.committed[index - 1]
  }

  /** The last index known to be committed by somebody of an earlier term than this: every leader of the term has it. */
  committedBefore(term: number): number {
    const position = this.committed.findLastIndex(({ knownIn }) => knownIn < term)
    return position + 1
  }
}

/** True when two logs have the very same bytes there; the term is among them. */
export function same(a: StoredEntry, b: StoredEntry): boolean {
  return a.record === b.record || a.record.equals(b.record)
}
