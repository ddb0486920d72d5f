import type { HardState } from '../../src/raft/entry.ts'
import type { DurableLog, StoredEntry } from './durable-log.ts'
import { same } from './ledger.ts'
import { violated } from './violation.ts'

/**
 * What holds for the logs on all devices, whoever wrote them: log matching (I2), terms in order (I15), and what is once
 * durable about term and vote never goes back, restarts included (I10).
 */
export class LogInvariants {
  /** Every entry that was ever on a device, by index and term, with the term of its predecessor there. */
  readonly #entries = new Map<string, { entry: StoredEntry; previous: number }>()
  #clusterId: string | null = null

  /** I2: two logs with an entry of the same index and term are equal up to it; by induction, from neighbour to neighbour. */
  added(log: DurableLog, index: number): void {
    const entry = log.at(index)!
    const previous = log.at(index - 1)?.term ?? 0
    if (entry.term < previous)
      violated('I15', `entry ${index} of term ${entry.term} follows one of term ${previous}`)
    const key = `${index} of term ${entry.term}`
    const known = this.#entries.get(key)
    if (known === undefined) {
      this.#entries.set(key, { entry, previous })
      return
    }
    if (!same(known.entry, entry)) violated('I2', `two entries ${key} differ`)
    if (known.previous !== previous)
      violated('I2', `the entries before ${key} differ: ${previous}, ${known.previous}`)
  }

  saved(log: DurableLog, before: HardState, after: HardState): void {
    if (after.term < before.term)
      violated('I10', `the durable term goes back from ${before.term} to ${after.term}`)
    if (after.commit < before.commit)
      violated('I10', `the durable commit index goes back from ${before.commit} to ${after.commit}`)
    const changed =
      after.term === before.term && before.votedFor !== null && after.votedFor !== before.votedFor
    if (changed)
      violated('I10', `two votes in term ${after.term}: ${before.votedFor}, then ${after.votedFor}`)
    if (log.last.term > after.term)
      violated('I15', `an entry of term ${log.last.term} in a log of term ${after.term}`)
    this.#inOneCluster(before, after)
  }

  #inOneCluster(before: HardState, after: HardState): void {
    if (before.clusterId !== null && after.clusterId !== before.clusterId)
      violated('I10', `a drive moves from cluster ${before.clusterId} to ${after.clusterId}`)
    if (after.clusterId === null) return
    this.#clusterId ??= after.clusterId
    if (after.clusterId !== this.#clusterId)
      violated('T17', `a second cluster ${after.clusterId} beside ${this.#clusterId}`)
  }
}
