import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { runSeed } from '../../simulator/run.ts'

/** What the seeds of the corpus rest on: a seed is the same run each time, and a bug would be noticed. For more: npm run mutate. */

test('one seed is one run, to the last byte', async () => {
  for (const seed of [2, 13]) {
    const told: string[][] = [[], []]
    const runs = []
    for (const lines of told)
      runs.push(await runSeed({ seed, nodes: null, write: line => void lines.push(line) }))
    assert.ok(told[0]!.length > 100, `${told[0]!.length} lines`)
    assert.deepEqual(told[0], told[1])
    assert.equal(runs[0]!.digest, runs[1]!.digest)
    const untold = await runSeed({ seed, nodes: null, write: null })
    assert.equal(untold.digest, runs[0]!.digest, 'telling the story does not change it')
  }
})

test('a planted bug is caught', () => {
  const script = join(import.meta.dirname, '../../simulator/mutate.ts')
  const { stdout, status } = spawnSync(process.execPath, [script, 'a leader counts what it has not synced'], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout)
  assert.match(stdout, /1 of 1 planted bugs were caught/)
})
