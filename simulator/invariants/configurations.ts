import { type Configuration, electorsOf } from '../../src/raft/voters.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import type { DurableLog } from './durable-log.ts'
import type { Ledger } from './ledger.ts'
import type { Look } from './look.ts'
import { changesOneSet, isQuorum } from './quorums.ts'
import { violated } from './violation.ts'

/** Who votes: one change at a time (I9), the last one in the log is in force (I16), and elections are won by its quorum (I1). */
export class ConfigurationInvariants {
  readonly #cluster: Cluster
  readonly #ledger: Ledger
  /** Data directories that some log has, or had, for those of voters. */
  readonly #everVoters = new Set<string>()
  /** What each run of a process took for the configuration in force when it was last at rest. */
  readonly #before = new WeakMap<MetadataProcess, Configuration | null>()

  constructor(cluster: Cluster, ledger: Ledger) {
    this.#cluster = cluster
    this.#ledger = ledger
  }

  /** Comes after every other check of this look. */
  check(look: Look): void {
    const { process, status } = look
    const configuration = process.node!.consensus.configuration
    if (status.role === 'LEADER') this.#mayLead(configuration!, look)
    if (this.#before.get(process) === configuration) return
    this.#before.set(process, configuration)
    if (configuration !== null) this.#cluster.members.noted(configuration)
  }

  /**
   * T14: who is no member any more leads no longer than until that is committed; a learner, whom others could not do without, until
   * what it has is.
   */
  #mayLead({ index, voters, outgoing, learners }: Configuration, { status }: Look): void {
    const { id, uuid, commit, term } = status
    if (outgoing !== null || index > commit || voters.some(voter => voter.uuid === uuid)) return
    if (learners.some(learner => learner.uuid === uuid) && this.#ledger.at(commit)?.entry.term !== term)
      return
    violated('T14', `node ${id} leads, and configuration ${index}, which is committed, is without it`)
  }

  /**
   * What a commit of this step may rest on: what stands last on the device, whatever the node says; and what the node has
   * appended since, or had before the step, as long as it is later than that.
   */
  inForce({ process, log }: Look): Configuration[] {
    const stored = log.configurations.at(-1)
    const believed = [process.node!.consensus.configuration, this.#before.get(process) ?? null]
    const later = believed.filter(one => one !== null && one.index > (stored?.index ?? 0))
    return [...(stored === undefined ? [] : [stored]), ...(later as Configuration[])]
  }

  /**
   * I9: of two configurations that follow each other in a log, any two quorums share a member, and the first one was
   * committed before there was a second.
   */
  added(log: DurableLog): void {
    const [before, after] = log.configurations.slice(-2)
    for (const { uuid } of electorsOf(log.configurations.at(-1) ?? null)) this.#everVoters.add(uuid)
    if (before === undefined || after === undefined || after.index !== log.lastIndex) return
    if (!changesOneSet(before, after))
      violated('I9', `configuration ${show(after)} follows ${show(before)}: too far in one step`)
    if (before.index > (this.#cluster.members.committed?.index ?? 0))
      violated('I9', `configuration ${show(after)} follows ${show(before)}, which is not committed`)
  }

  /** I16: while nothing is on its way to the device, the last one there is in force. */
  rests({ process, log }: Look): void {
    const stored = log.configurations.at(-1)
    const believed = process.node!.consensus.configuration
    if (stored === undefined || believed === null) {
      if ((stored ?? null) !== believed)
        violated('I16', `node ${process.nodeId} takes ${believed && show(believed)} to be in force`)
      return
    }
    if (stored.index !== believed.index || show(stored) !== show(believed))
      violated(
        'I16',
        `node ${process.nodeId} takes ${show(believed)} to be in force, its log says ${show(stored)}`,
      )
  }

  /** I1: on the devices of a quorum is the vote for it, or a later term. */
  elected(look: Look): void {
    const { id, term } = look.status
    for (const log of this.#cluster.logs) log.refresh()
    const voted = (uuid: string): boolean => {
      const state = this.#cluster.driveOf(uuid)?.log.hardState
      return state !== undefined && (state.term > term || (state.term === term && state.votedFor === id))
    }
    const stored = look.log.configurations.at(-1)
    if (stored === undefined || !isQuorum(stored, ({ uuid }) => voted(uuid)))
      violated('I1', `node ${id} leads term ${term}, but no quorum of ${stored && show(stored)} voted for it`)
    if (!this.#everVoters.has(look.status.uuid))
      violated('T13', `node ${id} leads term ${term}, and nobody ever counted on its vote`)
  }
}

export function show(configuration: Configuration): string {
  const { index, voters, outgoing, learners } = configuration
  const set = (members: Configuration['voters']) => members.map(({ id, uuid }) => `${id}@${uuid}`).join(' ')
  const leaving = outgoing === null ? '' : `, leaving ${set(outgoing)}`
  const learning = learners.length === 0 ? '' : `, learning ${set(learners)}`
  return `${index}: ${set(voters)}${leaving}${learning}`
}
