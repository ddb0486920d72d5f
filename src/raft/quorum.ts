import { assert } from '../base/assert.ts'
import type { Index } from './entry.ts'

/** The least number of voters that any two such sets share a member of. */
export function majority(voters: number): number {
  assert(voters > 0, 'a quorum needs a voter')
  return Math.floor(voters / 2) + 1
}

/** The highest index that a majority holds, given the index each voter holds durably. */
export function quorumIndex(matches: readonly Index[]): Index {
  const descending = matches.toSorted((a, b) => b - a)
  return descending[majority(matches.length) - 1]!
}
