import type { Machine } from './cluster/machine.ts'
import { violated } from './invariants/violation.ts'
import type { Run } from './run.ts'
import { registerBroker } from './workload/commands.ts'

/** A connect that nobody answers, and the waits between tries. */
const RECONNECT_MS = 3_000
const WRITE_MS = 10_000

/**
 * When all faults are over, or all but a minority that stays broken, the cluster must serve again within bounded time:
 * one leader, equal logs, equal images, a fresh write on every node (I21). Then nothing more happens by itself, and a node
 * that is cut off and comes back disturbs nobody (I22).
 */
export class Liveness {
  readonly #run: Run
  readonly #broken: readonly Machine[]

  constructor(run: Run) {
    this.#run = run
    this.#broken = chooseBroken(run)
  }

  async play(): Promise<void> {
    const { workload, nemesis, timeline, plan, coverage, trace } = this.#run
    workload.stopped = true
    nemesis.stop(this.#broken)
    trace.note(0, 'peace', () => `without nodes ${this.#broken.map(({ id }) => id).join(', ') || 'missing'}`)
    // Whatever broke shows by now: streams that are stuck, calls that wait, writes on a slow disk.
    await this.#run.advance(
      timeline.now + RECONNECT_MS + 1.3 * plan.network.stuckMs + 20 * plan.raft.electionTimeoutMs,
    )
    await this.#freshWrite()
    if (this.#broken.length > 0) coverage.add('livenessWithMinorityDown')
    await this.#staysQuiet(10 * plan.raft.electionTimeoutMs)
    await this.#isolatedChangesNothing()
  }

  get #sound(): Machine[] {
    return this.#run.cluster.machines.filter(machine => !this.#broken.includes(machine))
  }

  async #freshWrite(): Promise<void> {
    const { workload } = this.#run
    const limitMs = WRITE_MS
    let written = false
    const again = (): void => {
      if (!written) this.#run.timeline.after(20, attempt)
    }
    const attempt = (): void =>
      workload.write(
        (operation, time) => registerBroker(9, operation, time),
        () => {
          written = true
        },
        again,
      )
    attempt()
    await this.#run.until(() => written, limitMs, 'a fresh write is acknowledged')
    await this.#run.until(() => this.#agree(), limitMs, 'all logs and images are equal')
  }

  #agree(): boolean {
    const nodes = this.#sound.map(({ process }) => process?.node ?? null)
    const [first, ...others] = nodes
    if (first === null || first === undefined) return false
    const { last, commit } = first.consensus.status()
    const isThere = (node: typeof first): boolean => {
      const status = node.consensus.status()
      return (
        status.last.index === last.index && status.last.term === last.term && status.applied === last.index
      )
    }
    if (commit !== last.index || !isThere(first)) return false
    const hash = first.replica.image.stateHash
    return others.every(node => node !== null && isThere(node) && node.replica.image.stateHash === hash)
  }

  /** No election without a fault. */
  async #staysQuiet(ms: number): Promise<void> {
    const { counts } = this.#run.coverage
    const slowBefore = counts.slowDisksNoticed ?? 0
    const before = this.#leadership(this.#sound)
    await this.#run.advance(this.#run.timeline.now + ms)
    const after = this.#leadership(this.#sound)
    // A leader whose disk takes long over a write hands over, faults or not.
    if ((counts.slowDisksNoticed ?? 0) > slowBefore) return
    if (before !== after) violated('I22', `without any fault, ${before} became ${after}`)
  }

  async #isolatedChangesNothing(): Promise<void> {
    const { cluster, workload, plan, coverage, trace, chance } = this.#run
    const leader = workload.leader()
    const followers = this.#sound.filter(machine => machine !== leader)
    if (followers.length === 0 || this.#sound.length - 1 < cluster.majority) return
    const one = chance.pick(followers)
    const rest = this.#sound.filter(machine => machine !== one)
    const before = this.#leadership(rest)
    const slowBefore = coverage.counts.slowDisksNoticed ?? 0
    trace.note(0, 'isolate', () => `node ${one.id}`)
    const others = cluster.ids.filter(id => id !== one.id)
    for (const other of others) {
      cluster.network.links.cut(other, one.id)
      cluster.network.links.cut(one.id, other)
    }
    const ms = 10 * plan.raft.electionTimeoutMs
    await this.#run.advance(this.#run.timeline.now + ms)
    for (const other of others) {
      cluster.network.mend(other, one.id)
      cluster.network.mend(one.id, other)
    }
    await this.#run.advance(this.#run.timeline.now + RECONNECT_MS + 1.3 * plan.network.stuckMs + ms)
    const after = this.#leadership(rest)
    if (before !== after && (this.#run.coverage.counts.slowDisksNoticed ?? 0) === slowBefore)
      violated('I22', `node ${one.id} was cut off and came back, and ${before} became ${after}`)
    await this.#run.until(() => this.#agree(), WRITE_MS, 'the node that came back has caught up')
    coverage.add('isolatedKeptQuiet')
  }

  #leadership(machines: readonly Machine[]): string {
    const views = machines.map(({ process }) => process?.node?.consensus.leadership)
    return [...new Set(views.map(view => `leader ${view?.leader} of term ${view?.term}`))].join(' and ')
  }
}

/** Those whose drives are lost, and maybe more, up to a minority. */
function chooseBroken({ cluster, plan, chance }: Run): Machine[] {
  const { machines, majority } = cluster
  if (!cluster.isFounded) return []
  const rotten = machines.filter(machine => cluster.countedDrive(machine).rotten)
  const spare = machines.length - majority - rotten.length
  if (!plan.minorityStaysDown || spare < 1) return rotten
  const others = chance.shuffled(machines.filter(machine => !rotten.includes(machine)))
  return [...rotten, ...others.slice(0, chance.between(1, spare))]
}
