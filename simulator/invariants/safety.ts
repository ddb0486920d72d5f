import type { HardState } from '../../src/raft/entry.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { AcknowledgementInvariants } from './acknowledgements.ts'
import { CommitInvariants, type CommitObserver } from './commits.ts'
import { ConfigurationInvariants } from './configurations.ts'
import type { DurableLog, DurableLogObserver, StoredEntry } from './durable-log.ts'
import { ElectionInvariants } from './elections.ts'
import { ImageInvariants } from './images.ts'
import { Ledger } from './ledger.ts'
import { LogInvariants } from './logs.ts'
import type { Look } from './look.ts'
import { ProgressInvariants } from './progress.ts'
import { violated } from './violation.ts'

/**
 * What may never happen, whatever the network and the disks do: the invariants of the reference, one file per family,
 * checked after every step at every node that the step reached. They look at the devices, not at what nodes believe.
 */
export class Safety implements DurableLogObserver {
  readonly ledger = new Ledger()
  readonly images = new ImageInvariants()
  readonly acknowledgements = new AcknowledgementInvariants()
  readonly #commits: CommitInvariants
  readonly #elections: ElectionInvariants
  readonly #progress: ProgressInvariants
  readonly #logs = new LogInvariants()
  readonly #configurations: ConfigurationInvariants

  constructor(cluster: Cluster, observer: CommitObserver) {
    this.#configurations = new ConfigurationInvariants(cluster, this.ledger)
    this.#commits = new CommitInvariants(cluster, this.ledger, this.#configurations, observer)
    this.#elections = new ElectionInvariants(this.ledger, this.#commits, this.#configurations)
    this.#progress = new ProgressInvariants(cluster)
  }

  get elections(): number {
    return this.#elections.count
  }

  /** The node is at rest after a step. */
  check(process: MetadataProcess): void {
    const { node, machine } = process
    if (process.hasFailedDisk) violated('T34', `node ${machine.id} goes on after its disk failed`)
    if (node === null || process.isStopping) return
    const { log } = machine.drive
    log.refresh()
    const look: Look = { process, status: node.consensus.status(), log }
    this.#commits.check(look)
    this.#elections.check(look)
    this.#progress.check(look)
    this.acknowledgements.check(look)
    this.#memoryEqualsDevice(look)
    this.#configurations.check(look)
  }

  /** I17: while nothing is being written and nothing is about to be, memory is what the device has. */
  #memoryEqualsDevice(look: Look): void {
    const { process, status, log } = look
    if (process.machine.drive.isBusy || process.clock.idleWaiting > 0 || process.life.paused) return
    const { id, term, last, clusterId, snapshot } = status
    // A snapshot that has just come stands on the device, and the node is about to hear of it.
    if (log.snapshotIndex > (snapshot?.index ?? 0)) return
    const { hardState } = log
    const same =
      hardState.term === term &&
      hardState.clusterId === clusterId &&
      log.last.index === last.index &&
      log.last.term === last.term
    if (!same)
      violated(
        'I17',
        `node ${id} at rest has ${JSON.stringify({ term, clusterId, last })}, its device ${JSON.stringify({ ...hardState, last: log.last })}`,
      )
    this.#configurations.rests(look)
  }

  added(log: DurableLog, index: number): void {
    this.#logs.added(log, index)
    this.#configurations.added(log)
  }

  cut(log: DurableLog, from: number): void {
    this.#elections.cut(log, from)
    this.#commits.cut(log, from)
    this.acknowledgements.cut(log, from)
  }

  covered(index: number): readonly StoredEntry[] {
    if (this.ledger.lastCommitted < index)
      violated('I13', `a snapshot covers entry ${index}, committed is ${this.ledger.lastCommitted}`)
    return this.ledger.committed.slice(0, index).map(({ entry }) => entry)
  }

  saved(log: DurableLog, before: HardState, after: HardState): void {
    this.#logs.saved(log, before, after)
    this.#elections.saved(log)
  }
}
