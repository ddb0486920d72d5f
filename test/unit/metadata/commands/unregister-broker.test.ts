import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Intent, Machine } from '../machine.ts'

const remove = (brokerId: number, force = false): Intent => ({
  type: 'UnregisterBrokerCommand',
  brokerId,
  force,
})

test('a broker without replicas is removed, ONLINE or not', () => {
  const machine = new Machine().withBrokers(1, 2)
  machine.setStatus(2, 'OFFLINE')
  for (const brokerId of [1, 2])
    assert.deepEqual(machine.accept(remove(brokerId)), [{ kind: 'brokerRemoved', brokerId }])
  assert.deepEqual(machine.image.brokers(), [])
  assert.equal(machine.image.stateHash, '0'.repeat(16))
})

test('a broker that is not registered is rejected', () => {
  new Machine().withBrokers(1).refuse(remove(2, true), 'UNKNOWN_BROKER')
})

test('a broker that holds replicas is rejected with their number and the first of them by name', () => {
  const machine = new Machine().withBrokers(1, 2)
  machine.withTopic('b', Array<number[]>(30).fill([1])).withTopic('a', [[2], [1]])
  const { message, details } = machine.refuse(remove(1), 'BROKER_HAS_REPLICAS')
  assert.match(message, /holds 31 replicas \(a-1, b-0, b-1, .*, b-18 and 11 more\)\. Delete those topics/)
  const named = ['a-1', ...Array.from({ length: 19 }, (_, i) => `b-${i}`)]
  assert.deepEqual(details, { brokerId: 1, replicas: 31, partitions: named })
})

test('force is not enough while the broker is ONLINE, nor is OFFLINE without force', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
  machine.refuse(remove(1, true), 'BROKER_HAS_REPLICAS')
  machine.setStatus(1, 'OFFLINE')
  machine.refuse(remove(1, false), 'BROKER_HAS_REPLICAS')
})

test('a broker that is removed by force is eligible nowhere, and stays named as a replica that is offline', () => {
  const machine = new Machine().withBrokers(1, 2)
  machine.withTopic('shared', [[1, 2]]).withTopic('alone', [[1]])
  machine.setStatus(1, 'OFFLINE')
  assert.deepEqual(machine.led('alone'), { leader: null, isr: [], elr: [1], last: 1 })
  machine.accept(remove(1, true))
  assert.equal(machine.image.broker(1), undefined)
  assert.deepEqual(machine.led('shared'), { leader: 2, isr: [2], elr: [], last: null })
  assert.deepEqual(machine.led('alone'), { leader: null, isr: [], elr: [], last: 1 })
  const { replicas, offlineReplicas } = machine.partition('alone')
  assert.deepEqual([replicas, offlineReplicas], [[1], [1]])
})

test('a broker that is removed by force makes room for who led last', () => {
  const machine = new Machine().withBrokers(1, 2)
  machine.withTopic('t', [[1, 2]], { 'min.insync.replicas': '2' })
  machine.setStatus(1, 'OFFLINE')
  machine.setStatus(2, 'OFFLINE')
  machine.accept({
    type: 'RegisterBrokerCommand',
    ...machine.image.broker(2)!,
    port: 7000,
    previousBrokerEpoch: null,
  })
  assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1], last: 2 })
  machine.accept(remove(1, true))
  assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
})

test('nothing can be placed on a broker that was removed', () => {
  const machine = new Machine().withBrokers(1, 2)
  machine.accept(remove(2))
  machine.refuse(
    { type: 'CreateTopicCommand', topicName: 't', topicId: 'i', assignments: [[2]], config: {} },
    'INVALID_REPLICA_ASSIGNMENT',
  )
})
