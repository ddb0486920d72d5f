import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Configuration,
  Configurations,
  decodeConfiguration,
  electorsOf,
  encodeConfiguration,
  membersOf,
  uuidOf,
} from '../../../src/raft/voters.ts'

const named = (ids: readonly number[]) => ids.map(id => ({ id, uuid: `disk-${id}` }))

function configuration(index: number, more: Partial<Configuration> = {}): Configuration {
  return {
    index,
    clusterId: 'c',
    recoveryEpoch: 0,
    voters: named([1, 2, 3]),
    outgoing: null,
    learners: [],
    ...more,
  }
}

test('the last configuration is in force; what is cut off is not (T15)', () => {
  const all = new Configurations([configuration(1)])
  all.append(configuration(4))
  all.append(configuration(9))
  const indexAt = (index: number) => all.at(index)?.index
  assert.deepEqual([0, 1, 3, 4, 8, 9, 99].map(indexAt), [undefined, 1, 1, 4, 4, 9, 9])
  assert.throws(() => all.append(configuration(9)), /order of the log/)
  all.truncate(9)
  assert.equal(all.current?.index, 4)
  all.truncate(4)
  assert.equal(all.current?.index, 1)
})

test('what a snapshot covers is forgotten, but for the one in force there (I19)', () => {
  const all = new Configurations([1, 4, 9].map(index => configuration(index)))
  all.compact(8)
  assert.deepEqual(
    [1, 3, 4, 8, 9].map(index => all.at(index)?.index),
    [undefined, undefined, 4, 4, 9],
  )
  all.compact(8)
  assert.equal(all.at(8)?.index, 4)
})

test('everybody gets the log once; learners elect nobody', () => {
  const joint = configuration(2, { voters: named([1, 4]), outgoing: named([3, 1]), learners: named([9, 5]) })
  assert.deepEqual(
    membersOf(joint).map(({ id }) => id),
    [1, 3, 4, 5, 9],
  )
  assert.deepEqual(
    electorsOf(joint).map(({ id }) => id),
    [1, 3, 4],
  )
  assert.deepEqual(
    [1, 3, 9, 7].map(id => uuidOf(joint, id)),
    ['disk-1', 'disk-3', 'disk-9', null],
  )
})

test('a configuration reads back as it was written, with its epoch and addresses, and a malformed one is refused', () => {
  const learners = [{ id: 4, uuid: 'd', host: 'h', port: 1 }]
  const { index: _index, ...body } = configuration(7, { recoveryEpoch: 2, outgoing: named([1]), learners })
  assert.deepEqual(decodeConfiguration(encodeConfiguration({ ...body, index: 7 })), body)
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
  for (const wrong of [
    {},
    { ...body, voters: [] },
    { ...body, outgoing: [] },
    { ...body, learners: [{ id: 1 }] },
  ])
    assert.throws(() => decodeConfiguration(text(wrong)))
})
