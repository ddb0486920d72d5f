import assert from 'node:assert/strict'
import { Chance } from '../../../simulator/chance.ts'
import type { NodeId } from '../../../src/raft/entry.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import { Cluster } from './cluster.ts'
import { type Faults, NO_FAULTS } from './faults.ts'
import type { Node } from './node.ts'

const CHAOS_MS = 8000
/** By then every trouble is over, and the last message of the bad time has come. */
const MENDED_MS = 2000
const LIVENESS_MS = 2000
const READ_RETRY_MS = 50

export type Counts = Record<string, number>

/**
 * One random run under every fault at once. Safety holds after every step (`safety.ts`); afterwards the faults end, and
 * the cluster must serve again within bounded time.
 */
export class ChaosRun {
  readonly cluster: Cluster
  readonly chance: Chance
  readonly counts = { transfers: 0, losses: 0, falseLosses: 0 }
  /** How much goes wrong: the probability of a trouble at each step. */
  troubles = 0.05
  #proposed = 0

  constructor(seed: number, size: number, options: Partial<RaftOptions> = {}) {
    this.chance = new Chance(seed + 1_000_000)
    this.cluster = Cluster.empty(seed, size, {
      tailBytesMax: this.chance.pick([0, 300, 100_000]),
      commitNoticeDelayMs: this.chance.pick([0, 2, 20]),
      appendBytesMax: this.chance.pick([1, 150, 4096]),
      inflightCountMax: this.chance.pick([1, 2, 8]),
      snapshotPartBytes: this.chance.pick([300, 2000, 100_000]),
      uncommittedBytesMax: 2000,
      ...options,
    })
    this.cluster.snapshotEvery = this.chance.pick([3, 3, 10, 30, 1e9])
  }

  /** Removed nodes and their successors included. */
  get nodes(): Node[] {
    return [...this.cluster.nodes.values()]
  }

  chaos(ms = CHAOS_MS, each: () => void = () => {}): void {
    const { cluster, chance } = this
    cluster.faults = drawFaults(chance)
    this.troubles = chance.pick([0.02, 0.05, 0.1])
    const end = cluster.now + ms
    while (cluster.now < end) {
      if (chance.happens(0.5)) this.propose()
      if (chance.happens(0.2)) this.#read()
      if (chance.happens(this.troubles)) this.#disturb()
      for (const node of cluster.installing())
        if (chance.happens(0.2)) this.crash(node, chance.between(1, 100))
      each()
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
      () => this.crash(node, ms),
      () => this.crash(node, ms),
      () => cluster.pause(node, ms),
      () => this.#slowDisk(node, ms),
      () => this.#slowDisk(any, ms),
      () => this.#cut(ms, () => cluster.cutLink(node.id, any.id)),
      () => this.strand(node, ms),
      () => this.strand(node, ms),
      () => this.#cut(ms, () => this.#split()),
      () => this.#transfer(leader),
      () => this.#loseFalsely(leader),
      () => {
        cluster.faults = drawFaults(chance)
      },
    ])()
  }

  crash(node: Node, ms: number): void {
    const { cluster, chance } = this
    if (!cluster.isUp(node)) return
    if (cluster.faults.lossTold > 0) this.counts.losses += 1
    cluster.crash(node, chance.between(0, node.pending.length))
    cluster.after(ms, () => {
      // Meanwhile another process may run under this id.
      if (cluster.nodes.get(node.id) === node && !cluster.isUp(node)) cluster.restart(node)
    })
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
  strand(leader: Node, ms: number): void {
    const follower = this.chance.pick(this.nodes)
    this.#slowDisk(follower, ms)
    this.#cut(ms, () => this.#split([leader.id, follower.id]))
    this.propose()
    this.cluster.after(10, () => this.crash(leader, ms))
    this.cluster.after(20, () => this.cluster.healLinks())
  }

  /** Nobody hears this node, and it hears nobody. */
  isolate(node: Node, ms: number): void {
    this.#cut(ms, () => this.#split([node.id]))
  }

  #split(some = this.#ids().filter(() => this.chance.happens(0.5))): void {
    this.cluster.partition(
      some,
      this.#ids().filter(id => !some.includes(id)),
    )
  }

  #ids(): NodeId[] {
    return this.nodes.map(({ id }) => id)
  }

  #transfer(leader: Node | null): void {
    if (leader === null) return
    this.counts.transfers += 1
    const target = this.chance.pick([null, ...this.#ids()])
    this.cluster.step(leader, { type: 'transfer', target })
  }

  /** Some nodes believe that the leader's process is gone, and it is not. */
  #loseFalsely(leader: Node | null): void {
    if (leader === null) return
    this.counts.falseLosses += 1
    for (const node of this.nodes)
      if (node !== leader && this.chance.happens(0.6)) this.cluster.lose(node, leader.id)
  }

  /** To whoever thinks that it leads, deposed leaders included. */
  propose(): void {
    for (const node of this.nodes) {
      const leads = this.cluster.isUp(node) && node.status.role === 'LEADER'
      if (leads && this.chance.happens(0.8)) this.cluster.propose(node, `proposal ${this.#proposed++}`)
    }
  }

  /** At any node; half of the time at one that thinks that it leads. */
  #read(): void {
    const leaders = this.nodes.filter(node => this.cluster.isUp(node) && node.status.role === 'LEADER')
    const node = this.chance.pick(leaders.length > 0 && this.chance.happens(0.5) ? leaders : this.nodes)
    if (this.cluster.isUp(node)) this.cluster.read(node)
  }

  /** `ids`: who must be in the end what the cluster consists of. */
  liveness(ids: () => NodeId[] = () => this.#ids()): void {
    const { cluster } = this
    cluster.faults = NO_FAULTS
    cluster.run(MENDED_MS)
    const leader = cluster.untilLeader(LIVENESS_MS)
    for (const id of ids()) assert(cluster.isUp(cluster.node(id)), 'whatever broke is mended')
    const text = 'after all faults'
    assert('entry' in cluster.propose(leader, text), 'a leader at peace takes proposals')
    cluster.until(() => cluster.agree(ids()), LIVENESS_MS, 'all logs equal and applied')
    const nodes = ids().map(id => cluster.node(id))
    for (const node of nodes)
      assert(cluster.texts(node).includes(text), `node ${node.id} applied the proposal`)
    for (const node of nodes) this.#reads(node)
    const { term } = leader.status
    cluster.run(1000)
    for (const node of nodes) assert.equal(node.status.term, term, 'no election without a fault')
    assert.equal(cluster.leader(), leader)
  }

  /** A read is answered here, asked again as long as it is refused. */
  #reads(node: Node): void {
    const { cluster } = this
    const tokens = new Set<number>()
    const answered = () => node.readIndexes.some(({ token, index }) => index !== null && tokens.has(token))
    for (let tries = 0; !answered() && tries < 5; tries++) {
      tokens.add(cluster.read(node))
      cluster.run(READ_RETRY_MS)
    }
    assert(answered(), `a read at node ${node.id} is answered`)
  }

  totals(): Counts {
    return { ...this.cluster.safety.counts, entryReads: this.cluster.reads, ...this.counts }
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
    snapshotMs: [0, chance.pick([1, 5, 40])],
    lossTold: some(1),
  }
}

/** Runs every seed and adds up what happened; with `SEED=n` that one alone, its events printed if it fails. */
export function runSeeds(
  file: string,
  seeds: readonly number[],
  run: (seed: number, traced: boolean) => ChaosRun,
): Counts {
  const seen: Counts = {}
  for (const seed of seeds) {
    let chaos: ChaosRun | null = null
    try {
      chaos = run(seed, SEED !== null)
    } catch (error) {
      throw new Error(`replay with: SEED=${seed} node --test test/unit/raft/${file}`, { cause: error })
    }
    for (const [what, count] of Object.entries(chaos.totals())) seen[what] = (seen[what] ?? 0) + count
  }
  if (process.env.COUNTS !== undefined) console.log(file, seen)
  return seen
}

export const SEED = process.env.SEED === undefined ? null : Number(process.env.SEED)

/** Runs in which nothing happened prove nothing: what each sees on average, at least. */
export function assertHappened(seen: Counts, least: Counts, runs: number): void {
  for (const [what, count] of Object.entries(least))
    assert((seen[what] ?? 0) >= count * runs, `too few ${what} in these runs: ${seen[what]}`)
}

/** Carries out one run; its events are printed if it fails and somebody wants to see them. */
export function traced(run: ChaosRun, print: boolean, body: () => void): ChaosRun {
  if (print) run.cluster.trace = []
  try {
    body()
  } catch (error) {
    if (print) console.log(run.cluster.trace!.join('\n'))
    throw error
  }
  return run
}
