import type { Machine } from '../cluster/machine.ts'
import type { HuntParts } from './leader-hunt.ts'

const TAIL_LEAST = 8
const TAIL_MOST = 40

/**
 * A leader is cut off with a long tail of entries that nobody else has. It comes back when the others have gone on by less
 * than that, and have dropped the log from where the two part: then it is sent a snapshot that ends inside its own log.
 */
export class Fork {
  readonly #parts: HuntParts
  readonly #old: Machine
  readonly #partsAt: number
  readonly #until: number
  readonly #mend: () => void
  #over = false

  constructor(parts: HuntParts, old: Machine, ms: number) {
    const { cluster, chance, links, clients, coverage } = parts
    this.#parts = parts
    this.#old = old
    this.#partsAt = old.process!.node!.consensus.status().last.index
    this.#until = cluster.timeline.now + ms
    this.#mend = links.cutOff([old.id], ms)
    clients.burst(old, chance.between(TAIL_LEAST, TAIL_MOST))
    coverage.add('forks')
  }

  end(): void {
    this.#over = true
  }

  look(): void {
    const { cluster, chance } = this.#parts
    if (this.#over || cluster.timeline.now > this.#until) return
    if (this.#isTime()) {
      this.#over = true
      return this.#mend()
    }
    cluster.timeline.after(chance.exponential(cluster.plan.latency.meanMs), () => this.look())
  }

  #isTime(): boolean {
    const leader = this.#parts.leader()
    const others = leader?.process?.node?.consensus.status()
    const own = this.#old.process?.node?.consensus.status()
    if (leader === this.#old || others === undefined || own === undefined) return false
    return others.first > this.#partsAt + 1 && (others.snapshot?.index ?? 0) > this.#partsAt
  }
}
