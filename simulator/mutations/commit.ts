import { CORE, REPLICATION } from './files.ts'
import { type Edit, type Mutation, mutation } from './mutation.ts'

/**
 * A follower may reject without saying where the logs part; then the leader starts from the first entry. With good hints
 * it never sends what a follower has already, and some bugs can't show.
 */
export const NO_HINTS: Edit = {
  file: REPLICATION,
  find: 'const hint = core.log.lastWithTermAtMost(Math.min(rejected, core.log.lastIndex), append.prev.term)',
  replace: 'const hint = { index: 0, term: 0 }',
}

/** Bugs in what counts as committed. */
export const COMMIT_BUGS: readonly Mutation[] = [
  mutation(
    'entries of earlier terms commit by counting',
    'T1',
    REPLICATION,
    'if (index <= core.commit || core.log.termAt(index) !== core.term) return',
    'if (index <= core.commit) return',
  ),
  mutation(
    'half of an even number is a majority',
    'T9',
    'src/raft/quorum.ts',
    'Math.floor(voters / 2) + 1',
    'Math.floor((voters + 1) / 2)',
  ),
  mutation(
    'one voter less is enough to commit',
    'T9',
    'src/raft/quorum.ts',
    'return descending[majority(voters.length) - 1]!',
    'return descending[Math.max(0, majority(voters.length) - 2)]!',
  ),
  {
    id: 'a follower commits past what the append verified',
    bugClass: 'T5',
    edits: [
      NO_HINTS,
      {
        file: REPLICATION,
        find: 'core.commitTo(Math.min(append.commit, matched))',
        replace: 'core.commitTo(Math.min(append.commit, core.log.lastIndex))',
      },
    ],
  },
  mutation(
    'heartbeats carry a commit index beyond the match',
    'T5',
    REPLICATION,
    'const commit = Math.min(core.commit, progress.match)\n    const { term } = core',
    'const commit = core.commit\n    const { term } = core',
  ),
  mutation(
    'a leader counts what it has not synced',
    'T28',
    REPLICATION,
    'id === core.options.id ? core.durability.durable :',
    'id === core.options.id ? core.log.lastIndex :',
  ),
  mutation(
    'entries are applied before they are durable here',
    'T28',
    CORE,
    'applyTo: Math.max(this.applied, Math.min(this.commit, this.durability.durable))',
    'applyTo: this.commit',
  ),
]
