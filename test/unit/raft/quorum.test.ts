import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasQuorum, majority, quorumIndex } from '../../../src/raft/quorum.ts'
import type { Configuration } from '../../../src/raft/voters.ts'

/** By the words of the paper: the highest index that more than half of the voters hold. */
function naive(matches: readonly number[]): number {
  let held = 0
  for (let index = 1; index <= Math.max(...matches); index++) {
    const holders = matches.filter(match => match >= index).length
    if (holders * 2 > matches.length) held = index
  }
  return held
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function configuration(voters: readonly number[], outgoing: readonly number[] | null = null): Configuration {
  const named = (ids: readonly number[]) => ids.map(id => ({ id, uuid: `disk-${id}` }))
  return {
    index: 1,
    clusterId: 'c',
    recoveryEpoch: 0,
    voters: named(voters),
    outgoing: outgoing && named(outgoing),
    learners: named([9]),
  }
}

/** Every set of some of these. */
function subsets(ids: readonly number[]): number[][] {
  return range(2 ** ids.length).map(code => ids.filter((_, i) => (code >> i) & 1))
}

test('while voters are exchanged, a quorum is a majority of both sets, for all sets of up to five (T9)', () => {
  const sets = subsets(range(5)).filter(set => set.length > 0)
  for (const voters of sets) {
    for (const outgoing of sets) {
      const joint = configuration(voters, outgoing)
      for (const yes of subsets(range(5))) {
        const most = (set: readonly number[]) => set.filter(id => yes.includes(id)).length * 2 > set.length
        const has = (id: number) => yes.includes(id)
        assert.equal(
          hasQuorum(joint, has),
          most(voters) && most(outgoing),
          `${yes} of ${voters} and ${outgoing}`,
        )
        assert.equal(
          quorumIndex(joint, id => (has(id) ? 7 : 3)),
          hasQuorum(joint, has) ? 7 : 3,
        )
      }
    }
  }
})

/** Every list of that length with numbers from 0 to `most`. */
function* lists(length: number, most: number): Generator<number[]> {
  for (let code = 0; code < (most + 1) ** length; code++) {
    yield Array.from({ length }, (_, i) => Math.floor(code / (most + 1) ** i) % (most + 1))
  }
}

for (let voters = 1; voters <= 7; voters++) {
  test(`the quorum index of ${voters} voters is the highest that a majority holds (T9)`, () => {
    // As many different values as voters would tell all orders apart; 4 do for six and seven, where majorities are 4.
    for (const matches of lists(voters, Math.min(voters, voters > 5 ? 4 : 5))) {
      const before = [...matches]
      const reached = quorumIndex(configuration(range(matches.length)), id => matches[id]!)
      assert.equal(reached, naive(matches), `of ${matches}`)
      assert.deepEqual(matches, before, 'the list is left as it was')
    }
  })

  test(`two majorities of ${voters} voters share one, and with one less they need not`, () => {
    assert(2 * majority(voters) > voters)
    assert(2 * (majority(voters) - 1) <= voters)
  })
}

test('nobody is no quorum', () => {
  assert.throws(() => majority(0), /a quorum needs a voter/)
  assert.throws(() => quorumIndex(configuration([]), () => 0), /a quorum needs a voter/)
})
