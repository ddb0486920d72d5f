import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lowerBound } from '../../../src/base/lower-bound.ts'

test('counts the positions that come before, and asks for none outside', () => {
  for (let count = 0; count <= 20; count++) {
    for (let before = 0; before <= count; before++) {
      const found = lowerBound(count, position => {
        assert(position >= 0 && position < count, `asked for ${position} of ${count}`)
        return position < before
      })
      assert.equal(found, before)
    }
  }
})

test('looks at few positions, however many there are', () => {
  let looks = 0
  const found = lowerBound(1_000_000, position => {
    looks += 1
    return position < 123_456
  })
  assert.equal(found, 123_456)
  assert(looks <= 20, `${looks} looks`)
})
