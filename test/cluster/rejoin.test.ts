import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rejoin } from '../../soak/rejoin.ts'

test('a node that comes back when the log it lacks is gone gets a snapshot, and the entries after it', async () => {
  const { figures, violations } = await rejoin({
    entries: 2_000,
    clients: 64,
    tell: () => {},
    args: ['--snapshot-bytes', '65536'],
  })
  assert.deepEqual(violations, [])
  assert(Number(figures.entriesAfterSnapshot) < 2_000)
})
