import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Pairing } from '../../../src/broker/pairing.ts'
import type { Broker } from '../../../src/metadata/broker.ts'

const NODES = [1, 2, 3].map(id => ({ id, url: `http://m${id}` }))
const url = (id: number): string => `http://m${id}`

/** Storage nodes by the metadata node that they are paired with. */
function paired(...ids: (number | null)[]): Broker[] {
  return ids.map((pairedMetadataServiceId, i) => ({ brokerId: 200 + i, pairedMetadataServiceId }) as Broker)
}

test('the pair is asked first, then the controller, then the others', () => {
  const pairing = new Pairing(NODES, 101, 2)
  assert.deepEqual(pairing.order(url(3), 0), [url(2), url(3), url(1)])
  assert.deepEqual(pairing.order(null, 0), [url(2), url(1), url(3)])
  assert.deepEqual(pairing.order('http://elsewhere', 0), [url(2), 'http://elsewhere', url(1), url(3)])
})

test('a pair that failed is asked last for five seconds, then first again', () => {
  const pairing = new Pairing(NODES, 101, 2)
  pairing.failed(url(2), 1_000)
  assert.deepEqual(pairing.order(url(3), 5_999), [url(3), url(1), url(2)])
  assert.deepEqual(pairing.order(url(3), 6_000), [url(2), url(3), url(1)])
  pairing.failed(url(2), 6_000)
  pairing.succeeded(url(2))
  assert.deepEqual(pairing.order(url(3), 6_001), [url(2), url(3), url(1)])
  assert.equal(pairing.pairedId, 2)
})

test('a pair that fails for a minute is replaced by the least loaded node, and is the pair again when it is back', () => {
  const pairing = new Pairing(NODES, 101, 2)
  pairing.failed(url(2), 0)
  pairing.failed(url(2), 30_000)
  pairing.review(paired(1, 1, 3), 59_999)
  assert.equal(pairing.pairedId, 2)
  pairing.failed(url(2), 60_000)
  pairing.review(paired(1, 1, 3), 60_000)
  assert.equal(pairing.pairedId, 3)
  assert.deepEqual(pairing.order(url(1), 66_000), [url(3), url(1), url(2)])
  assert.equal(pairing.probed(61_000), url(3), 'it failed a second ago')
  assert.equal(pairing.probed(66_000), url(2))
  pairing.succeeded(url(3))
  assert.equal(pairing.pairedId, 3)
  pairing.succeeded(url(2))
  assert.equal(pairing.pairedId, 2)
})

test('a node that fails is not chosen; where all fail, everything stays', () => {
  const pairing = new Pairing(NODES, 101, 1)
  for (const id of [1, 3]) pairing.failed(url(id), 0)
  pairing.review(paired(2, 2, 2), 60_000)
  assert.equal(pairing.pairedId, 2)
  const alone = new Pairing(NODES, 101, 1)
  for (const { url } of NODES) alone.failed(url, 0)
  alone.review([], 60_000)
  assert.equal(alone.pairedId, 1)
})

test('who has no pair takes the least loaded one; those that start together spread by their ids', () => {
  const chosen = (brokerId: number, brokers: Broker[]): number | null => {
    const pairing = new Pairing(NODES, brokerId, null)
    assert.equal(pairing.pairedId, null)
    pairing.review(brokers, 0)
    return pairing.pairedId
  }
  assert.equal(chosen(101, paired(1, 1, 2, 3, 3, null)), 2)
  const spread = [0, 1, 2, 3, 4, 5].map(brokerId => chosen(brokerId, []))
  assert.deepEqual(spread, [1, 2, 3, 1, 2, 3])
  const self = paired(2).map(broker => ({ ...broker, brokerId: 101 }))
  assert.equal(chosen(101, [...self, ...paired(1, 3)]), 2, 'what it is itself is no load')
})
