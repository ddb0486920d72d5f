import type { Chance } from '../chance.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Machine } from '../cluster/machine.ts'
import { NO_FRAME_FAULTS } from '../world/virtual-network.ts'
import { readBadly } from './bad-read.ts'
import type { FaultKind } from './faults.ts'
import { Fork } from './fork.ts'
import { type Clients, type HuntParts, LeaderHunt } from './leader-hunt.ts'
import { LinkFaults } from './link-faults.ts'
import { type FaultParts, MachineFaults } from './machine-faults.ts'
import { Operator } from './operator.ts'
import { usurp } from './usurpation.ts'

/** So many election timeouts a leader is cut off at most, with a tail of its own. */
const FORK_TIMEOUTS = 20

/** Breaks things, often at the leader, and mends them a while later. */
export class Nemesis {
  readonly #cluster: Cluster
  readonly #chance: Chance
  readonly #links: LinkFaults
  readonly #machines: MachineFaults
  readonly #operator: Operator
  readonly #leader: () => Machine | null
  #stopped = false
  readonly #parts: FaultParts
  readonly #huntParts: HuntParts
  #lastHunt: LeaderHunt | null = null
  #lastFork: Fork | null = null

  constructor(parts: FaultParts, clients: Clients & { leader(): Machine | null }) {
    const leader = () => clients.leader()
    this.#parts = parts
    this.#cluster = parts.cluster
    this.#chance = parts.chance
    this.#leader = leader
    this.#links = new LinkFaults(parts)
    this.#machines = new MachineFaults(parts)
    this.#operator = new Operator(parts, this.#machines, leader)
    const isOver = () => this.#stopped
    this.#huntParts = { ...parts, clients, links: this.#links, machines: this.#machines, leader, isOver }
  }

  get machines(): MachineFaults {
    return this.#machines
  }

  start(): void {
    const { plan, timeline, network } = this.#cluster
    network.faults = plan.frameFaults
    if (plan.faults.length === 0) return
    timeline.after(this.#chance.exponential(plan.faultEveryMs), () => {
      if (this.#stopped) return
      this.#strike(this.#chance.pick(plan.faults))
      this.start()
    })
  }

  #strike(kind: FaultKind): void {
    const { plan } = this.#cluster
    const leader = this.#leader()
    const machine =
      leader !== null && this.#chance.happens(0.5) ? leader : this.#chance.pick(this.#cluster.inService)
    const ms = this.#chance.exponential(plan.outageMs)
    if (kind === 'leaderHunt') return this.#hunt(8 * ms)
    if (kind === 'fork') return this.#fork(leader)
    if (kind === 'lateRead') return this.#readBadly(leader)
    if (kind === 'usurp') return this.#machines.transfer(leader ?? machine, null, ms)
    if (kind === 'changeMembers') return this.#operator.wish()
    if (this.#machines.strike(kind, machine, ms)) return
    this.#links.strike(kind, machine, ms)
  }

  #hunt(ms: number): void {
    this.#lastHunt?.end()
    this.#lastHunt = new LeaderHunt(this.#huntParts, ms)
    this.#lastHunt.look()
  }

  /** This leader has just told another node to run. */
  handsOver(from: number): void {
    if (!this.#stopped && this.#chance.happens(0.7)) usurp(this.#parts, from)
  }

  #fork(leader: Machine | null): void {
    if (leader === null || leader.process?.life.paused !== false) return
    this.#lastFork?.end()
    this.#lastFork = new Fork(
      this.#huntParts,
      leader,
      FORK_TIMEOUTS * this.#cluster.plan.raft.electionTimeoutMs,
    )
    this.#lastFork.look()
  }

  #readBadly(leader: Machine | null): void {
    if (leader !== null && this.#cluster.inService.length > 1) readBadly(this.#huntParts, leader)
  }

  /** Everything is mended, but for drives that are lost for good and machines that are to stay down. */
  stop(staysDown: readonly Machine[]): void {
    this.#stopped = true
    this.#lastHunt?.end()
    this.#operator.stop()
    this.#lastFork?.end()
    this.#cluster.network.faults = NO_FRAME_FAULTS
    this.#links.mendAll()
    this.#machines.mendAll(staysDown)
  }
}
