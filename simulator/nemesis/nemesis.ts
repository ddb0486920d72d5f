import type { Chance } from '../chance.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Machine } from '../cluster/machine.ts'
import type { Coverage } from '../coverage.ts'
import type { Trace } from '../trace.ts'
import { NO_FRAME_FAULTS } from '../world/virtual-network.ts'
import type { FaultKind } from './faults.ts'
import { LeaderHunt } from './leader-hunt.ts'
import { LinkFaults } from './link-faults.ts'
import { MachineFaults } from './machine-faults.ts'

/** Breaks things, often at the leader, and mends them a while later. */
export class Nemesis {
  readonly #cluster: Cluster
  readonly #chance: Chance
  readonly #links: LinkFaults
  readonly #machines: MachineFaults
  readonly #leader: () => Machine | null
  #stopped = false
  #lastHunt: LeaderHunt | null = null

  constructor(
    cluster: Cluster,
    chance: Chance,
    coverage: Coverage,
    trace: Trace,
    leader: () => Machine | null,
  ) {
    this.#cluster = cluster
    this.#chance = chance
    this.#leader = leader
    const parts = { cluster, chance, coverage, trace }
    this.#links = new LinkFaults(parts)
    this.#machines = new MachineFaults(parts)
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
      leader !== null && this.#chance.happens(0.5) ? leader : this.#chance.pick(this.#cluster.machines)
    const ms = this.#chance.exponential(plan.outageMs)
    if (kind === 'leaderHunt') return this.#hunt(8 * ms)
    if (this.#machines.strike(kind, machine, ms)) return
    this.#links.strike(kind, machine, ms)
  }

  #hunt(ms: number): void {
    this.#lastHunt?.end()
    this.#lastHunt = new LeaderHunt(
      {
        cluster: this.#cluster,
        chance: this.#chance,
        links: this.#links,
        machines: this.#machines,
        leader: this.#leader,
      },
      ms,
    )
    this.#lastHunt.look()
  }

  /** Everything is mended, but for drives that are lost for good and machines that are to stay down. */
  stop(staysDown: readonly Machine[]): void {
    this.#stopped = true
    this.#lastHunt?.end()
    this.#cluster.network.faults = NO_FRAME_FAULTS
    this.#links.mendAll()
    this.#machines.mendAll(staysDown)
  }
}
