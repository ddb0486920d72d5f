import assert from 'node:assert/strict'
import { test } from 'node:test'
import { majority, quorumIndex } from '../../../src/raft/quorum.ts'

/** By the words of the paper: the highest index that more than half of the voters hold. */
function naive(matches: readonly number[]): number {
  let held = 0
  for (let index = 1; index <= Math.max(...matches); index++) {
    const holders = matches.filter(match => match >= index).length
    if (holders * 2 > matches.length) held = index
  }
  return held
}

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
      assert.equal(quorumIndex(matches), naive(matches), `of ${matches}`)
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
  assert.throws(() => quorumIndex([]), /a quorum needs a voter/)
})
