import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPTIONS, type OptionSpec } from '../../../src/server/options.ts'
import { Cluster } from './cluster.ts'
import type { Node } from './node.ts'

/** What the default times come to: short enough to succeed a silent controller, long enough for one that only stalls. */

const defaultOf = (option: OptionSpec): number => Number(option.default)
const DEFAULTS = {
  electionTimeoutMs: defaultOf(OPTIONS.electionTimeoutMs),
  electionJitterMs: defaultOf(OPTIONS.electionJitterMs),
  heartbeatIntervalMs: defaultOf(OPTIONS.raftHeartbeatMs),
}
const SEEDS = Array.from({ length: 100 }, (_, i) => i + 1)

test('a silent leader is succeeded within 900 ms half of the time, and within 1,400 ms always', () => {
  const times = SEEDS.map(seed => {
    const { cluster, leader } = serving(seed)
    cluster.crash(leader)
    const began = cluster.now
    cluster.untilLeader(1_400)
    return cluster.now - began
  }).sort((a, b) => a - b)
  assert(times[times.length / 2]! <= 900, `median ${times[times.length / 2]} ms`)
})

test('a leader that is cut off is succeeded as fast, though it does not know yet', () => {
  for (const seed of SEEDS) {
    const { cluster, leader, others } = serving(seed)
    cluster.partition(
      [leader.id],
      others.map(({ id }) => id),
    )
    cluster.until(() => others.some(node => node.leads), 1_400, `seed ${seed}: a leader of the majority`)
  }
})

test('a process that stands still for 600 ms, the leader or another, costs no election', () => {
  for (const seed of SEEDS) {
    const { cluster, leader, others } = serving(seed)
    const { term } = leader.status
    for (const node of [leader, others[0]!, leader]) {
      cluster.pause(node, 600)
      cluster.run(2_000)
    }
    assert.deepEqual([cluster.leader()?.id, leader.status.term], [leader.id, term], `seed ${seed}`)
  }
})

function serving(seed: number): { cluster: Cluster; leader: Node; others: Node[] } {
  const cluster = Cluster.empty(seed, 3, DEFAULTS)
  const leader = cluster.untilLeader(30_000)
  cluster.until(() => cluster.agree(), 10_000, 'all agree')
  cluster.run(500 + ((seed * 7) % DEFAULTS.heartbeatIntervalMs))
  return { cluster, leader, others: [...cluster.nodes.values()].filter(node => node !== leader) }
}
