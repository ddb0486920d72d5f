import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmqError } from '../../../src/base/errors.ts'
import { placeRoundRobin } from '../../../src/controller/placement.ts'
import type { Broker, BrokerStatus } from '../../../src/metadata/broker.ts'

const SEED = { seed: 20_261_121 }

test('leaders and replicas of a topic spread over the brokers within one of each other', () => {
  for (let brokers = 1; brokers <= 8; brokers++)
    for (let replicationFactor = 1; replicationFactor <= brokers; replicationFactor++)
      for (let partitions = 1; partitions <= 3 * brokers; partitions++)
        for (let start = 0; start < 2 * brokers; start++) {
          const lists = placeRoundRobin(online(brokers), { partitions, replicationFactor, start })
          const what = `${partitions} partitions by ${replicationFactor} on ${brokers} brokers from ${start}`
          assertWithinOne(
            lists.map(list => list[0]!),
            brokers,
            `leaders: ${what}`,
          )
          assertWithinOne(lists.flat(), brokers, `replicas: ${what}`)
        }
})

test('every partition gets as many different brokers as asked for, all of them ONLINE', () => {
  fc.assert(
    fc.property(
      someBrokers(),
      fc.nat(200),
      fc.nat(10_000),
      fc.nat(30),
      (brokers, partitions, start, more) => {
        const live = brokers.filter(({ status }) => status === 'ONLINE').map(({ brokerId }) => brokerId)
        fc.pre(live.length > 0)
        const replicationFactor = 1 + (more % live.length)
        const lists = placeRoundRobin(brokers, { partitions, replicationFactor, start })
        assert.equal(lists.length, partitions)
        for (const list of lists) {
          assert.equal(new Set(list).size, replicationFactor)
          assert.equal(list.length, replicationFactor)
          assert(list.every(brokerId => live.includes(brokerId)))
        }
      },
    ),
    SEED,
  )
})

test('the same request on the same brokers gives the same lists', () => {
  const request = { partitions: 17, replicationFactor: 3, start: 4 }
  assert.deepEqual(placeRoundRobin(online(5), request), placeRoundRobin(online(5), request))
})

test('a topic begins where the partitions before it leave off', () => {
  const leaders = (start: number) =>
    placeRoundRobin(online(4), { partitions: 3, replicationFactor: 1, start }).flat()
  assert.deepEqual(leaders(0), [0, 1, 2])
  assert.deepEqual(leaders(3), [3, 0, 1])
  assert.deepEqual(leaders(6), [2, 3, 0])
})

test('many small topics spread like one large', () => {
  const lists: number[][] = []
  for (let topic = 0; topic < 60; topic++)
    lists.push(...placeRoundRobin(online(5), { partitions: 1, replicationFactor: 3, start: lists.length }))
  assertWithinOne(
    lists.map(list => list[0]!),
    5,
    'leaders',
  )
  assertWithinOne(lists.flat(), 5, 'replicas')
})

for (const [what, sizes] of [
  ['one topic of 120 partitions', [120]],
  ['120 topics of one partition', Array<number>(120).fill(1)],
  ['40 topics of three partitions', Array<number>(40).fill(3)],
] as const) {
  for (const replicationFactor of [2, 3, 5]) {
    test(`what a lost broker led does not all fall to one other: ${what}, replication factor ${replicationFactor}`, () => {
      const lists: number[][] = []
      for (const partitions of sizes)
        lists.push(...placeRoundRobin(online(5), { partitions, replicationFactor, start: lists.length }))
      for (let lost = 0; lost < 5; lost++) {
        const heirs = lists.filter(([leader]) => leader === lost).map(([, next]) => next!)
        const most = Math.max(...countsOf(heirs, 5).values())
        assert(new Set(heirs).size >= 2, `broker ${lost} leaves to ${[...new Set(heirs)]}`)
        assert(most <= heirs.length * 0.6, `one broker inherits ${most} of ${heirs.length} from ${lost}`)
      }
    })
  }
}

test('too few ONLINE brokers are an error that says what is needed, what there is and what to do', () => {
  const brokers = [broker(1, 'ONLINE'), broker(2, 'OFFLINE'), broker(5, 'ONLINE'), broker(9, 'OFFLINE')]
  assert.throws(
    () => placeRoundRobin(brokers, { partitions: 1, replicationFactor: 3, start: 0 }),
    (error: unknown) => {
      assert(error instanceof DmqError)
      assert.equal(error.code, 'NOT_ENOUGH_BROKERS')
      assert.equal(
        error.message,
        'replication factor 3 needs 3 brokers that are ONLINE, there are 2 (1, 5); not ONLINE: 2, 9. ' +
          'Start more brokers or ask for fewer replicas.',
      )
      assert.deepEqual(error.details, { replicationFactor: 3, online: [1, 5], offline: [2, 9] })
      return true
    },
  )
})

test('without any broker the error says that there are none', () => {
  assert.throws(
    () => placeRoundRobin([], { partitions: 1, replicationFactor: 1, start: 0 }),
    /there are 0\. Start/,
  )
})

function broker(brokerId: number, status: BrokerStatus): Broker {
  return {
    brokerId,
    host: 'localhost',
    port: 9000,
    rack: null,
    resources: {},
    listeners: [],
    incarnationId: null,
    pairedMetadataServiceId: null,
    status,
    statusReason: '',
    statusSince: 0,
    drain: null,
    brokerEpoch: 1,
    registeredAt: 0,
    modifiedAt: 0,
  }
}

function online(count: number): Broker[] {
  return Array.from({ length: count }, (_, brokerId) => broker(brokerId, 'ONLINE'))
}

function someBrokers(): fc.Arbitrary<Broker[]> {
  const one = fc.tuple(fc.nat(1000), fc.constantFrom<BrokerStatus>('ONLINE', 'ONLINE', 'OFFLINE'))
  return fc
    .uniqueArray(one, { selector: ([brokerId]) => brokerId, maxLength: 20 })
    .map(brokers => brokers.map(([brokerId, status]) => broker(brokerId, status)))
}

function countsOf(brokerIds: readonly number[], brokers: number): Map<number, number> {
  const counts = new Map(Array.from({ length: brokers }, (_, brokerId) => [brokerId, 0]))
  for (const brokerId of brokerIds) counts.set(brokerId, counts.get(brokerId)! + 1)
  return counts
}

function assertWithinOne(brokerIds: readonly number[], brokers: number, what: string): void {
  const counts = [...countsOf(brokerIds, brokers).values()]
  assert(Math.max(...counts) - Math.min(...counts) <= 1, `${what}: ${counts.join(' ')}`)
}
