import { READS } from './files.ts'
import { type Mutation, mutation } from './mutation.ts'

/** Bugs in linearizable reads. */
export const READS_BUGS: readonly Mutation[] = [
  mutation(
    'a read is served without asking whether the leader still leads',
    'T24',
    READS,
    'for (const read of reads.confirmed(round))',
    'for (const read of reads.confirmed(round + 1_000))',
  ),
  mutation(
    'an answer to an earlier round of heartbeats confirms a read',
    'T24',
    'src/raft/reads.ts',
    'round: this.round + 1 })',
    'round: this.round })',
  ),
  mutation(
    'a new leader serves reads before it has committed anything',
    'T23',
    READS,
    'core.commit >= firstIndex ? core.commit : null',
    'core.commit',
  ),
  mutation(
    'a follower reads before it has applied what it must',
    'I20',
    'src/consensus/linearizable-reads.ts',
    'if (index <= this.#applied) read.done.resolve(index)',
    'read.done.resolve(index)',
  ),
]
