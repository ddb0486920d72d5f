import { CONSENSUS, PROPOSALS } from './files.ts'
import { type Mutation, mutation } from './mutation.ts'

/** Bugs in what clients are told. */
export const ANSWERS_BUGS: readonly Mutation[] = [
  mutation(
    'whose entry was written over is told that it is committed',
    'I20',
    PROPOSALS,
    'if (pending.term !== term)',
    'if (pending.term <= 0)',
  ),
  mutation(
    'a write that timed out counts as done',
    'I20',
    PROPOSALS,
    'done.reject(unknownOutcome(`not committed within ',
    'done.resolve({ index: 1, result: { changes: [] } })\n      done.reject(unknownOutcome(`not committed within ',
  ),

  mutation(
    'what is being written counts as not done when the node fails',
    'I20',
    CONSENSUS,
    `      for (const result of output.proposals) this.#proposals.taken(result)
      if (output.persist !== null) this.#persist(output.persist)
      this.#sendAll(output)
      for (const request of output.reads) this.#read(request)`,
    `      if (output.persist !== null) this.#persist(output.persist)
      this.#sendAll(output)
      for (const request of output.reads) this.#read(request)
      for (const result of output.proposals) this.#proposals.taken(result)`,
  ),
]
