import type { Machine } from '../cluster/machine.ts'
import type { LinkFaults } from './link-faults.ts'
import type { FaultParts, MachineFaults } from './machine-faults.ts'

export type HuntParts = FaultParts & {
  readonly clients: Clients
  readonly links: LinkFaults
  readonly machines: MachineFaults
  readonly leader: () => Machine | null
  /** The faults are over: what was to come later does not come. */
  readonly isOver: () => boolean
}

/** Those who use the cluster. */
export type Clients = {
  /** Many writes at once, all at this node. */
  burst(at: Machine, count: number): void
}

/**
 * For a while, whoever is elected falls at once, and only one witness, the same for all, has heard from it: half-replicated
 * terms pile up, as in figure 8 of the paper.
 */
export class LeaderHunt {
  readonly #parts: HuntParts
  readonly #witness: Machine
  readonly #until: number
  #reign = ''
  #mendLast = (): void => {}
  #over = false

  constructor(parts: HuntParts, ms: number) {
    this.#parts = parts
    this.#witness = parts.chance.pick(parts.cluster.inService)
    this.#until = parts.cluster.timeline.now + ms
  }

  end(): void {
    this.#over = true
  }

  look(): void {
    const { cluster, chance, leader } = this.#parts
    if (this.#over || cluster.timeline.now > this.#until) return
    const found = leader()
    const reign = `${found?.id} in ${found?.process?.node?.consensus.leadership.term}`
    if (found !== null && reign !== this.#reign) {
      this.#reign = reign
      this.#strike(found)
    }
    cluster.timeline.after(chance.exponential(cluster.plan.latency.meanMs), () => this.look())
  }

  /** It keeps only the witness, for a moment or until the next one is elected. */
  #strike(leader: Machine): void {
    const { cluster, chance, links, machines } = this.#parts
    const { raft, latency, speed } = cluster.plan
    this.#mendLast()
    const kept = chance.happens(0.7) ? [leader.id, this.#witness.id] : [leader.id]
    this.#mendLast = links.cutOff(kept, 4 * raft.electionTimeoutMs)
    if (chance.happens(0.4)) return
    cluster.timeline.after(chance.exponential(4 * latency.meanMs + speed.meanMs), () => {
      if (!this.#over) machines.strike('kill', leader, raft.electionTimeoutMs)
    })
  }
}
