import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertError, settled, unchanged } from '../contract.ts'
import { at, cluster, controller, follower, write } from './shared-cluster.ts'

test('features: any node tells levels; raising one is for the controller, and checked', async () => {
  await settled(cluster.all)
  const [range] = (await at(follower, 'GET', '/features')).body.features
  assert.deepEqual(range, {
    feature: 'metadata.version',
    supported: { min: 1, max: 4 },
    finalized: 4,
  })
  await unchanged(cluster.all, async () => {
    const raise = (level: unknown, more: object = {}) =>
      write('POST', '/features', { features: { 'metadata.version': level }, ...more })
    assert.equal((await raise(4, { validateOnly: true })).status, 200)
    for (const level of [3, 5]) assertError(await raise(level), 'FEATURE_UPDATE_FAILED')
    assertError(await raise('4'), 'INVALID_REQUEST')
    assertError(await raise(4, { force: true }), 'INVALID_REQUEST')
    assertError(await write('POST', '/features', { features: { nothing: 1 } }), 'FEATURE_UPDATE_FAILED')
    assertError(await write('POST', '/features', { features: {} }), 'INVALID_REQUEST')
    const body = { features: { 'metadata.version': 4 } }
    assertError(await at(follower, 'POST', '/features', body), 'NOT_CONTROLLER')
  })
})

test('features: what is only to be checked is, whatever was written with that key', async () => {
  const headers = { 'idempotency-key': 'features' }
  const ask = (level: number, more: object = {}) =>
    at(controller, 'POST', '/features', { features: { 'metadata.version': level }, ...more }, headers)
  assert.equal((await ask(4)).status, 200)
  assertError(await ask(5, { validateOnly: true }), 'FEATURE_UPDATE_FAILED')
  assertError(await ask(5), 'IDEMPOTENCY_KEY_REUSED')
})
