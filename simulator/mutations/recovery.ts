import { CONSENSUS, RECOVERY } from './files.ts'
import { type Mutation, mutation } from './mutation.ts'

/** Bugs in what a start makes of it. */
export const RECOVERY_BUGS: readonly Mutation[] = [
  mutation(
    'a torn write is taken for damage',
    'T35',
    RECOVERY,
    "return unfinished ? null : 'the last frame is damaged, and not by a write that was cut short'",
    "return unfinished && header !== null && header.bytes > 1_000_000 ? null : 'the last frame is damaged, and not by a write that was cut short'",
  ),
  mutation(
    'damage at the end is taken for a torn write',
    'T35',
    RECOVERY,
    "return unfinished ? null : 'the last frame is damaged, and not by a write that was cut short'",
    'return unfinished ? null : null',
  ),
  mutation(
    'damage before the end is taken for a torn write',
    'T35',
    RECOVERY,
    "if (behind) return 'a frame is damaged, and it is not the last one'",
    'if (behind) return null',
  ),
  mutation(
    'what is applied is not what the image holds after a restart',
    'T37',
    CONSENSUS,
    'this.#leadership = this.#currentLeadership()\n    this.#electionTimeoutMs',
    'this.#applied = this.#raft.status(this.#now()).commit\n    this.#leadership = this.#currentLeadership()\n    this.#electionTimeoutMs',
  ),
]
