import { membersOf } from '../src/raft/voters.ts'
import type { Machine } from './cluster/machine.ts'
import { isQuorum } from './invariants/quorums.ts'
import { violated } from './invariants/violation.ts'
import type { Run } from './run.ts'
import { registerBroker } from './workload/commands.ts'

/** A connect that nobody answers, and the waits between tries. */
const RECONNECT_MS = 3_000
const WRITE_MS = 10_000
const DEAF_WRITES_MAX = 20
const DEAF_ROUNDS = 4

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
    this.#run.cluster.endUpgrade()
    trace.note(0, 'peace', () => `without nodes ${this.#broken.map(({ id }) => id).join(', ') || 'missing'}`)
    // Whatever broke shows by now: streams that are stuck, calls that wait, writes on a slow disk.
    await this.#run.advance(
      timeline.now + RECONNECT_MS + 1.3 * plan.network.stuckMs + 20 * plan.raft.electionTimeoutMs,
    )
    await this.#freshWrite()
    if (plan.endsDeaf)
      for (const machine of this.#run.chance.shuffled(this.#sound).slice(0, DEAF_ROUNDS))
        await this.#isDeafTo(machine)
    if (this.#broken.length > 0) coverage.add('livenessWithMinorityDown')
    await this.#staysQuiet(10 * plan.raft.electionTimeoutMs)
    await this.#isolatedChangesNothing()
  }

  /** The members that are to serve; who is none any more may run beside them, and counts for nothing. */
  get #sound(): Machine[] {
    const { cluster } = this.#run
    const members = membersOf(cluster.recorded).map(({ id }) => cluster.machine(id))
    return members.filter(machine => !this.#broken.includes(machine))
  }

  async #freshWrite(): Promise<void> {
    await this.#write()
    this.#restoreDrives()
    await this.#run.until(() => this.#agree(), WRITE_MS, 'all logs and images are equal')
  }

  async #write(): Promise<void> {
    const { workload } = this.#run
    let written = false
    const again = (): void => {
      this.#restoreDrives()
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
    await this.#run.until(() => written, WRITE_MS, 'a fresh write is acknowledged')
  }

  /** A change of members that was under way may have come through, and named another drive than the one in place. */
  #restoreDrives(): void {
    for (const machine of this.#sound) this.#run.nemesis.machines.restoreDrive(machine)
  }

  /**
   * The leader does not hear one follower, which goes on following. A little is written, so that here and there the log goes
   * behind what the leader knows the follower to have; then all is quiet, and nothing but the leader can mend it.
   */
  async #isDeafTo(unheard: Machine): Promise<void> {
    const { cluster, workload, plan, chance, coverage, trace, timeline } = this.#run
    const leader = workload.leader()
    if (leader === null || unheard === leader || !cluster.canSpare([unheard, ...this.#broken])) return
    trace.note(0, 'deafens', () => `node ${leader.id} hears nothing of node ${unheard.id}`)
    cluster.network.links.cut(unheard.id, leader.id)
    for (let i = chance.between(1, DEAF_WRITES_MAX); i > 0; i--) await this.#write()
    await this.#run.advance(timeline.now + 1.5 * plan.network.stuckMs)
    cluster.network.mend(unheard.id, leader.id)
    await this.#run.advance(timeline.now + RECONNECT_MS)
    await this.#freshWrite()
    coverage.add('deafLeaders')
  }

  #agree(): boolean {
    // A change of voters goes through by itself.
    if (this.#run.cluster.recorded?.outgoing !== null) return false
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
    // A leader that hands over because of its disk is done by then, or has given it up.
    await this.#run.advance(this.#run.timeline.now + 2 * this.#run.plan.raft.electionTimeoutMs)
    await this.#run.until(() => this.#isLed(), WRITE_MS, 'all follow one leader')
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
    if (followers.length === 0) return
    const one = chance.pick(followers)
    if (!cluster.canSpare([one, ...this.#broken])) return
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

  #isLed(): boolean {
    const leaders = this.#sound.map(({ process }) => process?.node?.consensus.leadership.leader ?? null)
    return leaders.every(leader => leader !== null && leader === leaders[0])
  }

  #leadership(machines: readonly Machine[]): string {
    const views = machines.map(({ process }) => process?.node?.consensus.leadership)
    return [...new Set(views.map(view => `leader ${view?.leader} of term ${view?.term}`))].join(' and ')
  }
}

/** Those whose drives are lost, and maybe more, up to a minority. */
function chooseBroken({ cluster, plan, chance }: Run): Machine[] {
  if (!cluster.isFounded) return []
  const broken = cluster.inService.filter(machine => cluster.countedDrive(machine).rotten)
  if (!plan.minorityStaysDown) return broken
  const isQuorumWithout = (some: readonly Machine[]): boolean =>
    cluster.members
      .possible()
      .every(configuration => isQuorum(configuration, ({ id }) => !some.includes(cluster.machine(id))))
  const most = chance.between(1, cluster.inService.length)
  for (const machine of chance.shuffled(cluster.inService).slice(0, most))
    if (!broken.includes(machine) && isQuorumWithout([...broken, machine])) broken.push(machine)
  return broken
}
