import { AssertionError } from '../src/base/assert.ts'
import { messageOf } from '../src/base/errors.ts'
import type { Leadership } from '../src/consensus/consensus.ts'
import { decodeEnvelope, PROTOCOL } from '../src/consensus/message-codec.ts'
import { DamagedLog } from '../src/log/log.ts'
import type { HardState } from '../src/raft/entry.ts'
import type { Refusal } from '../src/raft/io.ts'
import type { Envelope } from '../src/raft/message.ts'
import type { Configuration } from '../src/raft/voters.ts'
import type { ClusterObserver } from './cluster/cluster.ts'
import type { MetadataProcess } from './cluster/metadata-process.ts'
import type { Coverage } from './coverage.ts'
import { changesBetween } from './coverage-of-members.ts'
import type { CommitObserver } from './invariants/commits.ts'
import { show as showConfiguration } from './invariants/configurations.ts'
import type { DurableLog, StoredEntry } from './invariants/durable-log.ts'
import { checkPromise } from './invariants/promises.ts'
import { RejectionInvariants } from './invariants/rejections.ts'
import type { Safety } from './invariants/safety.ts'
import { Violation } from './invariants/violation.ts'
import type { Trace } from './trace.ts'
import type { History } from './workload/history.ts'
import type { Drive, DriveFault } from './world/drive.ts'
import type { Endpoint } from './world/virtual-network.ts'

const FRAME_COUNTERS = {
  lost: 'framesLost',
  refused: 'framesRefused',
  duplicated: 'framesDuplicated',
  delayed: 'framesDelayed',
  replayed: 'framesReplayed',
  connectionBroken: 'connectionsBroken',
  connectRefused: 'connectsRefused',
} as const

const SNAPSHOT_COUNTERS = {
  taken: 'snapshotsTaken',
  installed: 'snapshotsInstalled',
  failed: 'snapshotsFailed',
  damaged: 'snapshotsDamaged',
} as const

export type WitnessParts = {
  readonly trace: Trace
  readonly coverage: Coverage
  readonly safety: () => Safety
  readonly history: History
  readonly elected: (process: MetadataProcess) => void
  /** Nodes join and leave. */
  readonly membersChange: boolean
  /** Another configuration is committed, by this leader. */
  readonly reconfigured: (before: Configuration, after: Configuration, leader: number) => void
  /** A leader tells another node to run, and that one hears it. */
  readonly handsOver: (from: number) => void
  /** The first part of a snapshot goes out. */
  readonly sendsSnapshot: (from: number, to: number) => void
  /** It has taken over the state of a snapshot, and its log is about to begin anew. */
  readonly installed: (process: MetadataProcess) => void
  /** The process ends by itself. */
  readonly exit: (process: MetadataProcess) => void
  readonly processOn: (drive: Drive) => MetadataProcess | null
}

/** Sees everything that happens in a run: tells the story, counts what is rare, and hands on what must be checked. */
export class Witness implements ClusterObserver, CommitObserver {
  /** Those that something has reached in this step. */
  readonly touchedProcesses = new Set<MetadataProcess>()
  failure: Error | null = null
  readonly #parts: WitnessParts
  readonly #votedTerms = new Set<number>()
  readonly #rejections = new RejectionInvariants()

  constructor(parts: WitnessParts) {
    this.#parts = parts
  }

  /** Terms in which somebody ran for election. */
  get votedTerms(): ReadonlySet<number> {
    return this.#votedTerms
  }

  fail(error: Error): void {
    this.failure ??= error
  }

  // The network.

  sent(from: Endpoint, to: number, bytes: Buffer): void {
    const envelope = decodeEnvelope(bytes)
    this.#parts.trace.bytes(bytes)
    const { message } = envelope
    if (message.type === 'voteRequest' && !message.preVote) this.#votedTerms.add(message.term)
    checkPromise(from as MetadataProcess, envelope)
    this.#rejections.sent(from as MetadataProcess, envelope)
    this.#parts.safety().acknowledgements.sent(from as MetadataProcess, envelope)
    if (message.type === 'installSnapshot' && message.offset === 0) this.#parts.sendsSnapshot(from.nodeId, to)
  }

  arrives(from: number, to: Endpoint, bytes: Buffer): void {
    const envelope = decodeEnvelope(bytes)
    this.#count(envelope)
    this.#rejections.arrives(to as MetadataProcess, envelope)
    if (envelope.message.type === 'timeoutNow') this.#parts.handsOver(from)
    this.#parts.trace.note(to.nodeId, 'hears', () => `${from}: ${show(envelope)}`)
  }

  #count({ message }: Envelope): void {
    const { coverage } = this.#parts
    if (message.type === 'voteReply' && !message.granted)
      coverage.add(message.preVote ? 'preVotesRefused' : 'votesRefused')
    if (message.type === 'appendReply' && !message.success) coverage.add('appendsRejected')
  }

  fault(kind: keyof typeof FRAME_COUNTERS): void {
    this.#parts.coverage.add(FRAME_COUNTERS[kind])
  }

  // Processes.

  touched(process: MetadataProcess): void {
    this.touchedProcesses.add(process)
  }

  opened(process: MetadataProcess): void {
    const { last } = process.node!.consensus.status()
    this.#parts.trace.note(
      process.nodeId,
      'open',
      () => `with ${last.index} entries, the last of term ${last.term}`,
    )
    this.#parts.safety().images.watch(process)
    process.readsAtOpen = process.machine.drive.reads
    if (process.newestProtocol < PROTOCOL.newest) this.#parts.coverage.add('oldReleases')
  }

  ended({ node }: MetadataProcess): void {
    const changing = node?.consensus.configuration?.outgoing != null
    if (changing) this.#parts.coverage.add('endedInJointPhase')
  }

  gaveUp(process: MetadataProcess, error: unknown): void {
    const { trace, coverage } = this.#parts
    if (!process.life.alive) return
    trace.note(process.nodeId, 'gives up', () => messageOf(error))
    const { rotten } = process.machine.drive
    if (error instanceof Violation) this.fail(error)
    else if (error instanceof AssertionError)
      this.fail(new Violation('assert', `node ${process.nodeId}: ${error.stack}`))
    else if (!process.hasMetFault && !rotten)
      this.fail(
        new Violation(
          error instanceof DamagedLog ? 'T35' : 'crash',
          `node ${process.nodeId} gives up without a fault: ${messageOf(error)}`,
        ),
      )
    if (process.hasFailedDisk) coverage.add('diskErrorHalts')
    if (error instanceof DamagedLog) coverage.add('damageRefused')
    this.#parts.exit(process)
  }

  changed(process: MetadataProcess, leadership: Leadership): void {
    const { trace, coverage } = this.#parts
    const { role, term, leader, ready } = leadership
    trace.note(
      process.nodeId,
      'is',
      () => `${role} in term ${term}, leader ${leader ?? 'unknown'}${ready ? ', ready' : ''}`,
    )
    if (process.led && role !== 'LEADER') this.#stepsDown(process)
    if (role === 'LEADER' && !process.led) this.#parts.elected(process)
    process.led = role === 'LEADER'
    if (role === 'FOLLOWER' && leader === null) coverage.add('stepDowns')
  }

  #stepsDown(process: MetadataProcess): void {
    const status = process.node!.consensus.status()
    if (status.last.index > status.commit) this.#parts.coverage.add('leaderLostInFlight')
  }

  /** As the server does: who stands on a drive that is not the recorded one ends. */
  refused(process: MetadataProcess, { reason, text, from }: Refusal): void {
    const { trace } = this.#parts
    trace.note(process.nodeId, 'refuses', () => `${reason} of node ${from}: ${text}`)
    // A newcomer and a wiped founder, both empty, have two configuration files.
    const bad = reason === 'contradiction' || (reason === 'votersDisagree' && !this.#parts.membersChange)
    if (bad)
      this.fail(new Violation('I5', `node ${process.nodeId} refuses a message of node ${from}: ${text}`))
    if (reason !== 'wipedReceiver') return
    this.#turnedAway(process, text)
    this.#parts.exit(process)
  }

  /** Who is empty yet cannot know that the one who turns it away thinks of the disk before; it is started again. */
  #turnedAway(process: MetadataProcess, text: string): void {
    const { coverage } = this.#parts
    if (process.standing !== 'member') return coverage.add('wipedRefused')
    const { log } = process.machine.drive
    log.refresh()
    if (log.hardState.clusterId === null) return coverage.add('newcomersTurnedAway')
    this.fail(
      new Violation('T17', `node ${process.nodeId} is refused on the very drive that is recorded: ${text}`),
    )
  }

  // Commits.

  committed(index: number, entry: StoredEntry): void {
    this.#parts.history.committed(index, entry)
  }

  configured(configuration: Configuration, before: Configuration | null, term: number): void {
    const { trace, coverage, safety } = this.#parts
    trace.note(0, 'members', () => showConfiguration(configuration))
    if (before === null) return
    const leader = safety().ledger.leaders.get(term)
    if (leader !== undefined) this.#parts.reconfigured(before, configuration, leader)
    for (const counter of changesBetween(before, configuration, leader)) coverage.add(counter)
  }

  unreadable(process: MetadataProcess, from: number, reason: string): void {
    if (this.failure === null)
      this.fail(
        new Violation('codec', `node ${process.nodeId} cannot read a message of node ${from}: ${reason}`),
      )
  }

  tornWriteCut(process: MetadataProcess): void {
    this.#parts.coverage.add('tornWritesCut')
    this.#parts.trace.note(process.nodeId, 'disk', () => 'a torn write is cut')
  }

  lost(process: MetadataProcess, nodeId: number): void {
    this.#parts.coverage.add('processesFoundGone')
    this.#parts.trace.note(process.nodeId, 'finds', () => `the process of node ${nodeId} gone`)
  }

  snapshot(process: MetadataProcess, what: 'taken' | 'installed' | 'failed' | 'damaged'): void {
    this.#parts.coverage.add(SNAPSHOT_COUNTERS[what])
    this.#parts.trace.note(process.nodeId, 'snapshot', () => what)
    if (what === 'installed') this.#parts.installed(process)
  }

  slowDisk(process: MetadataProcess): void {
    this.#parts.coverage.add('slowDisksNoticed')
    this.#parts.trace.note(process.nodeId, 'disk', () => 'is slow')
  }

  disconnected(process: MetadataProcess, nodeId: number, reason: string): void {
    this.#parts.trace.note(process.nodeId, 'loses', () => `the stream to node ${nodeId}: ${reason}`)
  }

  // Drives.

  struck(drive: Drive, fault: DriveFault, path: string): void {
    const { coverage, trace } = this.#parts
    const process = this.#parts.processOn(drive)
    if (process === null) return
    process.hasMetFault = true
    trace.note(
      process.nodeId,
      'disk',
      () => `${fault.kind} of ${path} fails: ${'code' in fault ? fault.code : 'a bit is wrong'}`,
    )
    if (fault.kind === 'read') return coverage.add('readsCorrupted')
    coverage.add(fault.code === 'ENOSPC' ? 'noSpace' : fault.kind === 'sync' ? 'syncErrors' : 'writeErrors')
    if (path.endsWith('.log')) process.hasFailedDisk = true
  }

  added(log: DurableLog, index: number): void {
    this.#parts.safety().added(log, index)
  }

  covered(index: number): readonly StoredEntry[] {
    return this.#parts.safety().covered(index)
  }

  cut(log: DurableLog, from: number): void {
    this.#parts.coverage.add('truncations')
    if ((log.configurations.at(-1)?.index ?? 0) >= from) this.#parts.coverage.add('changesCut')
    this.#parts.trace.note(0, 'cut log', () => `from ${from}, it ended at ${log.lastIndex}`)
    this.#parts.safety().cut(log, from)
  }

  saved(log: DurableLog, before: HardState, after: HardState): void {
    this.#parts.safety().saved(log, before, after)
  }
}

function show({ message }: Envelope): string {
  const { type, ...rest } = message
  const entries =
    'entries' in rest ? { entries: rest.entries.map(({ index, term }) => `${index}/${term}`).join(' ') } : {}
  return `${type} ${JSON.stringify({ ...rest, ...entries })}`
}
