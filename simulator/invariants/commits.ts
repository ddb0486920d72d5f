import { decodeEntry } from '../../src/consensus/entry-codec.ts'
import { isInternal } from '../../src/raft/entry.ts'
import { type Configuration, configurationOf } from '../../src/raft/voters.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConfigurationInvariants } from './configurations.ts'
import type { DurableLog, StoredEntry } from './durable-log.ts'
import { type Ledger, same } from './ledger.ts'
import type { Look } from './look.ts'
import { isQuorum } from './quorums.ts'
import { violated } from './violation.ts'

export type CommitObserver = {
  committed(index: number, entry: StoredEntry): void
  /** `before`: the configuration that this one follows; null for the founding one. */
  configured(configuration: Configuration, before: Configuration | null, term: number): void
}

/**
 * What is committed: durable on a quorum of the devices when anybody first knows it (I6), on a quorum for ever (I8), and
 * never anything else (I5). What is applied is committed, and durable where it is applied (I13).
 */
export class CommitInvariants {
  readonly #cluster: Cluster
  readonly #ledger: Ledger
  readonly #configurations: ConfigurationInvariants
  readonly #observer: CommitObserver
  /** How far each log equals what is committed. */
  readonly #agreed = new Map<DurableLog, number>()

  constructor(
    cluster: Cluster,
    ledger: Ledger,
    configurations: ConfigurationInvariants,
    observer: CommitObserver,
  ) {
    this.#cluster = cluster
    this.#ledger = ledger
    this.#configurations = configurations
    this.#observer = observer
  }

  check(look: Look): void {
    const { status, log } = look
    const { commit, applied, durable, last, id } = status
    if (applied > commit || commit > last.index)
      violated('I13', `node ${id}: applied ${applied}, commit ${commit}, last ${last.index}`)
    for (let index = this.#ledger.lastCommitted + 1; index <= commit; index++) this.#commit(index, look)
    if (durable > log.lastIndex)
      violated('I6', `node ${id} takes entry ${durable} for durable, its device ends at ${log.lastIndex}`)
    const certain = Math.min(commit, durable)
    const agreed = this.agreed(log)
    if (agreed < certain)
      violated('I5', `entry ${agreed + 1} is committed, but node ${id} knows another one as committed`)
    if (applied > agreed)
      violated('I13', `node ${id} has applied entry ${applied}, of which its device has ${agreed}`)
  }

  /** How far this log is the committed one. */
  agreed(log: DurableLog): number {
    let agreed = this.#agreed.get(log) ?? log.first - 1
    for (;;) {
      const known = this.#ledger.at(agreed + 1)
      const own = log.at(agreed + 1)
      if (known === undefined || own === undefined || !same(known.entry, own)) break
      agreed += 1
    }
    this.#agreed.set(log, agreed)
    return agreed
  }

  #commit(index: number, look: Look): void {
    for (const log of this.#cluster.logs) log.refresh()
    const inForce = this.#configurations.inForce(look)
    for (const entry of this.#candidates(index)) {
      const under = inForce.find(configuration => this.#restsOn(index, entry, configuration))
      if (under === undefined) continue
      this.#ledger.committed.push({ entry, knownIn: look.status.term, under })
      this.#observer.committed(index, entry)
      this.#configure(index, entry)
      return
    }
    const text = inForce.map(configuration => this.#show(index, configuration)).join('; or ')
    violated('I6', `entry ${index} counts as committed, but no quorum of the devices has it: ${text}`)
  }

  /** What lies at this index, each entry once. */
  #candidates(index: number): StoredEntry[] {
    const different: StoredEntry[] = []
    for (const log of this.#cluster.logs) {
      const entry = log.at(index)
      if (entry !== undefined && !different.some(other => same(other, entry))) different.push(entry)
    }
    return different
  }

  #restsOn(index: number, entry: StoredEntry, configuration: Configuration, except?: DurableLog): boolean {
    return isQuorum(configuration, ({ uuid }) => {
      const log = this.#cluster.driveOf(uuid)?.log
      const own = log?.at(index)
      return log !== except && own !== undefined && same(own, entry)
    })
  }

  #show(index: number, { voters, outgoing }: Configuration): string {
    const has = (uuid: string) => this.#cluster.driveOf(uuid)?.log.at(index)?.term ?? 'none'
    const set = (ids: Configuration['voters']) => ids.map(({ id, uuid }) => `${id}: ${has(uuid)}`).join(', ')
    return `terms ${set(voters)}${outgoing === null ? '' : `, leaving ${set(outgoing)}`}`
  }

  #configure(index: number, entry: StoredEntry): void {
    if (!isInternal(entry.type)) return
    const configuration = configurationOf(decodeEntry(index, entry.record))
    if (configuration === null) return
    const before = this.#cluster.members.committed
    this.#cluster.members.commit(configuration, entry)
    this.#observer.configured(configuration, before, entry.term)
  }

  /**
   * I8: a straggler may cut what others have committed, but never one of the quorum that the commit rests on: that of its
   * own time, or of the members that there are now.
   */
  cut(log: DurableLog, from: number): void {
    const agreed = this.agreed(log)
    if (agreed < from) return
    this.#agreed.set(log, from - 1)
    for (let index = from; index <= agreed; index++) {
      const { entry, under } = this.#ledger.at(index)!
      const now = this.#cluster.members.committed ?? under
      if (![under, now].some(configuration => this.#restsOn(index, entry, configuration, log)))
        violated(
          'I8',
          `committed entry ${index} is cut: ${this.#show(index, under)}; ${this.#show(index, now)}`,
        )
    }
  }
}
