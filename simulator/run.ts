import { membersOf } from '../src/raft/voters.ts'
import { Chance } from './chance.ts'
import { Cluster } from './cluster/cluster.ts'
import type { MetadataProcess } from './cluster/metadata-process.ts'
import { type Counts, Coverage } from './coverage.ts'
import { Safety } from './invariants/safety.ts'
import { Violation } from './invariants/violation.ts'
import { Liveness } from './liveness.ts'
import { Nemesis } from './nemesis/nemesis.ts'
import { drawPlan, type Plan, withReleases } from './plan.ts'
import { Trace } from './trace.ts'
import { Witness, type WitnessParts } from './witness.ts'
import { History } from './workload/history.ts'
import { Workload } from './workload/workload.ts'
import { settled, Timeline } from './world/timeline.ts'

export type RunOptions = {
  readonly seed: number
  /** How many metadata nodes; null: as the seed draws. */
  readonly nodes: number | null
  /** Gets the trace, line by line. */
  readonly write: ((line: string) => void) | null
}

export type RunResult = {
  readonly seed: number
  readonly failure: { readonly invariant: string; readonly text: string } | null
  readonly steps: number
  readonly virtualMs: number
  readonly wallMs: number
  readonly counts: Counts
  /** The same for every run of this seed. */
  readonly digest: string
}

const REPLAYS_ON_ELECTION = 300
const PEACE_MS = 5_000
/** The loop of the real process gets its turn now and then, so that signals and messages come through. */
const STEPS_PER_TURN = 20_000
/** More than any run needs: something goes round in circles. */
const STEPS_MAX = 2_000_000

/** One seed, from empty drives to the last check. */
export function runSeed(options: RunOptions): Promise<RunResult> {
  return resultOf(new Run(options), options.seed)
}

export async function resultOf(run: Run, seed: number): Promise<RunResult> {
  const began = performance.now()
  const failed = (error: Error): void => run.witness.fail(error)
  process.on('unhandledRejection', failed)
  const failure = await run.play()
  process.off('unhandledRejection', failed)
  return {
    seed,
    failure,
    steps: run.steps,
    virtualMs: run.timeline.now,
    wallMs: performance.now() - began,
    counts: run.coverage.counts,
    digest: run.trace.digest,
  }
}

export class Run {
  readonly timeline = new Timeline()
  readonly coverage = new Coverage()
  readonly plan: Plan
  readonly trace: Trace
  readonly witness: Witness
  readonly cluster: Cluster
  readonly safety: Safety
  readonly workload: Workload
  readonly nemesis: Nemesis
  readonly chance: Chance
  readonly history = new History()
  steps = 0

  constructor(options: RunOptions) {
    const { seed, write } = options
    const chance = new Chance(seed)
    this.chance = chance
    this.plan = this.drawPlan(chance.fork(), options)
    this.trace = new Trace(this.timeline, write)
    this.witness = this.newWitness({
      trace: this.trace,
      coverage: this.coverage,
      safety: () => this.safety,
      // What is old is most dangerous to who has just come to lead again.
      elected: ({ nodeId, machine }) => {
        this.cluster.network.replayTo(nodeId, REPLAYS_ON_ELECTION)
        this.workload.contest(machine)
      },
      installed: process => this.#installed(process),
      handsOver: from => this.nemesis.handsOver(from),
      // Now it would be bad if the appends that were lost came after all.
      sendsSnapshot: (from, to) => {
        if (this.chance.happens(0.3)) this.cluster.network.catchUp(from, to)
      },
      // Old answers of who was there before, and old orders to it.
      reconfigured: (before, { learners }, leader) => {
        for (const { id } of learners.filter(
          ({ uuid }) => !membersOf(before).some(one => one.uuid === uuid),
        )) {
          this.cluster.network.replayBetween(id, leader)
          this.cluster.network.replayBetween(leader, id)
        }
      },
      exit: process => this.#exit(process),
      history: this.history,
      membersChange: this.plan.faults.includes('changeMembers'),
      processOn: drive => this.cluster.processes.find(({ machine }) => machine.drive === drive) ?? null,
    })
    this.cluster = new Cluster(this.plan, this.timeline, chance.fork(), this.witness)
    this.safety = new Safety(this.cluster, this.witness)
    this.workload = new Workload(this.cluster, chance.fork(), this.history, this.coverage)
    const { cluster, coverage, trace } = this
    this.nemesis = new Nemesis({ cluster, chance: chance.fork(), coverage, trace }, this.workload)
  }

  protected drawPlan(chance: Chance, { nodes }: RunOptions): Plan {
    return withReleases(drawPlan(chance, nodes), chance)
  }

  protected newWitness(parts: WitnessParts): Witness {
    return new Witness(parts)
  }

  async play(): Promise<RunResult['failure']> {
    this.trace.note(0, 'plan', () => JSON.stringify(this.plan))
    try {
      await this.phases()
      this.#countAtTheEnd()
      return null
    } catch (error) {
      const invariant = error instanceof Violation ? error.invariant : 'simulator'
      const text = error instanceof Violation ? error.message : String((error as Error).stack)
      this.trace.note(0, 'fails', () => text)
      return { invariant, text }
    }
  }

  /** Trouble, then peace: all that happens in the run. */
  protected async phases(): Promise<void> {
    await this.found()
    this.workload.start()
    this.nemesis.start()
    await this.advance(this.timeline.now + this.plan.chaosMs)
    await new Liveness(this).play()
    this.#checkHistory()
  }

  protected async found(): Promise<void> {
    const { cluster, plan, chance, nemesis } = this
    for (const machine of cluster.inService) nemesis.machines.startLater(machine, chance.between(0, 50))
    if (plan.foundInPeace) {
      const ready = () => this.workload.leader()?.process?.node?.consensus.leadership.ready === true
      await this.until(ready, PEACE_MS, 'a cluster is founded in peace')
    }
  }

  /** Everything that is due by then, one event at a time, each followed by the checks. */
  async advance(until: number): Promise<void> {
    while (await this.step(until)) {}
    this.timeline.now = until
  }

  async until(condition: () => boolean, limitMs: number, what: string): Promise<void> {
    const end = this.timeline.now + limitMs
    while (!condition()) {
      if (!(await this.step(end))) throw new Violation('I21', `not within ${limitMs.toFixed(0)} ms: ${what}`)
    }
  }

  async step(until: number): Promise<boolean> {
    const planned = this.timeline.next(until)
    if (planned === null) return false
    planned.run()
    this.steps += 1
    if (this.steps > STEPS_MAX) throw new Violation('I19', `${STEPS_MAX} steps, and no end`)
    await settled()
    if (this.witness.touchedProcesses.size > 0) this.#check()
    if (this.witness.failure !== null) throw this.witness.failure
    if (this.steps % STEPS_PER_TURN === 0) await new Promise(resolve => setImmediate(resolve))
    return true
  }

  #check(): void {
    const touched = [...this.witness.touchedProcesses]
    this.witness.touchedProcesses.clear()
    if (this.witness.failure !== null) return
    for (const process of touched) if (process.life.alive) this.safety.check(process)
  }

  /** An install is short; now is the time for it to be cut short. */
  #installed({ machine }: MetadataProcess): void {
    if (this.workload.stopped || !this.chance.happens(0.3)) return
    this.nemesis.machines.strike('powerFailure', machine, this.plan.outageMs / 4)
  }

  /** A process has ended by itself; whoever watches over it starts another one. */
  #exit(process: MetadataProcess): void {
    this.coverage.add(
      'readsFromDisk',
      process.node === null ? 0 : process.machine.drive.reads - process.readsAtOpen,
    )
    if (!process.life.alive) return
    this.cluster.kill(process.machine)
    const { machine } = process
    // A node that is refused at every start is tried less often.
    const meanMs = machine.drive.rotten ? 4 * this.plan.outageMs : this.plan.outageMs / 4
    this.nemesis.machines.startLater(machine, 10 + this.chance.exponential(meanMs))
  }

  #checkHistory(): void {
    const { keys, undecided } = this.history.checkLinearizability()
    this.coverage.add('keysChecked', keys - undecided)
    this.coverage.add('keysUndecided', undecided)
  }

  #countAtTheEnd(): void {
    const { coverage, safety, witness, cluster } = this
    coverage.add('elections', safety.elections)
    const won = safety.ledger.leaders
    coverage.add('electionsSplit', [...witness.votedTerms].filter(term => !won.has(term)).length)
    for (const drive of cluster.drives) coverage.add('segmentsRolled', drive.rolls)
    for (const process of cluster.processes)
      if (process.node !== null)
        coverage.add('readsFromDisk', process.machine.drive.reads - process.readsAtOpen)
  }
}
