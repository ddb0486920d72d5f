import { assert } from '../base/assert.ts'
import type { Index, NodeId } from './entry.ts'
import type { Configuration, Voter } from './voters.ts'

/** Majorities (section 5.2), and both majorities while a change of voters is under way (joint consensus, section 6). */

/** The least number of voters that any two such sets share a member of. */
export function majority(voters: number): number {
  assert(voters > 0, 'a quorum needs a voter')
  return Math.floor(voters / 2) + 1
}

/** True when the nodes that `has` names are a quorum: a majority of the voters, and of those that they replace. */
export function hasQuorum(configuration: Configuration, has: (id: NodeId) => boolean): boolean {
  return electorates(configuration).every(voters => {
    const count = voters.reduce((sum, { id }) => sum + Number(has(id)), 0)
    return count >= majority(voters.length)
  })
}

/** The highest value that a quorum reaches, given the value of each voter. */
export function quorumIndex(configuration: Configuration, reachedBy: (id: NodeId) => Index): Index {
  const reached = electorates(configuration).map(voters => {
    const descending = voters.map(({ id }) => reachedBy(id)).sort((a, b) => b - a)
    return descending[majority(voters.length) - 1]!
  })
  return Math.min(...reached)
}

function electorates({ voters, outgoing }: Configuration): (readonly Voter[])[] {
  return outgoing === null ? [voters] : [voters, outgoing]
}
