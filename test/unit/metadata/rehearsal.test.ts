import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rehearseLoss } from '../../../src/metadata/rehearsal.ts'

test('in a rehearsal partitions change, the same in every round', () => {
  const first = rehearseLoss(0)
  assert(first > 5_000, `${first} partitions changed`)
  assert.equal(rehearseLoss(1), first)
})
