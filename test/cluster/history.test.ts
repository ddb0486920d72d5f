import assert from 'node:assert/strict'
import { test } from 'node:test'
import { soak } from '../../soak/soak.ts'

test('a minute of kills, stops and cut links under eight clients leaves a linearizable history', async t => {
  const seed = Number(process.env.SEED ?? 1)
  const tell = (): void => {}
  const { operations, unknown, faults, violations } = await soak({
    seconds: 60,
    seed,
    nodes: 3,
    clients: 8,
    tell,
  })
  t.diagnostic(
    `seed ${seed}: ${operations} operations, ${unknown} of unknown outcome; ${[...faults].join(' ')}`,
  )
  assert.deepEqual(violations, [])
  assert(operations > 1_000, `only ${operations} operations`)
  assert(faults.size >= 5, `only ${faults.size} kinds of faults`)
})
