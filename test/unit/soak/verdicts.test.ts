import assert from 'node:assert/strict'
import { test } from 'node:test'
import { growthAfter, type MemorySample } from '../../../soak/memory.ts'
import { readOptions } from '../../../soak/options.ts'
import { electionsBetween } from '../../../soak/quorum.ts'
import { RefusedWrites } from '../../../soak/refused-writes.ts'

/** What the long runs judge by: each can fail. */
const MIB = 2 ** 20

function samples(rssMiB: (i: number) => number, heapMiB: (i: number) => number): MemorySample[] {
  return Array.from({ length: 40 }, (_, i) => {
    return { atMs: i * 1000, rssBytes: rssMiB(i) * MIB, heapUsedBytes: heapMiB(i) * MIB }
  })
}

test('memory that goes up and down has not grown, and what it does before it settles does not count', () => {
  const saw = samples(
    i => (i < 10 ? i * 10 : 150 + (i % 2)),
    i => 40 + (i % 5) * 8,
  )
  assert.deepEqual(growthAfter(10_000, saw), { rssBytes: 0, heapUsedBytes: 0 })
})

test('a leak shows although collections hide it at times', () => {
  const growth = growthAfter(
    0,
    samples(
      i => 150 + 2 * i,
      i => 40 + 2 * i + (i % 5) * 8,
    ),
  )
  assert.deepEqual(growth, { rssBytes: 60 * MIB, heapUsedBytes: 60 * MIB })
})

test('of too few samples nothing is said', () => {
  assert.equal(
    growthAfter(
      30_000,
      samples(
        () => 1,
        () => 1,
      ),
    ),
    null,
  )
})

test('a new term, another leader and an election that nobody won are elections', () => {
  const before = [{ nodeId: 1, term: 2, leaderId: 1, elections: 1, preVotes: 1 }]
  assert.deepEqual(electionsBetween(before, [{ ...before[0]!, preVotes: 2 }]), [])
  for (const change of [{ term: 3 }, { leaderId: 2 }, { elections: 2 }])
    assert.equal(electionsBetween(before, [{ ...before[0]!, ...change }]).length, 1, JSON.stringify(change))
})

function verdictOn(status: number, code: string, message = 'why', tookMs = 1): string[] {
  const writes = new RefusedWrites(7)
  writes.answered(writes.next(0), { status, code, message, sentAt: performance.now(), tookMs })
  return writes.violations
}

test('a minority may refuse clearly, or not know; it may not accept, be late, or fail to say why', () => {
  assert.deepEqual(verdictOn(503, 'NO_CONTROLLER'), [])
  assert.deepEqual(verdictOn(504, 'COMMIT_TIMEOUT'), [])
  assert.match(verdictOn(201, '')[0]!, /was answered 201/)
  assert.match(verdictOn(503, 'NO_CONTROLLER', '')[0]!, /was answered 503/)
  assert.match(verdictOn(503, 'INTERNAL')[0]!, /was answered 503/)
  assert.match(verdictOn(0, 'no answer')[0]!, /was answered 0/)
  assert.match(verdictOn(503, 'NO_CONTROLLER', 'why', 11_000)[0]!, /after 11000 ms/)
})

test('who has said that there is no controller takes nothing into its log any more', () => {
  const writes = new RefusedWrites(7)
  const early = writes.next(0)
  const sentAt = performance.now()
  writes.answered(writes.next(0), { status: 503, code: 'NO_CONTROLLER', message: 'why', sentAt, tookMs: 1 })
  const unknown = { status: 504, code: 'COMMIT_TIMEOUT', message: 'why', tookMs: 1 }
  writes.answered(early, { ...unknown, sentAt: sentAt - 1 })
  assert.deepEqual(writes.violations, [])
  writes.answered(writes.next(0), { ...unknown, sentAt: performance.now() + 1 })
  assert.match(writes.violations[0]!, /came when no controller was known/)
})

test('the mode is the first word, faults if there is none; each takes its own options', () => {
  const read = (...args: string[]) => {
    const options = readOptions(args)
    assert('name' in options, JSON.stringify(options))
    return options
  }
  assert.deepEqual(read('--seed', '3').values, { minutes: 10, seed: 3, nodes: 3, clients: 8 })
  assert.deepEqual([read().name, read('load').name, read('rejoin', '--json').json], ['faults', 'load', true])
  assert(read('minority', '--kill').flags.has('kill'))
  for (const args of [['loud'], ['load', '--seed', '1'], ['rejoin', '--entries', '0'], ['--minutes', 'x']])
    assert('wrong' in readOptions(args), args.join(' '))
  assert('help' in readOptions(['load', '--help']))
})
