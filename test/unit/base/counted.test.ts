import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted } from '../../../src/base/counted.ts'

test('one is one, and anything else is several', () => {
  assert.deepEqual(
    [0, 1, 2].map(number => counted(number, 'partition')),
    ['0 partitions', '1 partition', '2 partitions'],
  )
  assert.deepEqual(
    [1, 3].map(number => counted(number, 'entry', 'entries')),
    ['1 entry', '3 entries'],
  )
})
