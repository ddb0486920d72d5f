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
  // A run in which little happens proves little; how much happens in a minute is a matter of the machine.
  const struck = [...faults.values()].reduce((sum, count) => sum + count, 0)
  const answered = operations - unknown
  assert(
    answered > 5 * struck,
    `only ${answered} operations were answered, of ${operations}, in ${struck} faults`,
  )
  assert(faults.size >= 5, `only ${faults.size} kinds of faults`)
})
