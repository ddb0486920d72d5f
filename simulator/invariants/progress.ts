import { decodeEntry } from '../../src/consensus/entry-codec.ts'
import { sizeOf } from '../../src/raft/entry.ts'
import type { VoterStatus } from '../../src/raft/io.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { StoredEntry } from './durable-log.ts'
import { same } from './ledger.ts'
import type { Look } from './look.ts'
import { isQuorum, reachedByQuorum } from './quorums.ts'
import { violated } from './violation.ts'

/** Timers fire late, and clocks tick coarsely. */
const LATE_MS = 60

/** What a leader believes of its followers: I14, I18, and the bound on what is not committed (I19). */
export class ProgressInvariants {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  check(look: Look): void {
    if (look.status.role !== 'LEADER') return
    for (const member of [...look.status.voters, ...look.status.learners]) this.#match(look, member)
    this.#commitsWhatItMay(look)
    this.#boundsWhatIsOpen(look)
    this.#hearsItsMajority(look)
  }

  /** I14, and more: what counts as matched is on the follower's device, and the same there. */
  #match({ status, log }: Look, member: VoterStatus): void {
    const { id, uuid } = member
    const match = member.match ?? 0
    const next = member.next ?? 0
    if (match < 0 || match >= next || next > status.last.index + 1)
      violated(
        'I14',
        `leader ${status.id} has match ${match} and next ${next} for node ${id}, its log ends at ${status.last.index}`,
      )
    const theirs = this.#cluster.driveOf(uuid)?.log
    if (theirs === undefined) violated('I16', `leader ${status.id} counts on drive ${uuid}, which is nowhere`)
    theirs.refresh()
    // Who has gone on to a later term may have cut what this leader once counted.
    if (match === 0 || theirs.hardState.term > status.term) return
    const entry = theirs.at(match)
    if (entry === undefined)
      violated(
        'I14',
        `leader ${status.id} counts node ${id} up to ${match}, its device ends at ${theirs.lastIndex}`,
      )
    const own = log.at(match)
    if (own !== undefined && !same(own, entry))
      violated('I14', `leader ${status.id} counts entry ${match} of node ${id}, where another one is`)
  }

  /** I18: the commit rule was called everywhere it must be. */
  #commitsWhatItMay({ process, status, log }: Look): void {
    const matches = new Map(status.voters.map(({ id, match }) => [id, match ?? 0]))
    const configuration = process.node!.consensus.configuration!
    const held = reachedByQuorum(configuration, ({ id }) => matches.get(id)!)
    if (held > status.commit && log.at(held)?.term === status.term)
      violated('I18', `leader ${status.id} could commit entry ${held}, and is at ${status.commit}`)
  }

  /** T32: a leader that a majority no longer answers is not one for long. Its own stalls do not count. */
  #hearsItsMajority({ status, process }: Look): void {
    const { electionTimeoutMs, heartbeatIntervalMs } = this.#cluster.plan.raft
    const limitMs = electionTimeoutMs + 2 * heartbeatIntervalMs + LATE_MS
    const disturbedAt = Math.max(process.life.resumedAt, process.machine.clock.driftedAt)
    if (this.#cluster.timeline.now - disturbedAt < 4 * limitMs) return
    const live = status.voters
      .filter(({ contactAgeMs }) => (contactAgeMs ?? 0) <= limitMs)
      .map(({ id }) => id)
    if (!isQuorum(process.node!.consensus.configuration!, ({ id }) => live.includes(id)))
      violated('T32', `leader ${status.id} hears ${live.join(', ')} only, and leads on`)
  }

  /** I19: one entry may always wait for its commit; beyond it, no more than the limit. */
  #boundsWhatIsOpen({ status, log }: Look): void {
    const own = (entry: StoredEntry | undefined): entry is StoredEntry => entry?.term === status.term
    let bytes = 0
    let largest = 0
    for (let index = status.commit + 1; index <= log.lastIndex; index++) {
      const entry = log.at(index)
      if (!own(entry)) continue
      const size = sizeOf(decodeEntry(index, entry.record))
      bytes += size
      largest = Math.max(largest, size)
    }
    const { uncommittedBytesMax } = this.#cluster.plan.raft
    if (bytes > uncommittedBytesMax + largest)
      violated(
        'I19',
        `leader ${status.id} has ${bytes} bytes without commit, allowed are ${uncommittedBytesMax}`,
      )
  }
}
