import type { CommitInvariants } from './commits.ts'
import type { ConfigurationInvariants } from './configurations.ts'
import type { DurableLog } from './durable-log.ts'
import type { Ledger } from './ledger.ts'
import type { Look } from './look.ts'
import { violated } from './violation.ts'

/** What holds for leaders and terms: I1, I3, I7, I10 to I12. */
export class ElectionInvariants {
  readonly #ledger: Ledger
  readonly #commits: CommitInvariants
  readonly #configurations: ConfigurationInvariants
  /** What each run of a process said last. */
  readonly #before = new WeakMap<object, { term: number; commit: number; applied: number; role: string }>()
  readonly #leading = new Map<DurableLog, number>()
  #changes = 0

  constructor(ledger: Ledger, commits: CommitInvariants, configurations: ConfigurationInvariants) {
    this.#ledger = ledger
    this.#commits = commits
    this.#configurations = configurations
  }

  /** How many leaders there have been. */
  get count(): number {
    return this.#changes
  }

  check(look: Look): void {
    const { process, status, log } = look
    const { id, term, commit, applied, role, leader } = status
    const before = this.#before.get(process)
    if (before !== undefined && (term < before.term || commit < before.commit || applied < before.applied))
      violated(
        'I10',
        `node ${id} goes back from ${JSON.stringify(before)} to ${JSON.stringify({ term, commit, applied })}`,
      )
    if (
      before === undefined ||
      before.term !== term ||
      before.commit !== commit ||
      before.applied !== applied ||
      before.role !== role
    )
      this.#before.set(process, { term, commit, applied, role })
    const known = this.#ledger.leaders.get(term)
    if (known !== undefined && leader !== null && leader !== known)
      violated('I11', `node ${id} follows ${leader} in term ${term}, which ${known} leads`)
    if (role !== 'LEADER') {
      this.#leading.delete(log)
      return
    }
    if (known === undefined) this.#elected(look)
    if (before?.role === 'LEADER' && before.term === term && commit > before.commit) this.#commitsItsOwn(look)
    this.#leading.set(log, term)
  }

  /** I3: every entry that somebody of an earlier term knew to be committed is on the device of the new leader. */
  #elected(look: Look): void {
    const {
      status: { id, term },
      log,
    } = look
    this.#ledger.leaders.set(term, id)
    this.#changes += 1
    const needed = this.#ledger.committedBefore(term)
    if (this.#commits.agreed(log) < needed)
      violated(
        'I3',
        `the leader of term ${term}, node ${id}, lacks committed entry ${this.#commits.agreed(log) + 1}`,
      )
    this.#configurations.elected(look)
    if (log.hardState.term !== term || log.hardState.votedFor !== id)
      violated('I17', `node ${id} leads term ${term}, but its device says ${JSON.stringify(log.hardState)}`)
  }

  /** Section 5.4.2: a leader commits by counting only what is of its own term. */
  #commitsItsOwn({ status: { id, term, commit } }: Look): void {
    const of = this.#ledger.at(commit)?.entry.term
    if (of !== undefined && of !== term)
      violated(
        'T1',
        `the leader of term ${term}, node ${id}, commits entry ${commit} of term ${of} by counting`,
      )
  }

  /** I7: a log that goes on in a later term than that in which an entry was committed has the entry. */
  saved(log: DurableLog): void {
    const needed = this.#ledger.committedBefore(log.last.term)
    const agreed = this.#commits.agreed(log)
    if (agreed < needed)
      violated('I7', `a log that ends in term ${log.last.term} lacks committed entry ${agreed + 1}`)
  }

  /** I12: who leads only appends. */
  cut(log: DurableLog, from: number): void {
    const term = this.#leading.get(log)
    if (term !== undefined) violated('I12', `the leader of term ${term} cuts its log at ${from}`)
  }
}
