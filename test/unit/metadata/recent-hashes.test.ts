import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentHashes } from '../../../src/metadata/recent-hashes.ts'

test('what a node says is compared with what was here at that version, as long as that is known', () => {
  const hashes = new RecentHashes(3)
  for (const version of [1, 4, 5, 9]) hashes.add(version, { low: -version, high: version })
  assert.deepEqual(
    [1, 3, 4, 9].map(version => hashes.at(version)),
    [null, null, '00000004fffffffc', '00000009fffffff7'],
  )
  assert.deepEqual(
    [
      hashes.agrees(5, '00000005fffffffb'),
      hashes.agrees(5, 'another'),
      hashes.agrees(1, '00000001ffffffff'),
      hashes.agrees(6, 'x'),
    ],
    [true, false, null, null],
  )
})

test('what was never there is not known, be it a version that there cannot be', () => {
  const hashes = new RecentHashes(3)
  hashes.add(7, { low: 1, high: 2 })
  assert.deepEqual([hashes.at(-1), hashes.at(0), hashes.agrees(-1, '0000000000000000')], [null, null, null])
})
