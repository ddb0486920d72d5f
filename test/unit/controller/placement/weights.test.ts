import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unavailabilityOf, weightsOf } from '../../../../src/controller/placement/weights.ts'

function weights(...resources: Record<string, number>[]): number[] {
  return weightsOf(resources.map(one => ({ resources: one })))
}

test('brokers that report nothing count alike', () => {
  assert.deepEqual(weights({}, { cpus: 8 }, {}), [1, 1, 1])
})

test('a weight counts in proportion, and disks only where nobody reports a weight', () => {
  assert.deepEqual(weights({ weight: 1 }, { weight: 3 }), [0.5, 1.5])
  assert.deepEqual(weights({ diskBytesTotal: 100 }, { diskBytesTotal: 300 }), [0.5, 1.5])
  assert.deepEqual(weights({ weight: 2, diskBytesTotal: 100 }, { diskBytesTotal: 300 }), [1, 1])
})

test('a broker that reports nothing sensible is average', () => {
  for (const nonsense of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.deepEqual(weights({ weight: 1 }, { weight: nonsense }, { weight: 3 }), [0.5, 1, 1.5])
})

test('brokers that are not ONLINE, drain or are out of disk get no new replicas', () => {
  const drain = { mode: 'DRAIN', since: 0, leaders: 0, replicas: 0 } as const
  const of = (broker: Partial<Parameters<typeof unavailabilityOf>[0]>) =>
    unavailabilityOf({ status: 'ONLINE', drain: null, resources: {}, ...broker })
  assert.equal(of({}), null)
  for (const status of ['OFFLINE', 'SHUTTING_DOWN', 'DRAINING'] as const) assert.equal(of({ status }), status)
  assert.equal(of({ drain }), 'DRAINING')
  assert.equal(of({ status: 'OFFLINE', drain }), 'OFFLINE')
  assert.equal(of({ resources: { diskBytesFree: 0 } }), 'DISK_FULL')
  assert.equal(of({ resources: { diskBytesFree: 5, diskBytesTotal: 100 } }), 'DISK_FULL')
  assert.equal(of({ resources: { diskBytesFree: 6, diskBytesTotal: 100 } }), null)
  // A large disk that is nearly full may still have room for a lot.
  const [enough, total] = [5 * 2 ** 30, 2 ** 42]
  assert.equal(of({ resources: { diskBytesFree: enough, diskBytesTotal: total } }), 'DISK_FULL')
  assert.equal(of({ resources: { diskBytesFree: enough + 1, diskBytesTotal: total } }), null)
  assert.equal(of({ resources: { diskBytesTotal: 100 } }), null)
})
