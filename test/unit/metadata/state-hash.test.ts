import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type RowHash, RowHasher, StateHash } from '../../../src/metadata/state-hash.ts'
import { drained, Machine, moved, newTopic, plainBroker } from './machine.ts'

const SEED = { seed: 20_261_121 }

type Field = number | string

function hashOf(fields: readonly Field[]): RowHash {
  const hasher = new RowHasher()
  for (const field of fields) typeof field === 'number' ? hasher.number(field) : hasher.text(field)
  return hasher.finish()
}

const textOf = ({ low, high }: RowHash) => `${high} ${low}`

function sumOf(rows: readonly (readonly Field[])[]): StateHash {
  const hash = new StateHash()
  for (const row of rows) hash.add(hashOf(row))
  return hash
}

const field = fc.oneof(fc.integer(), fc.nat(3), fc.maxSafeNat(), fc.string({ maxLength: 5 }))
const row = fc.array(field, { minLength: 1, maxLength: 6 })
const rows = fc.array(row, { maxLength: 20 })

test('the hash does not depend on the order of the rows', () => {
  fc.assert(
    fc.property(rows, fc.infiniteStream(fc.nat(1000)), (some, keys) => {
      const shuffled = some.map(one => ({ one, key: keys.next().value! }))
      shuffled.sort((a, b) => a.key - b.key)
      assert.equal(sumOf(shuffled.map(({ one }) => one)).toString(), sumOf(some).toString())
    }),
    SEED,
  )
})

test('taking away what was added leaves what was there before', () => {
  fc.assert(
    fc.property(rows, rows, (some, others) => {
      const hash = sumOf(some)
      for (const one of others) hash.add(hashOf(one))
      for (const one of others) hash.subtract(hashOf(one))
      assert.equal(hash.toString(), sumOf(some).toString())
      for (const one of some) hash.subtract(hashOf(one))
      assert.equal(hash.toString(), '0'.repeat(16))
    }),
    SEED,
  )
})

test('a changed row changes the hash', () => {
  fc.assert(
    fc.property(rows, row, row, (some, before, after) => {
      const same = JSON.stringify(before) === JSON.stringify(after)
      const [one, other] = [sumOf([...some, before]), sumOf([...some, after])]
      assert.equal(one.toString() === other.toString(), same)
    }),
    { ...SEED, numRuns: 1000 },
  )
})

test('rows that differ in one small number have different hashes, in 64 bits and nearly always in each half', () => {
  const [both, low, high] = [new Set<string>(), new Set<number>(), new Set<number>()]
  let count = 0
  for (let partition = 0; partition < 40; partition++)
    for (let leader = -1; leader < 4; leader++)
      for (let epoch = 0; epoch < 10; epoch++)
        for (let isr = 0; isr < 8; isr++)
          for (let elr = 0; elr < 4; elr++) {
            const hash = hashOf(['topic', partition, leader, epoch, epoch, isr, elr, -1])
            both.add(textOf(hash))
            low.add(hash.low)
            high.add(hash.high)
            count += 1
          }
  assert.equal(both.size, count)
  // By chance one pair in 2^32 is equal: less than one here.
  assert(count - low.size <= 5, `${count - low.size} equal in the lower half`)
  assert(count - high.size <= 5, `${count - high.size} equal in the upper half`)
})

test('where one field ends and the next begins is part of the hash', () => {
  const different: Field[][] = [
    ['ab', 'c'],
    ['a', 'bc'],
    ['abc'],
    ['abc', ''],
    ['', 'abc'],
    [1, 2],
    [2, 1],
    [1],
    [1, 0],
    ['1'],
  ]
  assert.equal(new Set(different.map(fields => textOf(hashOf(fields)))).size, different.length)
})

test('numbers count in all 53 bits, and with their sign', () => {
  const numbers = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 52]
  assert.equal(new Set(numbers.map(number => textOf(hashOf([number])))).size, numbers.length)
})

test('a hash is written as sixteen hexadecimal digits', () => {
  fc.assert(
    fc.property(rows, some => assert.match(sumOf(some).toString(), /^[0-9a-f]{16}$/)),
    SEED,
  )
  const hash = new StateHash()
  hash.add({ low: 0xab, high: 0x1 })
  assert.equal(hash.toString(), '00000001000000ab')
})

/** Nodes of two releases compare hashes: a release that computes them differently must say so, not just differ. */
test('a known image has the hash that earlier releases gave it', () => {
  const machine = new Machine()
  assert.equal(machine.image.stateHash, '0000000000000000')
  machine.accept(plainBroker(1, { rack: 'a', resources: { disk: 2.5, cpu: 4 } }))
  machine.accept(plainBroker(2, { incarnationId: 'p', listeners: [{ name: 'P', host: 'h', port: 1 }] }))
  assert.equal(machine.image.stateHash, 'fa3abda0d3f860f3')
  machine.accept(
    newTopic(
      'orders',
      [
        [1, 2],
        [2, 1],
      ],
      { 'retention.ms': '5', 'cleanup.policy': 'compact' },
    ),
  )
  assert.equal(machine.image.stateHash, 'db58d4c0f3ff05c0')
  machine.setStatus(2, 'ONLINE')
  machine.accept(drained(2, 'DECOMMISSION'))
  machine.accept({ ...moved('orders', [2], 'DECOMMISSION'), time: 9_000 })
  assert.equal(machine.image.stateHash, '2d94495a2acec0c8')
})
