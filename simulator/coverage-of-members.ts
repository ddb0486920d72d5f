import type { Configuration, Voter } from '../src/raft/voters.ts'
import type { Counter } from './coverage.ts'

/** What the step from one committed configuration to the next means for the members. */
export function changesBetween(
  before: Configuration,
  after: Configuration,
  leader: number | undefined,
): Counter[] {
  if (after.learners.length > before.learners.length) return ['learnersAdded']
  const { outgoing } = before
  if (outgoing === null || after.outgoing !== null) return []
  const joined = lacking(after.voters, outgoing)
  const left = lacking(outgoing, after.voters)
  return [
    ...(joined.length > 0 && left.length > 0 ? (['votersReplaced'] as const) : []),
    ...(joined.length > 0 && left.length === 0 ? (['votersAdded'] as const) : []),
    ...(left.length > 0 && joined.length === 0 ? (['votersRemoved'] as const) : []),
    ...(left.some(({ id }) => id === leader) ? (['leadersRemoved'] as const) : []),
  ]
}

/** Those of the one set that are not in the other. */
function lacking(set: readonly Voter[], other: readonly Voter[]): Voter[] {
  return set.filter(({ uuid }) => !other.some(voter => voter.uuid === uuid))
}
