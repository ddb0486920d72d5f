import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CORPUS } from '../../simulator/corpus.ts'
import { runSeed } from '../../simulator/run.ts'

/** The simulator, as much of it as fits into every test run: old seeds, and some fixed fresh ones. For more: npm run simulate. */
const FRESH_FIRST = 9_000
const FRESH = 4

async function isSound(seed: number, nodes: number | null = null): Promise<void> {
  const { failure } = await runSeed({ seed, nodes, write: null })
  const size = nodes === null ? '' : ` --nodes ${nodes}`
  assert.equal(failure, null, `${failure?.text}\nreplay: npm run simulate -- --seed ${seed}${size} --trace`)
}

for (const { seed, nodes, why } of CORPUS) test(`seed ${seed}: ${why}`, () => isSound(seed, nodes))

test(`${FRESH} seeds from ${FRESH_FIRST} on are sound`, async () => {
  for (let i = 0; i < FRESH; i++) await isSound(FRESH_FIRST + i)
})
