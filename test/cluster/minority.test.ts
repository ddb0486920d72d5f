import assert from 'node:assert/strict'
import { test } from 'node:test'
import { minority } from '../../soak/minority.ts'

/** Short: it ends with the refused writes, not with time. The memory of a long one is `npm run soak -- minority`. */
for (const gone of ['stop', 'kill'] as const)
  test(`two of three nodes are gone (${gone}): the third refuses 300 writes, and none of them is there later`, async () => {
    const { figures, violations } = await minority({
      seconds: Number.POSITIVE_INFINITY,
      refusalsMax: 300,
      clients: 8,
      gone,
      tell: () => {},
    })
    assert.deepEqual(violations, [])
    assert(Number(figures.refused) >= 300)
  })
