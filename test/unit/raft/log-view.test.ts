import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { BEFORE_FIRST, type Entry, type EntryId, sizeOf } from '../../../src/raft/entry.ts'
import { LogView } from '../../../src/raft/log-view.ts'
import { entry } from './node.ts'

/** A view of entries of these terms; the tail holds the newest `tail` of them. */
function view(terms: readonly number[], tail = terms.length): LogView {
  const log = new LogView({ base: BEFORE_FIRST, runs: [], tail: [], last: 0 })
  terms.forEach((term, i) => {
    log.append(entry(i + 1, term))
  })
  log.trim(terms.length - tail, 0)
  return log
}

test('an empty log ends before its first entry', () => {
  const log = view([])
  assert.deepEqual([log.last, log.tailFirst, log.termAt(0), log.termAt(1)], [BEFORE_FIRST, 1, 0, undefined])
  assert(log.has(BEFORE_FIRST))
  assert(!log.has({ index: 0, term: 1 }))
})

test('entries follow each other, and terms never decrease', () => {
  const log = view([1, 3])
  assert.throws(() => log.append(entry(2, 3)), /entry 2 follows 2/)
  assert.throws(() => log.append(entry(4, 3)), /entry 4 follows 2/)
  assert.throws(() => log.append(entry(3, 2)), /never decrease/)
})

test('the hint is the last entry at or before an index whose term is small enough', () => {
  const log = view([1, 1, 4, 4, 6])
  assert.deepEqual(log.lastWithTermAtMost(5, 6), { index: 5, term: 6 })
  assert.deepEqual(log.lastWithTermAtMost(5, 5), { index: 4, term: 4 })
  assert.deepEqual(log.lastWithTermAtMost(3, 5), { index: 3, term: 4 })
  assert.deepEqual(log.lastWithTermAtMost(5, 3), { index: 2, term: 1 })
  assert.deepEqual(log.lastWithTermAtMost(5, 0), BEFORE_FIRST)
  assert.deepEqual(log.lastWithTermAtMost(0, 9), BEFORE_FIRST)
})

test('a slice has one entry at least, and otherwise fits', () => {
  const log = view([1, 1, 1, 1])
  const one = sizeOf(entry(1, 1))
  const indexes = (bytesMax: number) => log.slice(2, 4, bytesMax).map(({ index }) => index)
  assert.deepEqual(
    [indexes(0), indexes(2 * one), indexes(2 * one - 1), indexes(9 * one)],
    [[2], [2, 3], [2], [2, 3, 4]],
  )
})

test('trimming forgets nothing while the tail fits, then a quarter at once, and never what must stay', () => {
  const terms = Array<number>(100).fill(1)
  const log = view(terms)
  const bytes = log.tailBytes
  log.trim(100, bytes)
  assert.equal(log.tailFirst, 1)
  log.trim(100, bytes - 1)
  assert(
    log.tailBytes <= bytes * 0.75 && log.tailBytes > bytes * 0.7,
    `${log.tailBytes} of ${bytes} bytes left`,
  )
  log.trim(50, 0)
  assert.equal(log.tailFirst, 51)
  assert.equal(log.slice(51, 100, 1e9).length, 50)
})

test('a log can be cut further back than its tail reaches', () => {
  const log = view([1, 1, 2, 2, 3], 2)
  log.truncate(3)
  assert.deepEqual([log.last, log.tailFirst, log.tailBytes], [{ index: 2, term: 1 }, 3, 0])
  log.append(entry(3, 4))
  assert.deepEqual(log.slice(3, 3, 0), [entry(3, 4)])
  log.truncate(1)
  assert.deepEqual([log.last, log.tailFirst], [BEFORE_FIRST, 1])
})

test('nothing outside the log is cut', () => {
  assert.throws(() => view([1, 1]).truncate(3), /in the log/)
  assert.throws(() => view([1, 1]).truncate(0), /in the log/)
})

test('after any appends, cuts and trims it says of every index what a plain list says', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = new Chance(seed)
    const log = view([])
    const plain: Entry[] = []
    for (let step = 0; step < 60; step++) {
      const dice = chance.between(1, 10)
      if (dice <= 6) {
        const next = entry(plain.length + 1, (plain.at(-1)?.term ?? 1) + (chance.happens(0.3) ? 1 : 0))
        plain.push(next)
        log.append(next)
      } else if (dice <= 8 && plain.length > 0) {
        const from = chance.between(1, plain.length)
        plain.length = from - 1
        log.truncate(from)
      } else {
        log.trim(chance.between(0, plain.length), chance.between(0, 300))
      }
      agrees(log, plain, chance)
    }
  }
})

test('the same holds where it begins behind a snapshot: what is older is not known, but for the last of it', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = new Chance(seed)
    const log = view([])
    const plain: Entry[] = []
    let base = 0
    for (let step = 0; step < 60; step++) {
      const dice = chance.between(1, 12)
      if (dice <= 7) {
        const next = entry(plain.length + 1, (plain.at(-1)?.term ?? 1) + (chance.happens(0.3) ? 1 : 0))
        plain.push(next)
        log.append(next)
      } else if (dice <= 8 && plain.length > base) {
        const from = chance.between(base + 1, plain.length)
        plain.length = from - 1
        log.truncate(from)
      } else if (dice <= 9) {
        log.trim(chance.between(base, plain.length), chance.between(0, 300))
      } else if (dice <= 11 && plain.length > base) {
        base = chance.between(base + 1, plain.length)
        log.compact(base)
      } else if (dice === 12) {
        const term = (plain.at(-1)?.term ?? 1) + 1
        while (plain.length < base + 3) plain.push(entry(plain.length + 1, term))
        plain[plain.length - 1] = entry(plain.length, term)
        base = plain.length
        log.reset({ index: base, term })
      }
      agreesFrom(log, plain, base, chance)
    }
  }
})

function agreesFrom(log: LogView, plain: readonly Entry[], base: number, chance: Chance): void {
  assert.deepEqual(
    [log.lastIndex, log.base, log.last],
    [plain.length, idOf(plain[base - 1]), idOf(plain.at(-1))],
  )
  for (let index = 1; index <= plain.length + 1; index++)
    assert.equal(log.termAt(index), index < base ? undefined : plain[index - 1]?.term, `term at ${index}`)
  const first = Math.max(log.tailFirst, base + 1)
  if (first <= plain.length) assert.deepEqual(log.slice(first, plain.length, 1e9), plain.slice(first - 1))
  const index = chance.between(base, plain.length)
  const term = chance.between(0, log.last.term + 1)
  const expected = plain.slice(0, index).findLast(one => one.term <= term)
  const known = expected !== undefined && expected.index >= base
  assert.deepEqual(log.lastWithTermAtMost(index, term), known ? idOf(expected) : BEFORE_FIRST)
}

function agrees(log: LogView, plain: readonly Entry[], chance: Chance): void {
  assert.equal(log.lastIndex, plain.length)
  assert.deepEqual(log.last, idOf(plain.at(-1)))
  for (let index = 1; index <= plain.length + 1; index++)
    assert.equal(log.termAt(index), plain[index - 1]?.term)
  const tail = plain.slice(log.tailFirst - 1)
  assert.equal(
    log.tailBytes,
    tail.reduce((sum, one) => sum + sizeOf(one), 0),
  )
  if (tail.length > 0) assert.deepEqual(log.slice(log.tailFirst, log.lastIndex, 1e9), tail)
  const index = chance.between(0, plain.length)
  const term = chance.between(0, log.last.term + 1)
  const expected = plain.slice(0, index).findLast(one => one.term <= term)
  assert.deepEqual(log.lastWithTermAtMost(index, term), idOf(expected))
}

function idOf(one: Entry | undefined): EntryId {
  return one === undefined ? BEFORE_FIRST : { index: one.index, term: one.term }
}
