import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Inflight, Progress } from '../../../src/raft/progress.ts'

test('the window frees what is acknowledged, oldest first', () => {
  const inflight = new Inflight()
  inflight.add(3, 30)
  inflight.add(5, 20)
  inflight.add(9, 40)
  inflight.freeUpTo(4)
  assert.deepEqual([inflight.count, inflight.bytes], [2, 60])
  inflight.freeUpTo(9)
  assert.deepEqual([inflight.count, inflight.bytes], [0, 0])
})

test('a probe that matches becomes replication from there', () => {
  const progress = new Progress(1, 10, 0)
  progress.paused = true
  assert.equal(progress.matched(4, 7), true)
  assert.deepEqual(
    [progress.state, progress.match, progress.next, progress.paused],
    ['replicate', 4, 5, false],
  )
})

test('a match that is no news moves nothing back', () => {
  const progress = replicating(8)
  progress.next = 12
  assert.equal(progress.matched(5, 9), false)
  assert.deepEqual([progress.match, progress.next], [8, 12])
})

test('a match frees the window up to it only', () => {
  const progress = replicating(8)
  progress.inflight.add(9, 10)
  progress.inflight.add(10, 10)
  progress.matched(9, 1)
  assert.equal(progress.inflight.count, 1)
})

test('a refused probe goes back to the hint, but never to what matches, and never forward', () => {
  const toHint = new Progress(1, 10, 0)
  toHint.rejected(9, 3, 1)
  assert.equal(toHint.next, 4)
  const useless = new Progress(1, 10, 0)
  useless.rejected(9, 9, 1)
  assert.equal(useless.next, 9, 'a hint that leads nowhere still moves it by one')
  const matching = replicating(5)
  matching.becomeProbe(1)
  matching.next = 9
  matching.rejected(8, 2, 1)
  assert.equal(matching.next, 6)
})

test('only the refusal of the very probe that is under way counts', () => {
  const progress = new Progress(1, 10, 0)
  progress.paused = true
  progress.rejected(7, 2, 1)
  progress.rejected(12, 2, 1)
  assert.deepEqual([progress.next, progress.paused], [10, true])
})

test('a refusal while replicating means a gap: probe again behind the match, with an empty window', () => {
  const progress = replicating(5)
  progress.inflight.add(6, 10)
  progress.next = 7
  progress.commitTold = 5
  progress.rejected(6, 0, 1)
  assert.deepEqual([progress.state, progress.next, progress.inflight.count], ['probe', 6, 0])
  assert.equal(progress.commitTold, 0, 'what it was told may be lost as well')
})

test('a late refusal of what matches by now changes nothing', () => {
  const progress = replicating(5)
  progress.rejected(5, 0, 1)
  assert.deepEqual([progress.state, progress.next], ['replicate', 6])
})

function replicating(match: number): Progress {
  const progress = new Progress(1, match + 1, 0)
  progress.matched(match, 0)
  return progress
}
