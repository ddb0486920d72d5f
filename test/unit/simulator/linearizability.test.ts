import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { checkLinearizability, type Model, type Operation } from '../../../simulator/linearizability.ts'

type Input = { readonly kind: 'write'; readonly value: number } | { readonly kind: 'read' }

/** One register that holds a number, 0 at first. */
const REGISTER: Model<number, Input, number> = {
  initial: 0,
  step(state, input, output) {
    if (input.kind === 'write') return { state: input.value }
    return output === null || output === state ? { state } : null
  },
  changesNothing: ({ kind }) => kind === 'read',
  key: String,
}

function write(value: number, calledAt: number, returnedAt: number): Operation<Input, number> {
  return { input: { kind: 'write', value }, output: 0, calledAt, returnedAt }
}

function lost(value: number, calledAt: number): Operation<Input, number> {
  return { ...write(value, calledAt, Number.POSITIVE_INFINITY), output: null }
}

function read(output: number, calledAt: number, returnedAt: number): Operation<Input, number> {
  return { input: { kind: 'read' }, output, calledAt, returnedAt }
}

function verdict(...operations: Operation<Input, number>[]) {
  return checkLinearizability(REGISTER, operations)
}

test('nothing at all is linearizable', () => {
  assert.equal(verdict(), 'linearizable')
})

test('one after the other', () => {
  assert.equal(verdict(write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)), 'linearizable')
})

test('a read during a write may see it or not', () => {
  assert.equal(verdict(write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)), 'linearizable')
  assert.equal(verdict(write(1, 0, 10), read(1, 1, 2), read(1, 3, 4)), 'linearizable')
})

test('a read during a write that has been seen must see it too', () => {
  assert.equal(verdict(write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)), 'violated')
})

test('a stale read', () => {
  assert.equal(verdict(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)), 'violated')
})

test('a lost write', () => {
  assert.equal(verdict(write(1, 0, 1), read(0, 2, 3)), 'violated')
})

test('a phantom: what nobody wrote', () => {
  assert.equal(verdict(write(1, 0, 1), read(7, 2, 3)), 'violated')
})

test('two readers that see concurrent writes in opposite orders', () => {
  const writes = [write(1, 0, 10), write(2, 0, 10)]
  assert.equal(verdict(...writes, read(1, 11, 12), read(2, 13, 14)), 'violated')
  assert.equal(verdict(...writes, read(2, 11, 12), read(2, 13, 14)), 'linearizable')
})

test('a write without an answer may happen at once, late, or never', () => {
  assert.equal(verdict(lost(1, 0), read(1, 1, 2)), 'linearizable')
  assert.equal(verdict(lost(1, 0), read(0, 1, 2), read(1, 50, 51)), 'linearizable')
  assert.equal(verdict(lost(1, 0), read(0, 1, 2), read(0, 50, 51)), 'linearizable')
})

test('a write without an answer happens once, and not before its call', () => {
  assert.equal(verdict(lost(1, 0), read(1, 1, 2), write(2, 3, 4), read(1, 5, 6)), 'violated')
  assert.equal(verdict(read(1, 0, 1), lost(1, 2)), 'violated')
})

test('a return and a call at the same moment count as concurrent', () => {
  assert.equal(verdict(write(1, 0, 5), read(0, 5, 6)), 'linearizable')
})

test('gives up when there is too much to try', () => {
  const many = Array.from({ length: 30 }, (_, i) => write(i, 0, 100))
  assert.equal(checkLinearizability(REGISTER, [...many, read(-1, 101, 102)], 1_000), 'undecided')
})

test('agrees with trying every order, on small random histories', () => {
  const chance = new Chance(7)
  const seen = { linearizable: 0, violated: 0, undecided: 0 }
  for (let round = 0; round < 3_000; round++) {
    const history = randomHistory(chance)
    const found = checkLinearizability(REGISTER, history)
    assert.equal(found, tryEveryOrder(0, history) ? 'linearizable' : 'violated', JSON.stringify(history))
    seen[found] += 1
  }
  assert(seen.linearizable > 300 && seen.violated > 300, JSON.stringify(seen))
})

function randomHistory(chance: Chance): Operation<Input, number>[] {
  return Array.from({ length: chance.between(1, 5) }, () => {
    const calledAt = chance.between(0, 10)
    const returnedAt = calledAt + chance.between(1, 6)
    const value = chance.between(0, 2)
    if (chance.happens(0.15)) return lost(value, calledAt)
    return chance.happens(0.5) ? write(value, calledAt, returnedAt) : read(value, calledAt, returnedAt)
  })
}

/** The definition itself. */
function tryEveryOrder(state: number, left: readonly Operation<Input, number>[]): boolean {
  if (left.every(({ returnedAt }) => returnedAt === Number.POSITIVE_INFINITY)) return true
  const firstReturn = Math.min(...left.map(({ returnedAt }) => returnedAt))
  return left.some((operation, i) => {
    if (operation.calledAt > firstReturn) return false
    const next = REGISTER.step(state, operation.input, operation.output)
    return next !== null && tryEveryOrder(next.state, left.toSpliced(i, 1))
  })
}
