import type { Cluster } from '../cluster/cluster.ts'
import type { DurableLog, StoredEntry } from './durable-log.ts'
import { type Ledger, same } from './ledger.ts'
import type { Look } from './look.ts'
import { violated } from './violation.ts'

export type CommitObserver = { committed(index: number, entry: StoredEntry): void }

/**
 * What is committed: durable on a majority of the devices when anybody first knows it (I6), on a majority for ever (I8),
 * and never anything else (I5). What is applied is committed, and durable where it is applied (I13).
 */
export class CommitInvariants {
  readonly #cluster: Cluster
  readonly #ledger: Ledger
  readonly #observer: CommitObserver
  /** How far each log equals what is committed. */
  readonly #agreed = new Map<DurableLog, number>()

  constructor(cluster: Cluster, ledger: Ledger, observer: CommitObserver) {
    this.#cluster = cluster
    this.#ledger = ledger
    this.#observer = observer
  }

  check({ status, log }: Look): void {
    const { commit, applied, durable, last, id } = status
    if (applied > commit || commit > last.index)
      violated('I13', `node ${id}: applied ${applied}, commit ${commit}, last ${last.index}`)
    for (let index = this.#ledger.lastCommitted + 1; index <= commit; index++)
      this.#commit(index, status.term)
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

  #commit(index: number, knownIn: number): void {
    const logs = this.#logs()
    for (const log of logs) log.refresh()
    const held = logs.map(log => log.at(index))
    const entry = held.find(
      one =>
        one !== undefined &&
        held.filter(other => other !== undefined && same(one, other)).length >= this.#cluster.majority,
    )
    if (entry === undefined) {
      const terms = held.map((one, i) => `${i + 1}: ${one === undefined ? 'none' : `term ${one.term}`}`)
      violated(
        'I6',
        `entry ${index} counts as committed, but no majority of the devices has it (${terms.join(', ')})`,
      )
    }
    this.#ledger.committed.push({ entry, knownIn })
    this.#observer.committed(index, entry)
  }

  /** I8: a straggler may cut what others have committed, but never one of the majority that the commit rests on. */
  cut(log: DurableLog, from: number): void {
    const agreed = this.agreed(log)
    if (agreed < from) return
    this.#agreed.set(log, from - 1)
    if (!this.#logs().includes(log)) return
    for (let index = from; index <= agreed; index++) {
      const holders = this.#logs().filter(other => other !== log && this.agreed(other) >= index)
      if (holders.length < this.#cluster.majority)
        violated('I8', `committed entry ${index} is cut, and then on ${holders.length} devices only`)
    }
  }

  #logs(): DurableLog[] {
    return this.#cluster.machines.map(machine => this.#cluster.countedDrive(machine).log)
  }
}
