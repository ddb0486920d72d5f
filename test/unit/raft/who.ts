import type { Entry, NodeId } from '../../../src/raft/entry.ts'
import type { Configuration, Voter } from '../../../src/raft/voters.ts'
import { entryAt } from './disk.ts'
import type { Node } from './node.ts'

/** Quorums by the words of the paper, apart from `src/raft/quorum.ts`: a mistake there must not hide itself. */
export function isQuorum(
  { voters, outgoing }: Configuration,
  has: (id: NodeId, uuid: string) => boolean,
): boolean {
  const most = (set: readonly Voter[]): boolean =>
    set.filter(({ id, uuid }) => has(id, uuid)).length * 2 > set.length
  return most(voters) && (outgoing === null || most(outgoing))
}

/** One step of membership: into joint consensus, out of it, or another set of learners. */
export function changesOneSet(before: Configuration, after: Configuration): boolean {
  const ids = (voters: readonly Voter[] | null) => JSON.stringify(voters?.map(({ id, uuid }) => [id, uuid]))
  if (before.outgoing !== null) return after.outgoing === null && ids(after.voters) === ids(before.voters)
  if (after.outgoing !== null) return ids(after.outgoing) === ids(before.voters)
  return ids(after.voters) === ids(before.voters)
}

/** On its disk, as an entry or in a snapshot, and not about to be cut. */
export function holds({ disk, pending }: Node, { index, term }: Entry): boolean {
  // A snapshot holds what is committed, and nothing takes it away.
  if (disk.snapshots.some(({ id }) => id.index >= index)) return true
  const cut = pending.some(
    ({ truncateFrom, resetTo }) =>
      (truncateFrom !== null && truncateFrom <= index) || (resetTo !== null && resetTo < index),
  )
  return entryAt(disk, index)?.term === term && !cut
}
