import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mergeBatches } from '../../../src/log/batch.ts'
import type { Batch } from '../../../src/log/log.ts'
import { applied, describe, type Model, record, sameModel } from './model.ts'

/** Every small batch that may follow a log of `length` records. */
function* batchesAfter(length: number, name: string): Generator<Batch> {
  for (let cut = 0; cut <= length + 2; cut++) {
    const truncateFrom = cut === 0 ? null : cut
    const next = Math.min(length, (truncateFrom ?? length + 1) - 1) + 1
    for (let count = 0; count <= 2; count++) {
      const records = Array.from({ length: count }, (_, i) => record(`${name}${next + i}`, 6))
      for (const state of [null, Buffer.from(name)]) {
        yield { resetTo: null, truncateFrom, firstIndex: next, records, state }
        // Who appends nothing has no first index to tell.
        if (count === 0) yield { resetTo: null, truncateFrom, firstIndex: 0, records, state }
      }
    }
  }
}

function logOf(length: number): Model {
  return { records: Array.from({ length }, (_, i) => record(`log ${i + 1}`, 6)), state: null }
}

function assertMerged(log: Model, batches: readonly Batch[]): void {
  const expected = batches.reduce(applied, log)
  const merged = batches.reduce(mergeBatches)
  const found = applied(log, merged)
  const shown = (): string =>
    [...batches, merged].map(one => `${one.truncateFrom}/${one.firstIndex}/${describe(one)}`).join(' + ')
  if (!sameModel(found, expected)) assert.fail(`${describe(found)}, not ${describe(expected)}, of ${shown()}`)
}

test('a merged batch does what both do: every small case', t => {
  let cases = 0
  for (let length = 0; length <= 4; length++) {
    const log = logOf(length)
    for (const first of batchesAfter(length, 'a')) {
      for (const second of batchesAfter(applied(log, first).records.length, 'b')) {
        assertMerged(log, [first, second])
        cases += 1
      }
    }
  }
  t.diagnostic(`${cases} cases`)
})

test('any number of batches can be merged, one after the other', () => {
  const choices = fc.array(fc.nat(10_000), { minLength: 2, maxLength: 8 })
  const property = fc.property(fc.nat(6), choices, (length, picks) => {
    const log = logOf(length)
    const batches: Batch[] = []
    for (const [i, pick] of picks.entries()) {
      const possible = [...batchesAfter(batches.reduce(applied, log).records.length, `${i}`)]
      batches.push(possible[pick % possible.length]!)
    }
    assertMerged(log, batches)
  })
  fc.assert(property, { seed: 20_240_607, numRuns: 500 })
})

test('the batches that are merged are left as they were', () => {
  const first: Batch = {
    resetTo: null,
    truncateFrom: null,
    firstIndex: 1,
    records: [record('a'), record('b')],
    state: null,
  }
  const second: Batch = {
    resetTo: null,
    truncateFrom: 2,
    firstIndex: 2,
    records: [record('B')],
    state: Buffer.from('s'),
  }
  const before = structuredClone([first, second])
  const merged = mergeBatches(first, second)
  assert.deepEqual(structuredClone([first, second]), before)
  assert.deepEqual(merged, {
    resetTo: null,
    truncateFrom: null,
    firstIndex: 1,
    records: [record('a'), record('B')],
    state: second.state,
  })
})
