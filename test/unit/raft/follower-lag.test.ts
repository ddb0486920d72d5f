import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FollowerLag } from '../../../src/raft/follower-lag.ts'

const TERM = 3

test('as long as the leader has told nothing, nothing is known', () => {
  const lag = new FollowerLag()
  assert.equal(lag.behind(TERM, 5, 100), null)
})

test('a leader that has committed nothing yet tells so, and what follows it need not tell in an append', () => {
  const lag = new FollowerLag()
  lag.told(TERM, 0, 0, 100)
  assert.deepEqual(lag.behind(TERM, 0, 110), { entries: 0, ms: 0, caughtUp: true })
  lag.hinted(TERM, 2, 0, 120)
  assert.deepEqual(lag.behind(TERM, 0, 130), { entries: 2, ms: 10, caughtUp: true })
})

test('what the leader knows the follower to have does not tell how far the leader is', () => {
  const lag = new FollowerLag()
  lag.hinted(TERM, 5, 5, 100)
  assert.equal(lag.behind(TERM, 5, 100), null)
  lag.told(TERM, 9, 5, 110)
  lag.hinted(TERM, 6, 6, 120)
  assert.deepEqual(lag.behind(TERM, 6, 120), { entries: 3, ms: 10, caughtUp: false })
  lag.hinted(TERM, 11, 9, 130)
  assert.deepEqual(lag.behind(TERM, 9, 140), { entries: 2, ms: 10, caughtUp: true })
})

test('a follower that has applied all that was committed is not behind', () => {
  const lag = new FollowerLag()
  lag.told(TERM, 10, 10, 100)
  assert.deepEqual(lag.behind(TERM, 10, 5_000), { entries: 0, ms: 0, caughtUp: true })
})

test('what is missing is counted, and timed from when it was first told', () => {
  const lag = new FollowerLag()
  lag.told(TERM, 10, 4, 100)
  lag.told(TERM, 10, 4, 150)
  lag.told(TERM, 30, 6, 190)
  assert.deepEqual(lag.behind(TERM, 6, 200), { entries: 24, ms: 100, caughtUp: false })
  assert.deepEqual(lag.behind(TERM, 9, 250), { entries: 21, ms: 150, caughtUp: false })
})

test('a follower that keeps up is never behind for long, however much is always under way', () => {
  const lag = new FollowerLag()
  for (let now = 0; now < 10_000; now += 10) {
    // A thousand entries come every 10 ms, and are applied 20 ms later.
    const committed = 1_000 * (now / 10 + 1)
    const applied = Math.max(0, committed - 2_000)
    lag.told(TERM, committed, applied, now)
    assert.ok(lag.behind(TERM, applied, now)!.ms <= 30, `at ${now}`)
  }
})

test('a follower that falls back ever further is behind for ever longer', () => {
  const lag = new FollowerLag()
  let worst = 0
  for (let now = 10; now <= 10_000; now += 10) {
    lag.told(TERM, now, now / 2, now)
    worst = Math.max(worst, lag.behind(TERM, now / 2, now)!.ms)
  }
  assert.ok(worst > 2_500, `${worst}`)
})

test('old messages that come late take nothing back', () => {
  const lag = new FollowerLag()
  lag.told(TERM, 10, 4, 100)
  lag.told(TERM, 7, 8, 120)
  assert.deepEqual(lag.behind(TERM, 8, 130), { entries: 2, ms: 30, caughtUp: false })
})

test('who has once had all of it has caught up, though more keeps coming; with the next term it begins anew', () => {
  const lag = new FollowerLag()
  lag.told(TERM, 10, 4, 100)
  assert.equal(lag.behind(TERM, 9, 110)!.caughtUp, false)
  assert.equal(lag.behind(TERM, 10, 120)!.caughtUp, true)
  lag.told(TERM, 25, 10, 130)
  assert.deepEqual(lag.behind(TERM, 11, 140), { entries: 14, ms: 10, caughtUp: true })
  assert.equal(lag.behind(TERM + 1, 11, 150), null)
  lag.told(TERM + 1, 25, 11, 160)
  assert.deepEqual(lag.behind(TERM + 1, 11, 170), { entries: 14, ms: 10, caughtUp: false })
})
