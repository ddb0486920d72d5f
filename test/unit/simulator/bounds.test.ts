import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Run } from '../../../simulator/run.ts'

/** When the clients begin, and when the faults end: a run that oversteps either reports bugs that are none. */
const READY_MS = 5_000
const LONG_MS = 60_000

/** Three nodes with a leader, and nobody who breaks anything or writes. */
async function founded(seed: number): Promise<Run> {
  const run = new Run({ seed, nodes: 3, write: null })
  for (const machine of run.cluster.machines) run.nemesis.machines.startLater(machine, 0)
  const ready = () => run.workload.leader()?.process?.node?.consensus.leadership.ready === true
  await run.until(ready, READY_MS, 'a cluster is founded')
  return run
}

const topicCalls = (run: Run): number => run.history.calls.filter(({ input }) => input !== null).length

test('no client writes before all brokers are registered', async () => {
  const run = await founded(1)
  const leader = run.workload.leader()!
  const other = run.cluster.machines.find(machine => machine !== leader)!
  run.workload.burst(leader, 5)
  run.workload.contest(other)
  await run.advance(run.timeline.now + run.plan.raft.electionTimeoutMs)
  assert.equal(run.history.calls.length, 0)
  run.workload.start()
  await run.until(() => topicCalls(run) > 0, READY_MS, 'the clients begin')
  const before = topicCalls(run)
  run.workload.burst(leader, 5)
  assert.equal(topicCalls(run), before + 5)
})

for (const kind of ['strand', 'crashLoop'] as const)
  test(`once the faults are over, nothing falls that a ${kind} would have struck later`, async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const run = await founded(seed)
      const { counts } = run.coverage
      const struck = () => (counts.crashes ?? 0) + (counts.powerFailures ?? 0)
      run.nemesis.machines.strike(kind, run.workload.leader()!, 5_000)
      run.nemesis.stop([])
      const before = struck()
      await run.advance(run.timeline.now + LONG_MS)
      assert.equal(struck(), before)
    }
  })

test('once the faults are over, no read goes wrong that was to go wrong later', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const run = await founded(seed)
    Object.assign(run.plan, { faults: ['lateRead'] })
    let struck = 0
    for (const { drive } of run.cluster.machines) {
      drive.strike = () => {
        struck += 1
      }
    }
    run.nemesis.start()
    await run.until(() => (run.coverage.counts.lateReads ?? 0) > 0, LONG_MS, 'a read is to go wrong')
    run.nemesis.stop([])
    await run.advance(run.timeline.now + LONG_MS)
    assert.equal(struck, 0, `seed ${seed}`)
  }
})

test('once the faults are over, a link that somebody else cuts stays cut', async () => {
  const run = await founded(1)
  const leader = run.workload.leader()!
  const { links } = run.cluster.network
  const ways = run.cluster.ids.flatMap(a => run.cluster.ids.filter(b => b !== a).map(b => [a, b] as const))
  run.nemesis.machines.strike('strand', leader, 1_000)
  run.nemesis.stop([])
  for (const [from, to] of ways) links.cut(from, to)
  await run.advance(run.timeline.now + LONG_MS)
  for (const [from, to] of ways) assert.ok(links.isCut(from, to), `${from} to ${to}`)
})
