import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { runScript } from './golden.ts'

/**
 * The rules as transcripts: each script of `golden/` tells a scenario and shows what every message brings about. Safety is
 * checked on the way. After a change that is meant, read the difference, then write it down:
 *
 *     UPDATE=1 node --test test/unit/raft/golden.test.ts
 */
const folder = join(import.meta.dirname, 'golden')

for (const file of globSync('*.txt', { cwd: folder }).sort()) {
  test(`golden: ${basename(file, '.txt')}`, () => {
    const path = join(folder, file)
    const text = readFileSync(path, 'utf8')
    const outcome = runScript(text)
    if (process.env.UPDATE !== undefined) writeFileSync(path, outcome)
    else assert.equal(outcome, text)
  })
}
