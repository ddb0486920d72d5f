import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import type { NodeId } from '../../../src/raft/entry.ts'
import type { MemberChange } from '../../../src/raft/io.ts'
import { Cluster } from './cluster.ts'
import { NO_FAULTS } from './faults.ts'
import { diskOf, type Node } from './node.ts'
import { isQuorum } from './who.ts'

/**
 * Terms and changes of members that only a few hear of, one on top of the other. Then as many nodes stay away as every
 * configuration in any log can spare: the others must elect a voter, agree, and stay quiet. Replay one run:
 *
 *     SEED=17 node --test test/unit/raft/half-heard.test.ts
 */
const SEED = process.env.SEED === undefined ? null : Number(process.env.SEED)
const RUNS = Number(process.env.RUNS ?? 60)
/** Nobody can be elected without a learner that has more of the log. */
const KEPT = [1_478, 1_511, 2_084, 2_292]
const SEEDS = SEED === null ? [...Array.from({ length: RUNS }, (_, i) => i + 1), ...KEPT] : [SEED]
const SERVES_MS = 6_000
const QUIET_MS = 1_500

test('changes that only a few have heard of keep no majority from serving (T13, T14, I21, I22)', () => {
  for (const seed of SEEDS) {
    try {
      new HalfHeard(seed).play()
    } catch (error) {
      throw new Error(`replay with: SEED=${seed} node --test test/unit/raft/half-heard.test.ts`, {
        cause: error,
      })
    }
  }
})

class HalfHeard {
  readonly #chance: Chance
  readonly #cluster: Cluster
  readonly #founders: number
  readonly #ids: readonly NodeId[]

  constructor(seed: number) {
    const chance = new Chance(seed)
    this.#chance = chance
    this.#founders = chance.pick([3, 3, 4, 5])
    this.#ids = Array.from({ length: this.#founders + chance.pick([1, 1, 2]) }, (_, i) => i + 1)
    this.#cluster = Cluster.empty(seed, this.#founders, { appendBytesMax: chance.pick([1, 4096]) })
    if (chance.happens(0.3)) this.#cluster.snapshotEvery = chance.pick([3, 10])
    this.#cluster.faults = {
      ...NO_FAULTS,
      persistMs: [0, chance.pick([1, 1, 20])],
      lossTold: chance.pick([0, 1]),
    }
  }

  play(): void {
    const { change } = this
    this.#cluster.untilLeader(2_000)
    for (const id of this.#ids.slice(this.#founders)) {
      this.#join(id)
      change(this.#cluster.untilLeader(2_000), { kind: 'addLearner', learner: { id, uuid: diskOf(id) } })
      this.#cluster.run(100)
    }
    for (let round = this.#chance.between(2, 6); round > 0; round--) this.#halfHeard()
    this.#serves(this.#spared())
  }

  readonly change = (leader: Node, change: MemberChange): void => void this.#cluster.change(leader, change)

  #join(id: NodeId): void {
    const [first] = this.#cluster.nodes.values()
    const random = new Chance(id).fraction
    this.#cluster.add({ ...first!.options, id, uuid: diskOf(id), configuredVoters: [...this.#ids], random })
  }

  /** Somebody comes to lead, among those who hear each other; then only a few hear of what it does, and it may be gone. */
  #halfHeard(): void {
    const chance = this.#chance
    const cluster = this.#cluster
    for (const node of cluster.nodes.values())
      if (!cluster.isUp(node) && chance.happens(0.6)) cluster.restart(node)
    cluster.healLinks()
    if (chance.happens(0.6)) this.#part(this.#ids.filter(() => chance.happens(0.7)))
    for (const node of this.#leaders()) if (chance.happens(0.5)) cluster.crash(node)
    const leader = this.#nextLeader()
    if (leader === null) return
    if (chance.happens(0.4)) cluster.run(chance.between(10, 60))
    if (!this.#leaders().includes(leader)) return
    const learners = leader.raft.configuration!.learners.map(({ id }) => id)
    const hears = this.#ids.filter(id =>
      chance.happens(learners.includes(id) || id > this.#founders ? 0.5 : 0.2),
    )
    this.#part([leader.id, ...hears])
    this.#act(leader, learners)
    cluster.run(chance.between(1, 30))
    if (chance.happens(0.7) && cluster.isUp(leader)) cluster.crash(leader, chance.between(0, 3))
  }

  #part(some: readonly NodeId[]): void {
    const here = [...new Set(some)]
    this.#cluster.partition(
      here,
      this.#ids.filter(id => !here.includes(id)),
    )
  }

  #leaders(): Node[] {
    return [...this.#cluster.nodes.values()].filter(
      node => this.#cluster.isUp(node) && node.raft.role === 'LEADER',
    )
  }

  #nextLeader(): Node | null {
    const before = Math.max(...[...this.#cluster.nodes.values()].map(({ raft }) => raft.term))
    for (let ms = 0; ms < 1_500; ms++) {
      this.#cluster.run(1)
      const found = this.#leaders().find(({ raft }) => raft.term > before || ms > 800)
      if (found !== undefined) return found
    }
    return null
  }

  #act(leader: Node, learners: readonly NodeId[]): void {
    const chance = this.#chance
    const voters = leader.raft.configuration!.voters.map(({ id }) => id)
    const stranger = this.#ids.find(id => !voters.includes(id) && !learners.includes(id))
    const remove = chance.happens(0.3) ? [chance.pick(voters)] : []
    const act = chance.between(1, 5)
    if (act <= 2 && learners.length > 0)
      this.change(leader, { kind: 'voters', add: [chance.pick(learners)], remove })
    else if (act === 3 && learners.length > 0)
      this.change(leader, { kind: 'removeLearner', id: chance.pick(learners) })
    else if (act === 4 && stranger !== undefined)
      this.change(leader, { kind: 'addLearner', learner: { id: stranger, uuid: diskOf(stranger) } })
    else if (act === 4 && voters.length > 2)
      this.change(leader, { kind: 'voters', add: [], remove: [voters[0]!] })
    else this.#cluster.propose(leader, 'something')
  }

  /** Those that every configuration anybody may go by can spare. */
  #spared(): NodeId[] {
    const nodes = [...this.#cluster.nodes.values()]
    for (const node of nodes) if (!this.#cluster.isUp(node)) this.#cluster.restart(node)
    const configurations = nodes.flatMap(({ raft }) => raft.configuration ?? [])
    const spared: NodeId[] = []
    for (const id of this.#chance.shuffled([...this.#ids]))
      if (configurations.every(each => isQuorum(each, other => other !== id && !spared.includes(other))))
        spared.push(id)
    return spared
  }

  #serves(away: readonly NodeId[]): void {
    const cluster = this.#cluster
    // Whatever is under way comes to nothing.
    cluster.partition(...this.#ids.map(id => [id]))
    for (const id of away) cluster.crash(cluster.node(id))
    cluster.run(400)
    cluster.healLinks()
    cluster.faults = NO_FAULTS
    cluster.until(() => this.#agree(away), SERVES_MS, `a voter leads, and all but ${away} agree`)
    const { term } = cluster.leader()!.raft
    cluster.run(QUIET_MS)
    assert.equal(cluster.leader()?.raft.term, term, 'nobody runs any more')
  }

  #agree(away: readonly NodeId[]): boolean {
    const leader = this.#cluster.leader()
    if (leader === null) return false
    const { voters, outgoing, learners } = leader.raft.configuration!
    if (outgoing !== null || !voters.some(({ id }) => id === leader.id)) return false
    const members = [...voters, ...learners].map(({ id }) => id)
    return this.#cluster.agree(members.filter(id => !away.includes(id)))
  }
}
