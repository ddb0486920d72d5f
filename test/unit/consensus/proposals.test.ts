import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DmqError } from '../../../src/base/errors.ts'
import { Proposals } from '../../../src/consensus/proposals.ts'
import { FakeClock, settle } from './fake-clock.ts'

/** What became of a promise: its value, the code of its error, or `waits`. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  let found: unknown = 'waits'
  promise.then(
    value => {
      found = value
    },
    (error: DmqError) => {
      found = error.code ?? error
    },
  )
  await settle()
  return found
}

function bench() {
  const clock = new FakeClock()
  return { clock, proposals: new Proposals(clock) }
}

test('a proposal is answered with its result when its entry is applied', async () => {
  const { clock, proposals } = bench()
  const done = proposals.add(1, 1000)
  assert.equal(clock.timers, 1)
  proposals.taken({ token: 1, entry: { index: 5, term: 2 } })
  proposals.applied(4, 2, 'other')
  assert.equal(await outcome(done), 'waits')
  proposals.applied(5, 2, 'result')
  assert.deepEqual(await outcome(done), { index: 5, result: 'result' })
  assert.equal(clock.timers, 0)
})

test('results go to those who asked for them', async () => {
  const { proposals } = bench()
  const done = [1, 2, 3].map(token => proposals.add(token, 1000))
  for (const token of [3, 1, 2]) proposals.taken({ token, entry: { index: 10 + token, term: 2 } })
  for (const token of [1, 2, 3]) proposals.applied(10 + token, 2, `result ${token}`)
  for (const token of [1, 2, 3])
    assert.deepEqual(await outcome(done[token - 1]!), { index: 10 + token, result: `result ${token}` })
})

test('a refusal says why', async () => {
  const { clock, proposals } = bench()
  const refusals = {
    notLeader: 'NOT_CONTROLLER',
    transferring: 'NOT_CONTROLLER',
    overloaded: 'OVERLOADED',
  } as const
  for (const [refused, code] of Object.entries(refusals)) {
    const done = proposals.add(1, 1000)
    proposals.taken({ token: 1, refused: refused as keyof typeof refusals })
    assert.equal(await outcome(done), code)
  }
  const done = proposals.add(1, 1000)
  proposals.taken({ token: 1, refused: 'membership', why: 'one change at a time' })
  await assert.rejects(done, { code: 'MEMBERSHIP_CHANGE_REFUSED', message: /one change at a time/ })
  assert.equal(clock.timers, 0)
})

test('an entry of another leader in the same place: it was not committed', async () => {
  const { proposals } = bench()
  const done = proposals.add(1, 1000)
  proposals.taken({ token: 1, entry: { index: 5, term: 2 } })
  proposals.applied(5, 3, 'not ours')
  await assert.rejects(done, { code: 'NOT_CONTROLLER', message: /another leader wrote over it/ })
})

test('nothing known in time: the outcome is unknown, whether the entry has a place or not', async () => {
  const { clock, proposals } = bench()
  const placed = proposals.add(1, 1000)
  const placeless = proposals.add(2, 1000)
  proposals.taken({ token: 1, entry: { index: 5, term: 2 } })
  await clock.pass(999)
  assert.deepEqual([await outcome(placed), await outcome(placeless)], ['waits', 'waits'])
  await clock.pass(1)
  await assert.rejects(placed, {
    code: 'COMMIT_TIMEOUT',
    message: /not committed within 1000 ms; it may still be/,
  })
  await assert.rejects(placeless, { code: 'COMMIT_TIMEOUT' })
  proposals.applied(5, 2, 'late')
  proposals.taken({ token: 2, entry: { index: 6, term: 2 } })
  proposals.applied(6, 2, 'late')
})

test('a snapshot that covers an entry leaves its outcome unknown, and others alone', async () => {
  const { proposals } = bench()
  const [covered, last, behind] = [1, 2, 3].map(token => proposals.add(token, 1000))
  for (const token of [1, 2, 3]) proposals.taken({ token, entry: { index: 4 + token, term: 2 } })
  proposals.skippedTo(6)
  for (const done of [covered!, last!]) assert.equal(await outcome(done), 'COMMIT_TIMEOUT')
  await assert.rejects(last!, /took over a snapshot; it may still be/)
  assert.equal(await outcome(behind!), 'waits')
  proposals.applied(7, 2, 'behind')
  assert.deepEqual(await outcome(behind!), { index: 7, result: 'behind' })
})

test('settled waits for everybody, placed or not, but no longer than it is told', async () => {
  const { clock, proposals } = bench()
  assert.equal(await outcome(proposals.settled(1000)), undefined)
  const one = proposals.add(1, 5000)
  const two = proposals.add(2, 5000)
  proposals.taken({ token: 1, entry: { index: 5, term: 2 } })
  const settled = proposals.settled(1000)
  const impatient = proposals.settled(100)
  await clock.pass(100)
  assert.deepEqual([await outcome(settled), await outcome(impatient)], ['waits', undefined])
  proposals.taken({ token: 2, refused: 'notLeader' })
  assert.equal(await outcome(settled), 'waits')
  proposals.applied(5, 2, null)
  assert.equal(await outcome(settled), undefined)
  await outcome(one)
  const three = proposals.add(3, 5000)
  const last = proposals.settled(1000)
  assert.equal(await outcome(last), 'waits')
  proposals.taken({ token: 3, refused: 'overloaded' })
  assert.deepEqual([await outcome(last), await outcome(three)], [undefined, 'OVERLOADED'])
  assert.equal(await outcome(two), 'NOT_CONTROLLER')
  assert.equal(clock.timers, 0)
})

test('when the node stops, what is in the log has an unknown outcome, and what is not is certainly not done', async () => {
  const { clock, proposals } = bench()
  const done = [1, 2].map(token => proposals.add(token, 1000))
  proposals.taken({ token: 1, entry: { index: 5, term: 2 } })
  proposals.stop()
  assert.deepEqual([await outcome(done[0]!), await outcome(done[1]!)], ['COMMIT_TIMEOUT', 'NOT_CONTROLLER'])
  assert.equal(clock.timers, 0)
})

test('what nobody asked for is no matter', () => {
  const { proposals } = bench()
  proposals.taken({ token: 9, entry: { index: 5, term: 2 } })
  proposals.taken({ token: 9, refused: 'notLeader' })
  proposals.applied(5, 2, null)
  proposals.skippedTo(9)
})
