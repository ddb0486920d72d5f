import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  bitOf,
  countOf,
  elect,
  maskOf,
  membersOf,
  minIsrOf,
  newReplication,
  REPLICATION_FACTOR_MAX,
  type Replication,
  type Rules,
  sameReplication,
  settle,
  underRules,
  withoutReplica,
} from '../../../src/metadata/replication.ts'

const SEED = { seed: 20_261_121 }

/** A partition in broker ids; replicas are 1, 2, 3 if nothing else is said. */
type State = {
  readonly replicas?: readonly number[]
  readonly leader: number | null
  readonly isr: readonly number[]
  readonly elr?: readonly number[]
  readonly last?: number | null
}

type Case = {
  readonly what: string
  readonly before: State
  readonly active: readonly number[]
  readonly draining?: readonly number[]
  readonly minIsr?: number
  readonly unclean?: boolean
  readonly after: State
}

function replication({ replicas = [1, 2, 3], leader, isr, elr = [], last = null }: State): Replication {
  const mask = (brokerIds: readonly number[]) => maskOf(replicas, id => brokerIds.includes(id))
  return { replicas, reassignment: null, leader, isr: mask(isr), elr: mask(elr), lastKnownLeader: last }
}

function rulesOf({ active, draining = [], minIsr = 1, unclean = false }: Case): Rules {
  return { minIsr, unclean, isActive: id => active.includes(id), isDraining: id => draining.includes(id) }
}

function assertState(
  actual: Replication,
  { replicas = [1, 2, 3], leader, isr, elr = [], last = null }: State,
) {
  const view = {
    leader: actual.leader,
    isr: membersOf(replicas, actual.isr),
    elr: membersOf(replicas, actual.elr),
    last: actual.lastKnownLeader,
  }
  assert.deepEqual(view, { leader, isr, elr, last })
}

describe('an election', () => {
  const cases: Case[] = [
    {
      what: 'keeps a leader that is active and in the ISR, though another is preferred',
      before: { leader: 3, isr: [1, 3] },
      active: [1, 2, 3],
      after: { leader: 3, isr: [1, 3] },
    },
    {
      what: 'takes the first of the ISR in replica order',
      before: { replicas: [2, 3, 1], leader: null, isr: [1, 3], last: 2 },
      active: [1, 2, 3],
      after: { replicas: [2, 3, 1], leader: 3, isr: [3, 1] },
    },
    {
      what: 'passes over members of the ISR that are not active',
      before: { leader: null, isr: [1, 2, 3] },
      active: [3],
      after: { leader: 3, isr: [1, 2, 3] },
    },
    {
      what: 'replaces a leader that is not in the ISR',
      before: { leader: 1, isr: [2, 3] },
      active: [1, 2, 3],
      after: { leader: 2, isr: [2, 3] },
    },
    {
      what: 'replaces a leader that is not active',
      before: { leader: 1, isr: [1, 2] },
      active: [2],
      after: { leader: 2, isr: [1, 2] },
    },
    {
      what: 'takes an eligible replica where the ISR is empty, and that one alone is in sync then',
      before: { leader: null, isr: [], elr: [2], last: 2 },
      active: [1, 2, 3],
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'takes eligible replicas in replica order',
      before: { replicas: [3, 1, 2], leader: null, isr: [], elr: [1, 2], last: 2 },
      active: [1, 2, 3],
      after: { replicas: [3, 1, 2], leader: 1, isr: [1] },
    },
    {
      what: 'leaves the others eligible while the new leader alone is below the minimum',
      before: { leader: null, isr: [], elr: [1, 2], last: 2 },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 2, isr: [2], elr: [1] },
    },
    {
      what: 'has nobody eligible left when the new leader alone is the minimum',
      before: { leader: null, isr: [], elr: [1, 2], last: 2 },
      active: [2, 3],
      minIsr: 1,
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'takes no replica that is neither in sync nor eligible',
      before: { leader: null, isr: [], elr: [1], last: 1 },
      active: [2, 3],
      after: { leader: null, isr: [], elr: [1], last: 1 },
    },
    {
      what: 'remembers who led when nobody can',
      before: { leader: 1, isr: [], elr: [1] },
      active: [2, 3],
      after: { leader: null, isr: [], elr: [1], last: 1 },
    },
    {
      what: 'takes who led last when nobody is in sync or eligible',
      before: { leader: null, isr: [], last: 2 },
      active: [1, 2, 3],
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'does not take who led last while another is eligible',
      before: { leader: null, isr: [], elr: [1], last: 2 },
      active: [2, 3],
      after: { leader: null, isr: [], elr: [1], last: 2 },
    },
    {
      what: 'does not take who led last while its broker is not active',
      before: { leader: null, isr: [], last: 2 },
      active: [1, 3],
      after: { leader: null, isr: [], last: 2 },
    },
    {
      what: 'does not take who led last when it holds no replica any more',
      before: { replicas: [1, 3], leader: null, isr: [], last: 2 },
      active: [1, 2, 3],
      after: { replicas: [1, 3], leader: null, isr: [], last: 2 },
    },
    {
      what: 'takes the first active replica where the config allows it, and nobody else stays eligible',
      before: { leader: null, isr: [], elr: [1], last: 1 },
      active: [2, 3],
      unclean: true,
      minIsr: 2,
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'prefers an eligible replica to an unclean election',
      before: { leader: null, isr: [], elr: [3], last: 3 },
      active: [1, 2, 3],
      unclean: true,
      after: { leader: 3, isr: [3] },
    },
    {
      what: 'prefers who led last to an unclean election',
      before: { leader: null, isr: [], last: 3 },
      active: [1, 2, 3],
      unclean: true,
      after: { leader: 3, isr: [3] },
    },
    {
      what: 'finds nobody where no replica is active, whatever the config allows',
      before: { leader: null, isr: [], elr: [1], last: 1 },
      active: [4],
      unclean: true,
      after: { leader: null, isr: [], elr: [1], last: 1 },
    },
  ]
  for (const one of cases)
    test(one.what, () => assertState(elect(replication(one.before), rulesOf(one)), one.after))

  test('of a partition that needs none gives back the same state', () => {
    const state = replication({ leader: 1, isr: [1, 2] })
    const rules = { minIsr: 1, unclean: true, isActive: () => true, isDraining: () => false }
    assert.equal(elect(state, rules), state)
  })
})

/** Broker 1 leaves, and is not active any more. */
describe('a broker that stops', () => {
  const cases: Case[] = [
    {
      what: 'hands its leadership to the next of the ISR in replica order',
      before: { replicas: [1, 3, 2], leader: 1, isr: [1, 2, 3] },
      active: [2, 3],
      after: { replicas: [1, 3, 2], leader: 3, isr: [3, 2] },
    },
    {
      what: 'leaves the ISR without a new leader where it followed',
      before: { leader: 2, isr: [1, 2, 3] },
      active: [2, 3],
      after: { leader: 2, isr: [2, 3] },
    },
    {
      what: 'stays eligible as the last member of the ISR (minimum 1)',
      before: { leader: 1, isr: [1] },
      active: [2, 3],
      minIsr: 1,
      after: { leader: null, isr: [], elr: [1], last: 1 },
    },
    {
      what: 'is not eligible while those that stay reach the minimum (minimum 1)',
      before: { leader: 1, isr: [1, 2] },
      active: [2, 3],
      minIsr: 1,
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'is eligible where those that stay fall below the minimum (minimum 2)',
      before: { leader: 1, isr: [1, 2] },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 2, isr: [2], elr: [1] },
    },
    {
      what: 'is not eligible while those that stay reach the minimum (minimum 2)',
      before: { leader: 1, isr: [1, 2, 3] },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 2, isr: [2, 3] },
    },
    {
      what: 'joins those that were eligible before it (minimum 2)',
      before: { leader: 1, isr: [1], elr: [2] },
      active: [3],
      minIsr: 2,
      after: { leader: null, isr: [], elr: [1, 2], last: 1 },
    },
    {
      what: 'is followed by an eligible replica that is back, and stays eligible (minimum 2)',
      before: { leader: 1, isr: [1], elr: [3] },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 3, isr: [3], elr: [1] },
    },
    {
      what: 'stays eligible where it was so and out of the ISR already',
      before: { leader: 2, isr: [2], elr: [1] },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 2, isr: [2], elr: [1] },
    },
    {
      what: 'is not made eligible by leaving where it was behind already',
      before: { leader: 2, isr: [2] },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'is not eligible where an unclean election takes another',
      before: { leader: 1, isr: [1] },
      active: [3],
      unclean: true,
      after: { leader: 3, isr: [3] },
    },
  ]
  for (const one of cases)
    test(one.what, () =>
      assertState(withoutReplica(replication(one.before), 1, false, rulesOf(one)), one.after),
    )
})

describe('a broker that may have lost data', () => {
  const cases: Case[] = [
    {
      what: 'leaves the ISR, and is not eligible though the minimum is missed',
      before: { leader: 1, isr: [1, 2] },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'is eligible no longer',
      before: { leader: 2, isr: [2], elr: [1, 3] },
      active: [2, 3],
      minIsr: 2,
      after: { leader: 2, isr: [2], elr: [3] },
    },
    {
      what: 'is not eligible as the last member of the ISR, but is remembered as the last leader',
      before: { leader: 1, isr: [1] },
      active: [2, 3],
      after: { leader: null, isr: [], last: 1 },
    },
    {
      what: 'makes room for another that led last, where it was the last one eligible',
      before: { leader: null, isr: [], elr: [1], last: 2 },
      active: [2, 3],
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'makes room for nobody while another is eligible',
      before: { leader: null, isr: [], elr: [1, 3], last: 1 },
      active: [2],
      after: { leader: null, isr: [], elr: [3], last: 1 },
    },
  ]
  for (const one of cases)
    test(one.what, () =>
      assertState(withoutReplica(replication(one.before), 1, true, rulesOf(one)), one.after),
    )
})

describe('new rules', () => {
  const cases: Case[] = [
    {
      what: 'end eligibility where the ISR reaches a lower minimum: it commits without the others now',
      before: { leader: 1, isr: [1], elr: [2, 3] },
      active: [1],
      minIsr: 1,
      after: { leader: 1, isr: [1] },
    },
    {
      what: 'leave replicas eligible while the ISR is below a lower minimum still',
      before: { leader: 1, isr: [1], elr: [2, 3] },
      active: [1],
      minIsr: 2,
      after: { leader: 1, isr: [1], elr: [2, 3] },
    },
    {
      what: 'leave replicas eligible where nobody is in sync, whatever the minimum',
      before: { leader: null, isr: [], elr: [1, 2], last: 2 },
      active: [3],
      minIsr: 1,
      after: { leader: null, isr: [], elr: [1, 2], last: 2 },
    },
    {
      what: 'let any active replica lead at once where they allow it',
      before: { leader: null, isr: [], elr: [1], last: 1 },
      active: [3],
      unclean: true,
      after: { leader: 3, isr: [3] },
    },
    {
      what: 'do not replace a leader',
      before: { leader: 2, isr: [2, 3] },
      active: [1, 2, 3],
      unclean: true,
      minIsr: 3,
      after: { leader: 2, isr: [2, 3] },
    },
  ]
  for (const one of cases)
    test(one.what, () => assertState(underRules(replication(one.before), rulesOf(one)), one.after))
})

describe('a new partition', () => {
  test('has every active replica in sync, and is led by the first of them', () => {
    assertState(newReplication([3, 1, 2], { isActive: id => id !== 3, isDraining: () => false }), {
      replicas: [3, 1, 2],
      leader: 1,
      isr: [1, 2],
    })
  })

  test('without an active replica has no leader', () => {
    assertState(newReplication([1, 2, 3], { isActive: () => false, isDraining: () => false }), {
      leader: null,
      isr: [],
    })
  })
})

describe('masks', () => {
  const lists = fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: REPLICATION_FACTOR_MAX })

  test('hold any subset of the longest replica list', () => {
    fc.assert(
      fc.property(lists, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (replicas, chosen) => {
        const members = replicas.filter((_, i) => chosen[i])
        const mask = maskOf(replicas, brokerId => members.includes(brokerId))
        assert.deepEqual(membersOf(replicas, mask), members)
        assert.equal(countOf(mask), members.length)
        assert.equal(
          members.reduce((sum, brokerId) => sum | bitOf(replicas, brokerId), 0),
          mask,
        )
        assert(mask >= 0 && mask < 2 ** 30)
      }),
      SEED,
    )
  })

  test('have no bit for a broker without a replica', () => {
    assert.equal(bitOf([1, 2], 3), 0)
  })
})

/** Elections prefer whoever is not being drained; who is leads only what nobody else can. */
describe('while brokers are drained, an election', () => {
  const cases: Case[] = [
    {
      what: 'takes the first of the ISR that is not drained',
      before: { leader: null, isr: [1, 2, 3], last: 1 },
      active: [1, 2, 3],
      draining: [1],
      after: { leader: 2, isr: [1, 2, 3] },
    },
    {
      what: 'takes the first of the ISR where all are drained',
      before: { leader: null, isr: [2, 3], last: 1 },
      active: [1, 2, 3],
      draining: [2, 3],
      after: { leader: 2, isr: [2, 3] },
    },
    {
      what: 'does not take one that is drained and not active',
      before: { leader: null, isr: [1, 2] },
      active: [2],
      draining: [1, 2],
      after: { leader: 2, isr: [1, 2] },
    },
    {
      what: 'takes an eligible replica that is not drained before one that is',
      before: { leader: null, isr: [], elr: [1, 3], last: 1 },
      active: [1, 2, 3],
      draining: [1],
      minIsr: 2,
      after: { leader: 3, isr: [3], elr: [1] },
    },
    {
      what: 'takes an eligible replica that is drained before one that is not eligible',
      before: { leader: null, isr: [], elr: [1], last: 1 },
      active: [1, 2, 3],
      draining: [1],
      unclean: true,
      after: { leader: 1, isr: [1] },
    },
    {
      what: 'takes who led last though it is drained',
      before: { leader: null, isr: [], last: 1 },
      active: [1, 2],
      draining: [1],
      unclean: true,
      after: { leader: 1, isr: [1] },
    },
    {
      what: 'that is unclean takes the first that is not drained',
      before: { leader: null, isr: [], elr: [3], last: 3 },
      active: [1, 2],
      draining: [1],
      unclean: true,
      after: { leader: 2, isr: [2] },
    },
    {
      what: 'that is unclean takes one that is drained where there is no other',
      before: { leader: null, isr: [], elr: [3], last: 3 },
      active: [1, 2],
      draining: [1, 2],
      unclean: true,
      after: { leader: 1, isr: [1] },
    },
  ]
  for (const one of cases)
    test(one.what, () => assertState(elect(replication(one.before), rulesOf(one)), one.after))
})

describe('a leader that is being drained', () => {
  const cases: Case[] = [
    {
      what: 'hands over to the first other of the ISR in replica order',
      before: { replicas: [2, 3, 1], leader: 2, isr: [2, 3, 1] },
      active: [1, 2, 3],
      draining: [2],
      after: { replicas: [2, 3, 1], leader: 3, isr: [2, 3, 1] },
    },
    {
      what: 'passes over those that are drained as well',
      before: { leader: 1, isr: [1, 2, 3] },
      active: [1, 2, 3],
      draining: [1, 2],
      after: { leader: 3, isr: [1, 2, 3] },
    },
    {
      what: 'stays where all of the ISR are drained, though it is not the first of them',
      before: { leader: 2, isr: [1, 2], elr: [] },
      active: [1, 2, 3],
      draining: [1, 2],
      after: { leader: 2, isr: [1, 2] },
    },
    {
      what: 'stays where nobody else is in sync, whoever is eligible or live',
      before: { leader: 1, isr: [1], elr: [2] },
      active: [1, 2, 3],
      draining: [1],
      minIsr: 2,
      unclean: true,
      after: { leader: 1, isr: [1], elr: [2] },
    },
    {
      what: 'is no matter while another leads',
      before: { leader: 3, isr: [1, 2, 3] },
      active: [1, 2, 3],
      draining: [1],
      after: { leader: 3, isr: [1, 2, 3] },
    },
  ]
  for (const one of cases)
    test(one.what, () => assertState(settle(replication(one.before), rulesOf(one)), one.after))

  test('yields to nobody by an election: only settling asks it to', () => {
    const state = replication({ leader: 1, isr: [1, 2] })
    const rules = { minIsr: 1, unclean: false, isActive: () => true, isDraining: (id: number) => id === 1 }
    assert.equal(elect(state, rules), state)
    assert.equal(settle(state, rules).leader, 2)
  })
})

test('a new partition is led by the first active replica that is not drained', () => {
  const rules = { isActive: (id: number) => id !== 2, isDraining: (id: number) => id === 1 }
  assertState(newReplication([1, 2, 3], rules), { leader: 3, isr: [1, 3] })
})

/** Replicas 1 and 2 are to be 2, 3 and 4. */
describe('what happens while replicas are moved', () => {
  const moving = (state: State): Replication => ({
    ...replication({ replicas: [1, 2, 3, 4], ...state }),
    reassignment: { target: [2, 3, 4], adding: 0b1100, cause: 'MANUAL', startedAt: 7 },
  })
  const rules = (minIsr: number, ...active: number[]): Rules => ({
    minIsr,
    unclean: false,
    isActive: id => active.includes(id),
    isDraining: () => false,
  })

  test('is under the minimum of the replicas of before', () => {
    assert.equal(minIsrOf(moving({ leader: 1, isr: [1] }), { minIsr: 3 }), 2)
    assert.equal(minIsrOf(moving({ leader: 1, isr: [1] }), { minIsr: 1 }), 1)
    assert.equal(minIsrOf(replication({ leader: 1, isr: [1] }), { minIsr: 9 }), 3)
  })

  test('ends in one step: done, elected, with the ELR of the larger minimum', () => {
    const done = settle(moving({ leader: 1, isr: [1, 2, 3, 4] }), rules(3, 1, 2, 3, 4))
    assert.equal(done.reassignment, null)
    assertState(done, { replicas: [2, 3, 4], leader: 2, isr: [2, 3, 4] })
  })

  test('ends with a minimum that a smaller list meets: nobody is eligible any more', () => {
    const state: Replication = {
      ...replication({ leader: 1, isr: [1], elr: [2, 3] }),
      reassignment: { target: [1, 2], adding: 0, cause: 'MANUAL', startedAt: 7 },
    }
    assert.equal(settle(state, rules(3, 1)), state, 'replica 3 is eligible')
    const done = settle({ ...state, elr: 0b010, isr: 0b001 }, rules(1, 1))
    assertState(done, { replicas: [1, 2], leader: 1, isr: [1] })
  })

  test('makes a draining leader hand over to one that comes', () => {
    const draining = { ...rules(1, 1, 3), isDraining: (id: number) => id === 1 }
    assertState(settle(moving({ leader: 1, isr: [1, 3] }), draining), {
      replicas: [1, 2, 3, 4],
      leader: 3,
      isr: [1, 3],
    })
  })

  test('elects one that goes, or that comes, where it is in sync', () => {
    const state = moving({ leader: null, isr: [], elr: [1, 3], last: 3 })
    assertState(elect(state, rules(2, 1, 3)), { replicas: [1, 2, 3, 4], leader: 1, isr: [1], elr: [3] })
    assertState(elect(state, rules(2, 3)), { replicas: [1, 2, 3, 4], leader: 3, isr: [3], elr: [1] })
  })

  test('leaves nobody eligible beside a new leader that is the minimum of before', () => {
    const state: Replication = {
      ...replication({ replicas: [1, 2], leader: null, isr: [], elr: [1, 2], last: 1 }),
      reassignment: { target: [2, 1], adding: 0b10, cause: 'MANUAL', startedAt: 7 },
    }
    assertState(elect(state, rules(2, 2)), { replicas: [1, 2], leader: 2, isr: [2] })
  })

  test('is done when the last that goes leaves the ISR without being eligible', () => {
    const before = moving({ leader: 1, isr: [1, 3, 4] })
    const done = withoutReplica(before, 1, false, rules(2, 3, 4))
    assertState(done, { replicas: [2, 3, 4], leader: 3, isr: [3, 4] })
    assert.equal(done.reassignment, null)
    const still = withoutReplica(moving({ leader: 1, isr: [1, 3] }), 1, false, rules(2, 3))
    assertState(still, { replicas: [1, 2, 3, 4], leader: 3, isr: [3], elr: [1] })
  })
})

test('replications are the same when replicas, move, leader, ISR, ELR and last leader are', () => {
  const state = replication({ leader: 1, isr: [1, 2], elr: [3] })
  assert(sameReplication(state, { ...state }))
  const reassignment = { target: [1], adding: 0, cause: 'MANUAL', startedAt: 7 } as const
  const others = [{ leader: 2 }, { isr: 1 }, { elr: 0 }, { lastKnownLeader: 3 }, { reassignment }]
  for (const other of [...others, { replicas: [1, 2] }])
    assert(!sameReplication(state, { ...state, ...other }), JSON.stringify(other))
})
