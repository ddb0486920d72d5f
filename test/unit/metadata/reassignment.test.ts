import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  beginMove,
  cancelMove,
  keepsData,
  originalReplicas,
  removingReplicas,
  withMoveDone,
} from '../../../src/metadata/reassignment.ts'
import { maskOf, membersOf, type Replication } from '../../../src/metadata/replication.ts'

type State = {
  readonly replicas: readonly number[]
  /** Where it is being moved to; the first `before` of the replicas are those of before. */
  readonly target?: readonly number[]
  readonly before?: number
  readonly leader?: number | null
  readonly isr?: readonly number[]
  readonly elr?: readonly number[]
  readonly last?: number | null
}

const WHY = { cause: 'MANUAL', startedAt: 7 } as const

function replication(state: State): Replication {
  const { replicas, target, before = replicas.length, leader = null, isr = [], elr = [], last = null } = state
  const mask = (brokerIds: readonly number[]) => maskOf(replicas, id => brokerIds.includes(id))
  const adding = mask(replicas.slice(before))
  const reassignment = target === undefined ? null : { ...WHY, target, adding }
  return { replicas, reassignment, leader, isr: mask(isr), elr: mask(elr), lastKnownLeader: last }
}

function viewOf(state: Replication) {
  const { replicas, reassignment, leader, isr, elr, lastKnownLeader } = state
  return {
    replicas,
    target: reassignment?.target ?? null,
    adding: membersOf(replicas, reassignment?.adding ?? 0),
    leader,
    isr: membersOf(replicas, isr),
    elr: membersOf(replicas, elr),
    last: lastKnownLeader,
  }
}

describe('a move that begins', () => {
  test('adds those that come behind those of before, and changes nobody who leads or is in sync', () => {
    const state = replication({ replicas: [1, 2, 3], leader: 2, isr: [2, 3], elr: [1] })
    assert.deepEqual(viewOf(beginMove(state, [5, 2, 4], WHY)), {
      replicas: [1, 2, 3, 5, 4],
      target: [5, 2, 4],
      adding: [5, 4],
      leader: 2,
      isr: [2, 3],
      elr: [1],
      last: null,
    })
  })

  test('tells its cause and its time', () => {
    const { reassignment } = beginMove(replication({ replicas: [1] }), [2], {
      cause: 'RECOVERY',
      startedAt: 99,
    })
    assert.deepEqual(reassignment, { target: [2], adding: 0b10, cause: 'RECOVERY', startedAt: 99 })
  })

  test('adds nobody where it only removes or changes the order', () => {
    const state = replication({ replicas: [1, 2, 3], leader: 1, isr: [1, 2, 3] })
    assert.deepEqual(viewOf(beginMove(state, [3, 1], WHY)).adding, [])
    assert.deepEqual(beginMove(state, [3, 1], WHY).replicas, [1, 2, 3])
  })

  test('in place of another begins from the replicas of before that, and drops what only that one added', () => {
    const state = replication({
      replicas: [1, 2, 4, 5],
      before: 2,
      target: [4, 5],
      leader: 4,
      isr: [1, 4, 5],
      elr: [2],
    })
    assert.deepEqual(viewOf(beginMove(state, [6, 5], WHY)), {
      replicas: [1, 2, 6, 5],
      target: [6, 5],
      adding: [6, 5],
      leader: null,
      isr: [1, 5],
      elr: [2],
      last: null,
    })
  })
})

describe('a move that is given up', () => {
  test('leaves the replicas of before, in their order, with what they hold', () => {
    const state = replication({
      replicas: [2, 1, 3],
      before: 2,
      target: [3, 1],
      leader: 1,
      isr: [1, 3],
      elr: [2],
    })
    const after = { replicas: [2, 1], target: null, adding: [], leader: 1, isr: [1], elr: [2], last: null }
    assert.deepEqual(viewOf(cancelMove(state)), after)
  })

  test('leaves no leader where that one was being added', () => {
    const state = replication({ replicas: [1, 2], before: 1, target: [2], leader: 2, isr: [1, 2] })
    assert.deepEqual([cancelMove(state).leader, cancelMove(state).lastKnownLeader], [null, null])
  })

  test('remembers who led last, if it is still there; else somebody who is eligible stands for it', () => {
    const state = { replicas: [1, 2, 3], before: 2, target: [3], elr: [2, 3] }
    assert.equal(cancelMove(replication({ ...state, last: 1 })).lastKnownLeader, 1)
    assert.equal(cancelMove(replication({ ...state, last: 3 })).lastKnownLeader, 2)
    assert.equal(cancelMove(replication({ ...state, last: null })).lastKnownLeader, null)
    assert.equal(cancelMove(replication({ ...state, elr: [3], last: 3 })).lastKnownLeader, null)
  })
})

test('the replicas of before are all but those that are added; those that go are all but the target', () => {
  const moving = replication({ replicas: [1, 2, 3, 4], before: 3, target: [4, 2] })
  assert.deepEqual(originalReplicas(moving), [1, 2, 3])
  assert.deepEqual(removingReplicas(moving), [1, 3])
  const still = replication({ replicas: [1, 2] })
  assert.deepEqual([originalReplicas(still), removingReplicas(still)], [[1, 2], []])
})

describe('a list of replicas keeps the data', () => {
  const cases: [string, State, readonly number[], boolean][] = [
    ['with one of the ISR in it', { replicas: [1, 2, 3], isr: [2, 3] }, [1, 2], true],
    ['not without any of the ISR', { replicas: [1, 2, 3], isr: [3] }, [1, 2], false],
    [
      'not with an eligible one only: the ISR went on without it',
      { replicas: [1, 3], isr: [3], elr: [1] },
      [1],
      false,
    ],
    ['with an eligible one while nobody is in sync', { replicas: [1, 3], elr: [1, 3], last: 3 }, [1], true],
    [
      'not without any eligible one while nobody is in sync',
      { replicas: [1, 3], elr: [3], last: 1 },
      [1],
      false,
    ],
    ['with who led last while nobody is eligible either', { replicas: [1, 3], last: 1 }, [1], true],
    ['not without who led last while nobody is eligible either', { replicas: [1, 3], last: 3 }, [1], false],
    ['when there is nobody to ask about', { replicas: [1, 3] }, [1], true],
  ]
  for (const [what, state, list, kept] of cases)
    test(what, () => assert.equal(keepsData(replication(state), list), kept))
})

describe('a move', () => {
  const cases: [string, State & { target: readonly number[] }, 'done' | 'goes on'][] = [
    [
      'goes on while one that comes is not in sync',
      { replicas: [1, 2, 3], before: 1, target: [2, 3], isr: [1, 2] },
      'goes on',
    ],
    [
      'is done with all of the target in sync, whoever else is',
      { replicas: [1, 2, 3], before: 1, target: [2, 3], isr: [1, 2, 3] },
      'done',
    ],
    [
      'is done with all of the target in sync, though one that goes is eligible',
      { replicas: [1, 2], before: 1, target: [2], isr: [2], elr: [1] },
      'done',
    ],
    [
      'goes on while one that stays is not in sync, and one that goes is',
      { replicas: [1, 2, 3], before: 2, target: [2, 3], isr: [1, 3] },
      'goes on',
    ],
    [
      'goes on while one that stays is not in sync, and one that goes is eligible',
      { replicas: [1, 2, 3], before: 2, target: [2, 3], isr: [3], elr: [1] },
      'goes on',
    ],
    [
      'is done though one that stays is away, when those that go hold nothing',
      { replicas: [1, 2, 3], before: 2, target: [2, 3], isr: [3] },
      'done',
    ],
    [
      'is done though one that stays is eligible only, when those that go hold nothing',
      { replicas: [1, 2, 3], before: 2, target: [2, 3], isr: [3], elr: [2] },
      'done',
    ],
    [
      'goes on while one of several that come is away, though those that go hold nothing',
      { replicas: [1, 2, 3, 4], before: 2, target: [2, 3, 4], isr: [2, 3] },
      'goes on',
    ],
    [
      'that only removes is done when it removes nobody in sync',
      { replicas: [1, 2, 3], target: [2, 3], isr: [2] },
      'done',
    ],
    [
      'that only removes goes on while only one that goes is in sync',
      { replicas: [1, 2, 3], target: [2, 3], isr: [1] },
      'goes on',
    ],
    [
      'that only changes the order is done with anybody in sync',
      { replicas: [1, 2], target: [2, 1], isr: [1] },
      'done',
    ],
    ['goes on while nobody is in sync', { replicas: [1, 2], target: [2, 1], elr: [1], last: 1 }, 'goes on'],
  ]
  for (const [what, given, outcome] of cases)
    test(what, () => {
      const state = replication({ ...given, leader: given.isr?.[0] ?? null })
      const after = withMoveDone(state)
      if (outcome === 'goes on') return assert.equal(after, state)
      const { target, isr = [], elr = [] } = given
      assert.equal(after.reassignment, null)
      assert.deepEqual(after.replicas, target)
      assert.deepEqual(new Set(membersOf(target, after.isr)), new Set(isr.filter(id => target.includes(id))))
      assert.deepEqual(
        membersOf(target, after.elr),
        elr.filter(id => target.includes(id)),
      )
      const { leader } = state
      assert.equal(after.leader, leader !== null && target.includes(leader) ? leader : null)
    })

  test('that is none is the same state', () => {
    const state = replication({ replicas: [1], leader: 1, isr: [1] })
    assert.equal(withMoveDone(state), state)
  })
})

test('masks of thirty replicas are moved without a fault', () => {
  const before = Array.from({ length: 15 }, (_, i) => i)
  const target = Array.from({ length: 15 }, (_, i) => 100 + i)
  const moving = beginMove(replication({ replicas: before, leader: 0, isr: before }), target, WHY)
  assert.deepEqual(membersOf(moving.replicas, moving.reassignment!.adding), target)
  assert.deepEqual(originalReplicas(moving), before)
  const done = withMoveDone({ ...moving, isr: moving.isr | moving.reassignment!.adding })
  assert.deepEqual([done.replicas, membersOf(done.replicas, done.isr)], [target, target])
})
