import type { Configuration, Voter } from '../../src/raft/voters.ts'

/** Quorums by the words of the paper, apart from `src/raft/quorum.ts`: a mistake there must not hide itself. */
export function isQuorum({ voters, outgoing }: Configuration, has: (voter: Voter) => boolean): boolean {
  const most = (set: readonly Voter[]): boolean => set.filter(has).length * 2 > set.length
  return most(voters) && (outgoing === null || most(outgoing))
}

/** The highest value that a quorum reaches. */
export function reachedByQuorum(configuration: Configuration, reached: (voter: Voter) => number): number {
  const { voters, outgoing } = configuration
  const values = [...voters, ...(outgoing ?? [])].map(reached)
  return Math.max(...values.filter(value => isQuorum(configuration, voter => reached(voter) >= value)))
}

/** One step of membership: into joint consensus, out of it, or another set of learners. */
export function changesOneSet(before: Configuration, after: Configuration): boolean {
  const ids = (voters: readonly Voter[] | null) => JSON.stringify(voters?.map(({ id, uuid }) => [id, uuid]))
  if (before.outgoing !== null) return after.outgoing === null && ids(after.voters) === ids(before.voters)
  if (after.outgoing !== null) return ids(after.outgoing) === ids(before.voters)
  return ids(after.voters) === ids(before.voters)
}
