import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { CORPUS } from '../../simulator/corpus.ts'
import { runSeed } from '../../simulator/run.ts'

/**
 * The simulator, as much of it as fits into every test run: old seeds, some fixed fresh ones, and proof that it is the
 * same run each time and would notice a bug. For more: npm run simulate, npm run mutate.
 */
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

test('one seed is one run, to the last byte', async () => {
  for (const seed of [2, 13]) {
    const told: string[][] = [[], []]
    const runs = []
    for (const lines of told)
      runs.push(await runSeed({ seed, nodes: null, write: line => void lines.push(line) }))
    assert.deepEqual(told[0], told[1])
    assert.equal(runs[0]!.digest, runs[1]!.digest)
    const untold = await runSeed({ seed, nodes: null, write: null })
    assert.equal(untold.digest, runs[0]!.digest, 'telling the story does not change it')
  }
})

test('a planted bug is caught', () => {
  const script = join(import.meta.dirname, '../../simulator/mutate.ts')
  const { stdout, status } = spawnSync(process.execPath, [script, 'the later last term wins'], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout)
  assert.match(stdout, /1 of 1 planted bugs were caught/)
})
