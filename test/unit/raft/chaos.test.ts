import { test } from 'node:test'
import { assertHappened, ChaosRun, runSeeds, SEED, traced } from './chaos-run.ts'

/**
 * Random runs under every fault at once, one seed each, with members that stay the same. Replay one, with its events
 * printed:
 *
 *     SEED=17 node --test test/unit/raft/chaos.test.ts
 */
const RUNS = Number(process.env.RUNS ?? 25)
/** What each run of three nodes or more sees on average, at least. */
const LEAST = {
  elections: 3,
  truncations: 0.5,
  truncationsInFlight: 0.05,
  entryReads: 10,
  commits: 50,
  installs: 0.3,
  resets: 0.2,
  handOvers: 0.5,
  readsAnswered: 20,
  losses: 1,
  falseLosses: 0.5,
}

for (const size of [1, 2, 3, 4, 5]) {
  const seeds = Array.from({ length: RUNS }, (_, i) => i * 10 + size)
  if (SEED !== null && SEED % 10 !== size) continue
  test(`${size} nodes stay safe under all faults, and serve when they end (I1 to I22)`, () => {
    const seen = runSeeds('chaos.test.ts', SEED === null ? seeds : [SEED], (seed, print) => {
      const run = new ChaosRun(seed, size)
      return traced(run, print, () => {
        // Every second run founds the cluster in peace, so that more of it is spent on what follows.
        if (run.chance.happens(0.5)) run.cluster.untilLeader(2000)
        run.chaos()
        run.liveness()
      })
    })
    if (SEED === null && size > 2 && RUNS >= 20) assertHappened(seen, LEAST, RUNS)
  })
}
