import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, type Faults, NO_FAULTS } from './cluster.ts'
import type { Node } from './node.ts'
import { Chance } from './seeded.ts'

/**
 * Random runs under every fault at once, one seed each. Safety holds after every step (`safety.ts`); afterwards the
 * faults end, and the cluster must serve again within bounded time. Replay one run, with its events printed:
 *
 *     SEED=17 node --test test/unit/raft/chaos.test.ts
 */
const SEED = process.env.SEED === undefined ? null : Number(process.env.SEED)
const RUNS = Number(process.env.RUNS ?? 30)
const CHAOS_MS = 8000
/** By then every trouble is over, and the last message of the bad time has come. */
const MENDED_MS = 2000
const LIVENESS_MS = 2000
/** What each run of three nodes or more sees on average, at least. */
const LEAST = { elections: 3, truncations: 0.5, truncationsInFlight: 0.05, reads: 10, commits: 50 }

for (const size of [1, 2, 3, 4, 5]) {
  const seeds = Array.from({ length: RUNS }, (_, i) => i * 10 + size)
  if (SEED !== null && SEED % 10 !== size) continue
  test(`${size} nodes stay safe under all faults, and serve when they end`, () => {
    const seen = new Map<string, number>()
    for (const seed of SEED === null ? seeds : [SEED]) {
      for (const [what, count] of Object.entries(runSeed(seed, size))) {
        seen.set(what, (seen.get(what) ?? 0) + count)
      }
    }
    if (SEED !== null) return
    if (process.env.COUNTS !== undefined) console.log(size, seen)
    // Runs in which nothing happened prove nothing.
    for (const [what, least] of Object.entries(size > 2 && RUNS >= 30 ? LEAST : {}))
      assert((seen.get(what) ?? 0) >= least * RUNS, `too few ${what} in these runs: ${seen.get(what)}`)
  })
}

function runSeed(seed: number, size: number): Record<string, number> {
  const run = new Run(seed, size)
  if (SEED !== null) run.cluster.trace = []
  try {
    run.chaos()
    run.liveness()
  } catch (error) {
    if (run.cluster.trace !== null) console.log(run.cluster.trace.join('\n'))
    throw new Error(`replay with: SEED=${seed} node --test test/unit/raft/chaos.test.ts`, { cause: error })
  }
  return { ...run.cluster.safety.counts, reads: run.cluster.reads }
}

class Run {
  readonly cluster: Cluster
  readonly chance: Chance
  readonly nodes: Node[]
  #proposed = 0

  constructor(seed: number, size: number) {
    this.chance = new Chance(seed + 1_000_000)
    this.cluster = Cluster.empty(seed, size, {
      tailBytesMax: this.chance.pick([0, 300, 100_000]),
      commitNoticeDelayMs: this.chance.pick([0, 2, 20]),
      appendBytesMax: this.chance.pick([1, 150, 4096]),
      inflightCountMax: this.chance.pick([1, 2, 8]),
      uncommittedBytesMax: 2000,
    })
    this.nodes = [...this.cluster.nodes.values()]
  }

  chaos(): void {
    const { cluster, chance } = this
    // Every second run founds the cluster in peace, so that more of it is spent on what follows.
    if (chance.happens(0.5)) cluster.untilLeader(LIVENESS_MS)
    cluster.faults = drawFaults(chance)
    const troubles = chance.pick([0.02, 0.05, 0.1])
    const end = cluster.now + CHAOS_MS
    while (cluster.now < end) {
      if (chance.happens(0.5)) this.#propose()
      if (chance.happens(troubles)) this.#disturb()
      cluster.run(chance.between(1, 30))
    }
  }

  /** Something breaks, often at the leader, and is mended a while later. */
  #disturb(): void {
    const { cluster, chance } = this
    const leader = cluster.leader()
    const any = chance.pick(this.nodes)
    const node = chance.happens(0.5) && leader !== null ? leader : any
    const ms = chance.between(10, chance.pick([100, 300, 800]))
    chance.pick([
      () => this.#crash(node, ms),
      () => this.#crash(node, ms),
      () => cluster.pause(node, ms),
      () => this.#slowDisk(node, ms),
      () => this.#slowDisk(any, ms),
      () => this.#cut(ms, () => cluster.cutLink(node.id, any.id)),
      () => this.#strand(node, ms),
      () => this.#strand(node, ms),
      () => this.#cut(ms, () => this.#split()),
      () => {
        cluster.faults = drawFaults(chance)
      },
    ])()
  }

  #crash(node: Node, ms: number): void {
    const { cluster, chance } = this
    if (!cluster.isUp(node)) return
    cluster.crash(node, chance.between(0, node.pending.length))
    cluster.after(ms, () => cluster.restart(node))
  }

  #slowDisk(node: Node, ms: number): void {
    this.cluster.slowDisk(node, 300)
    this.cluster.after(2 * ms, () => this.cluster.slowDisk(node, 0))
  }

  #cut(ms: number, cut: () => void): void {
    cut()
    this.cluster.after(ms, () => this.cluster.healLinks())
  }

  /**
   * Leaves a leader with one slow follower at most, then takes the leader too: what it proposed is still being written
   * on the one when the others overwrite it.
   */
  #strand(leader: Node, ms: number): void {
    const follower = this.chance.pick(this.nodes)
    this.#slowDisk(follower, ms)
    this.#cut(ms, () => this.#split([leader.id, follower.id]))
    this.#propose()
    this.cluster.after(10, () => this.#crash(leader, ms))
    this.cluster.after(20, () => this.cluster.healLinks())
  }

  #split(some = this.#ids().filter(() => this.chance.happens(0.5))): void {
    this.cluster.partition(
      some,
      this.#ids().filter(id => !some.includes(id)),
    )
  }

  #ids(): number[] {
    return this.nodes.map(({ id }) => id)
  }

  /** To whoever thinks that it leads, deposed leaders included. */
  #propose(): void {
    for (const node of this.nodes) {
      const leads = this.cluster.isUp(node) && node.status.role === 'LEADER'
      if (leads && this.chance.happens(0.8)) this.cluster.propose(node, `proposal ${this.#proposed++}`)
    }
  }

  liveness(): void {
    const { cluster, nodes } = this
    cluster.faults = NO_FAULTS
    cluster.run(MENDED_MS)
    for (const node of nodes) assert(cluster.isUp(node), 'whatever broke is mended')
    const leader = cluster.untilLeader(LIVENESS_MS)
    const text = 'after all faults'
    assert('entry' in cluster.propose(leader, text), 'a leader at peace takes proposals')
    cluster.until(() => cluster.agree(), LIVENESS_MS, 'all logs equal and applied')
    for (const node of nodes)
      assert(cluster.texts(node).includes(text), `node ${node.id} applied the proposal`)
    const { term } = leader.status
    cluster.run(1000)
    for (const node of nodes) assert.equal(node.status.term, term, 'no election without a fault')
  }
}

/** Each run has its own mixture, with some faults left out: then the others come more to bear. */
function drawFaults(chance: Chance): Faults {
  const some = (most: number): number => (chance.happens(0.6) ? 0 : chance.fraction() * most)
  return {
    drop: some(0.2),
    dropTold: some(0.2),
    duplicate: some(0.3),
    replay: some(0.2),
    delayMs: [0, chance.pick([2, 2, 10, 40, 150])],
    persistMs: [0, chance.pick([1, 1, 10, 40])],
    batch: some(0.7),
  }
}
