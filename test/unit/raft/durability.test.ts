import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Durability } from '../../../src/raft/durability.ts'

test('an index is durable when a write that covers it is done', () => {
  const durability = new Durability(5)
  assert.equal(durability.durable, 5)
  const first = durability.issue(7)
  const second = durability.issue(9)
  assert.equal(durability.durable, 5)
  durability.persisted(first)
  assert.equal(durability.durable, 7)
  durability.persisted(second)
  assert.equal(durability.durable, 9)
})

test('one report may cover several writes, but each completes once, and only after it was issued', () => {
  const durability = new Durability(0)
  durability.issue(1)
  durability.issue(2)
  durability.persisted(2)
  assert.equal(durability.durable, 2)
  assert.throws(() => durability.persisted(1), /completes once/)
  assert.throws(() => durability.persisted(2), /completes once/)
  assert.throws(() => durability.persisted(3), /after it was issued/)
})

test('what is cut is not durable any more', () => {
  const durability = new Durability(5)
  durability.truncated(4)
  assert.equal(durability.durable, 3)
  durability.truncated(5)
  assert.equal(durability.durable, 3)
})

/**
 * The ABA race, index 3 written three times over (T26):
 *
 *   write 1: entries 2 3 4 of A    under way
 *   write 2: cut from 3, entry 3 of B    under way
 *   write 3: cut from 2, entries 2 3 4 of A'    under way
 */
test('a write never vouches for an index that was cut after it was issued (T26)', () => {
  const durability = new Durability(1)
  durability.issue(4)
  durability.truncated(3)
  durability.issue(3)
  durability.truncated(2)
  durability.issue(4)
  const seen = [1, 2, 3].map(write => {
    durability.persisted(write)
    return durability.durable
  })
  assert.deepEqual(seen, [1, 1, 4])
})

test('actions run in the order of their writes, those of one write in the order of asking, and at once when it is done', () => {
  const durability = new Durability(0)
  const ran: string[] = []
  const wait = (id: number, name: string): void => durability.after(id, () => ran.push(name))
  durability.issue(0)
  wait(2, 'second a')
  wait(1, 'first a')
  wait(0, 'at once')
  wait(1, 'first b')
  wait(2, 'second b')
  assert.deepEqual(ran.splice(0), ['at once'])
  durability.persisted(1)
  assert.deepEqual(ran.splice(0), ['first a', 'first b'])
  durability.issue(0)
  durability.persisted(2)
  assert.deepEqual(ran.splice(0), ['second a', 'second b'])
})

test('an action may ask for another write', () => {
  const durability = new Durability(0)
  const ran: number[] = []
  durability.issue(0)
  durability.after(1, () => durability.after(durability.nextWrite, () => ran.push(2)))
  durability.persisted(1)
  assert.deepEqual(ran, [])
  durability.persisted(durability.issue(0))
  assert.deepEqual(ran, [2])
})
