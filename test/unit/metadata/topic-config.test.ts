import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  checkTopicConfig,
  minInsyncReplicas,
  TOPIC_CONFIG,
  uncleanElectionAllowed,
} from '../../../src/metadata/topic-config.ts'

const SEED = { seed: 20_261_121 }

describe('a value is taken in its one written form', () => {
  const cases: [string, string, string][] = [
    ['retention.ms', '1000', '1000'],
    ['retention.ms', ' 1000 ', '1000'],
    ['retention.ms', '007', '7'],
    ['retention.ms', '-1', '-1'],
    ['retention.bytes', '9007199254740991', '9007199254740991'],
    ['max.message.bytes', '0', '0'],
    ['max.message.bytes', '-0', '0'],
    ['segment.bytes', '14', '14'],
    ['segment.bytes', '2147483647', '2147483647'],
    ['min.insync.replicas', '1', '1'],
    ['cleanup.policy', 'delete', 'delete'],
    ['cleanup.policy', 'delete,compact', 'compact,delete'],
    ['cleanup.policy', ' compact , delete,compact', 'compact,delete'],
    ['compression.type', 'zstd', 'zstd'],
    ['unclean.leader.election.enable', 'true', 'true'],
  ]
  for (const [key, value, written] of cases)
    test(`${key}=${JSON.stringify(value)} is ${JSON.stringify(written)}`, () =>
      assert.deepEqual(checkTopicConfig(key, value), { value: written }))
})

describe('a value that is not legal is refused, with what was given and what is expected', () => {
  const cases: [string, string, RegExp][] = [
    ['retention.ms', 'soon', /^retention\.ms is "soon"; expected an integer from -1 to 9007199254740991$/],
    ['retention.ms', '-2', /expected an integer from -1/],
    ['retention.ms', '1.5', /expected an integer/],
    ['retention.ms', '1e3', /expected an integer/],
    ['retention.ms', '0x10', /expected an integer/],
    ['retention.ms', '', /expected an integer/],
    ['retention.ms', ' ', /expected an integer/],
    ['retention.ms', 'Infinity', /expected an integer/],
    ['retention.bytes', '9007199254740992', /expected an integer/],
    ['retention.bytes', '9'.repeat(400), /expected an integer/],
    ['segment.bytes', '13', /from 14 to 2147483647/],
    ['segment.bytes', '2147483648', /from 14 to 2147483647/],
    ['min.insync.replicas', '0', /from 1 to/],
    ['cleanup.policy', '', /expected one of delete, compact \(several with commas\)$/],
    ['cleanup.policy', 'delete,', /expected one of delete, compact/],
    ['cleanup.policy', 'delete,burn', /expected one of delete, compact/],
    ['compression.type', 'gzip,lz4', /expected one of producer, uncompressed, gzip, snappy, lz4, zstd$/],
    ['compression.type', 'ZSTD', /expected one of/],
    ['unclean.leader.election.enable', 'yes', /expected one of true, false$/],
  ]
  for (const [key, value, why] of cases)
    test(`${key}=${JSON.stringify(value.slice(0, 20))}`, () => {
      const checked = checkTopicConfig(key, value)
      assert('fault' in checked)
      assert.match(checked.fault, why)
    })
})

test('an unknown key is refused with the keys that there are, also one that every object has', () => {
  for (const key of ['retention', 'Retention.ms', '', 'constructor', '__proto__', 'toString']) {
    const checked = checkTopicConfig(key, '1')
    assert('fault' in checked, key)
    assert(
      checked.fault.startsWith(`unknown topic config key ${JSON.stringify(key)}; known are cleanup.policy`),
    )
  }
})

test('every default is legal, in its one written form', () => {
  for (const [key, { default: value }] of Object.entries(TOPIC_CONFIG))
    assert.deepEqual(checkTopicConfig(key, value), { value }, key)
})

test('what was written is taken again as it is', () => {
  const values = fc.oneof(
    fc.integer().map(String),
    fc.constantFrom('delete', 'compact,delete', 'lz4', 'true'),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(TOPIC_CONFIG)), values, (key, value) => {
      const checked = checkTopicConfig(key, value)
      if ('value' in checked) assert.deepEqual(checkTopicConfig(key, checked.value), checked)
    }),
    { ...SEED, numRuns: 1000 },
  )
})

test('the minimum of in-sync replicas is one where nothing else is said', () => {
  assert.equal(minInsyncReplicas({}), 1)
  assert.equal(minInsyncReplicas({ 'min.insync.replicas': '5' }), 5)
})

test('unclean elections are allowed only by name', () => {
  assert.equal(uncleanElectionAllowed({}), false)
  assert.equal(uncleanElectionAllowed({ 'unclean.leader.election.enable': 'false' }), false)
  assert.equal(uncleanElectionAllowed({ 'unclean.leader.election.enable': 'true' }), true)
})
