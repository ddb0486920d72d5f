import type { StoredEntry } from './durable-log.ts'

/** An entry that is committed, and the term of whoever knew it first. */
export type CommittedEntry = { readonly entry: StoredEntry; readonly knownIn: number }

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
