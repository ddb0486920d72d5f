import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmqError } from '../../../src/base/errors.ts'
import { LinearizableReads } from '../../../src/consensus/linearizable-reads.ts'
import { FakeClock, settle } from './fake-clock.ts'

const FIRST_TOKEN = 1000

/** Reads on a node that has applied up to 10. */
function bench() {
  const clock = new FakeClock()
  const asked: number[] = []
  const reads = new LinearizableReads(clock, FIRST_TOKEN, 10, token => void asked.push(token))
  return { clock, asked, reads }
}

async function outcome(promise: Promise<number>): Promise<number | string> {
  let found: number | string = 'waits'
  promise.then(
    value => {
      found = value
    },
    (error: DmqError) => {
      found = error.code
    },
  )
  await settle()
  return found
}

test('a read that is answered with what is applied resolves at once', async () => {
  const { clock, asked, reads } = bench()
  const done = reads.add(1000)
  assert.deepEqual(asked, [FIRST_TOKEN + 1])
  assert.equal(await outcome(done), 'waits')
  reads.answered({ token: asked[0]!, index: 10 })
  assert.equal(await outcome(done), 10)
  assert.equal(clock.timers, 0)
})

test('a read waits until this node has applied what it must show', async () => {
  const { clock, asked, reads } = bench()
  const done = reads.add(1000)
  reads.answered({ token: asked[0]!, index: 12 })
  reads.appliedTo(11)
  assert.equal(await outcome(done), 'waits')
  reads.appliedTo(13)
  assert.equal(await outcome(done), 12)
  await clock.pass(5000)
  assert.deepEqual(asked, [FIRST_TOKEN + 1], 'it is not asked again')
})

test('what was applied before the answer counts', async () => {
  const { asked, reads } = bench()
  const done = reads.add(1000)
  reads.appliedTo(12)
  assert.equal(await outcome(done), 'waits', 'before the answer nothing is known')
  reads.answered({ token: asked[0]!, index: 12 })
  assert.equal(await outcome(done), 12)
})

test('every read asks for itself, with a token of its own', async () => {
  const { asked, reads } = bench()
  const done = [reads.add(1000), reads.add(1000), reads.add(1000)]
  assert.deepEqual(asked, [1001, 1002, 1003])
  reads.answered({ token: 1002, index: 9 })
  assert.deepEqual(await Promise.all(done.map(outcome)), ['waits', 9, 'waits'])
})

test('a read that nobody could answer is asked again soon, and one that nobody answered after a while', async () => {
  const { clock, asked, reads } = bench()
  const done = reads.add(1000)
  reads.answered({ token: 1001, index: null })
  await clock.pass(19)
  assert.deepEqual(asked, [1001])
  await clock.pass(1)
  assert.deepEqual(asked, [1001, 1002])
  await clock.pass(199)
  assert.deepEqual(asked, [1001, 1002])
  await clock.pass(1)
  assert.deepEqual(asked, [1001, 1002, 1003])
  reads.answered({ token: 1001, index: 3 })
  reads.answered({ token: 1002, index: 4 })
  assert.equal(await outcome(done), 'waits', 'a token that was replaced counts no more')
  reads.answered({ token: 1003, index: 5 })
  assert.equal(await outcome(done), 5)
  assert.equal(clock.timers, 0)
})

test('a refusal that was overtaken by an answer asks nothing', async () => {
  const { clock, asked, reads } = bench()
  const done = reads.add(1000)
  reads.answered({ token: 1001, index: null })
  reads.answered({ token: 1001, index: 12 })
  await clock.pass(500)
  assert.deepEqual(asked, [1001])
  reads.appliedTo(12)
  assert.equal(await outcome(done), 12)
})

test('a read that is not confirmed in time is rejected, and asks no more', async () => {
  const { clock, asked, reads } = bench()
  const silent = reads.add(500)
  const behind = reads.add(500)
  const rejected = [
    assert.rejects(silent, { code: 'NO_CONTROLLER', message: /within 500 ms/ }),
    assert.rejects(behind),
  ]
  reads.answered({ token: 1002, index: 99 })
  await clock.pass(499)
  assert.deepEqual([await outcome(silent), await outcome(behind)], ['waits', 'waits'])
  await clock.pass(1)
  await Promise.all(rejected)
  const count = asked.length
  await clock.pass(5000)
  assert.deepEqual([asked.length, clock.timers], [count, 0])
  reads.answered({ token: asked.at(-1)!, index: 1 })
  reads.appliedTo(100)
})

test('when the node stops, every read hears it, and nothing is asked any more', async () => {
  const { clock, asked, reads } = bench()
  const done = [reads.add(1000), reads.add(1000)]
  reads.answered({ token: 1002, index: 99 })
  reads.rejectAll(new DmqError('NOT_CONTROLLER', 'the node is stopping'))
  assert.deepEqual(await Promise.all(done.map(outcome)), ['NOT_CONTROLLER', 'NOT_CONTROLLER'])
  await clock.pass(5000)
  assert.deepEqual([asked.length, clock.timers], [2, 0])
})
