import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import type { NodeId } from '../../../src/raft/entry.ts'
import type { Envelope } from '../../../src/raft/message.ts'
import { Node, TIMING, voter } from './node.ts'
import { Safety } from './safety.ts'

/**
 * Random walks without any realism: at each step one message of the pool arrives, or one disk writes, or one node
 * campaigns, crashes or is asked to write. Leaders fall so often that half-replicated terms pile up, as in figure 8.
 * Only safety is checked; `chaos.test.ts` has time and liveness. Replay one walk:
 *
 *     SEED=17 node --test test/unit/raft/storm.test.ts
 */
const SEED = process.env.SEED === undefined ? null : Number(process.env.SEED)
const RUNS = Number(process.env.RUNS ?? 25)
const STEPS = 10_000
const POOL_MAX = 60

for (const size of [2, 3, 5]) {
  if (SEED !== null && SEED % 10 !== size) continue
  test(`${size} nodes stay safe whatever arrives in whatever order`, () => {
    const seeds = SEED === null ? Array.from({ length: RUNS }, (_, i) => i * 10 + size) : [SEED]
    const counts = seeds.map(walk)
    const sum = (what: 'elections' | 'truncations') => counts.reduce((total, one) => total + one[what], 0)
    if (SEED !== null) return
    assert(sum('elections') > 20 * RUNS, `${sum('elections')} elections`)
    assert(size === 2 || sum('truncations') > 5 * RUNS, `${sum('truncations')} truncations`)
  })
}

function walk(seed: number): Safety['counts'] {
  const storm = new Storm(seed, seed % 10)
  try {
    for (let step = 0; step < STEPS; step++) storm.step()
  } catch (error) {
    throw new Error(`replay with: SEED=${seed} node --test test/unit/raft/storm.test.ts`, { cause: error })
  }
  return storm.safety.counts
}

class Storm {
  readonly nodes = new Map<NodeId, Node>()
  readonly safety = new Safety(this.nodes)
  readonly chance: Chance
  readonly #down = new Set<Node>()
  readonly #calm: number
  #pool: Envelope[] = []
  #now = 0

  constructor(seed: number, size: number) {
    const chance = new Chance(seed)
    this.chance = chance
    this.#calm = chance.pick([20, 50, 200])
    const options = {
      appendBytesMax: chance.pick([1, 100, 4096]),
      tailBytesMax: chance.pick([0, 300, 100_000]),
    }
    for (let id = 1; id <= size; id++) {
      const { disk, options: recorded } = voter(id, size, [1], { options })
      this.nodes.set(id, new Node(recorded, disk, this.safety))
    }
  }

  step(): void {
    const { chance } = this
    const node = chance.pick([...this.nodes.values()])
    node.now = this.#now
    if (this.#down.has(node)) this.#restart(node)
    else if (chance.happens(this.#pool.length > 0 ? 1 / this.#calm : 0.3)) this.#disturb(node)
    else if (chance.happens(0.3)) this.#persist(node)
    else if (chance.happens(0.002)) node.step({ type: 'tick' })
    else this.#deliver()
    this.#collect(node)
  }

  #disturb(node: Node): void {
    const { chance } = this
    chance.pick([
      () => this.#campaign(node),
      () => this.#campaign(node),
      () => this.#propose(),
      () => this.#propose(),
      () => node.step({ type: 'sendFailed', peer: chance.pick([...this.nodes.keys()]) }),
      () => this.#crash(node),
    ])()
  }

  /** By now nobody thinks that a leader is live, and this node is the first to act on it. */
  #campaign(node: Node): void {
    this.#now += 2 * TIMING.electionTimeoutMs
    node.now = this.#now
    node.step({ type: 'tick' })
  }

  #propose(): void {
    for (const node of this.nodes.values()) {
      if (this.#down.has(node) || node.status.role !== 'LEADER') continue
      node.now = this.#now
      node.propose(`proposal ${node.log.length} of term ${node.status.term}`)
      this.#collect(node)
    }
  }

  #persist(node: Node): void {
    if (node.pending.length > 0) node.persistTogether(this.chance.between(1, node.pending.length))
  }

  #crash(node: Node): void {
    node.crash(this.chance.between(0, node.pending.length))
    this.#down.add(node)
  }

  #restart(node: Node): void {
    this.#down.delete(node)
    node.start()
  }

  /** Any message, often one of an election; some arrive once more later. */
  #deliver(): void {
    const { chance } = this
    const votes = chance.happens(0.5)
      ? this.#pool.filter(({ message }) => message.type.startsWith('vote'))
      : []
    const envelope = chance.pick(votes.length > 0 ? votes : this.#pool)
    if (envelope === undefined) return
    if (chance.happens(0.9)) this.#pool.splice(this.#pool.indexOf(envelope), 1)
    const node = this.nodes.get(envelope.to)!
    if (this.#down.has(node)) return
    node.now = this.#now
    if (chance.happens(0.2)) node.feed({ type: 'message', envelope })
    else node.step({ type: 'message', envelope })
    this.#collect(node)
  }

  #collect(node: Node): void {
    this.#pool.push(...node.outbox.splice(0))
    while (this.#pool.length > POOL_MAX) this.#pool.splice(this.chance.between(0, this.#pool.length - 1), 1)
    for (const request of node.reads.splice(0)) {
      const entries = node.disk.entries.slice(request.from - 1, Math.min(request.to, request.from + 1))
      node.feed({ type: 'entriesRead', request, entries })
    }
  }
}
