import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brokerProcess, type Intent, Machine, moved } from '../machine.ts'

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
  const { remedy, ...facts } = details!
  assert.deepEqual(facts, { brokerId: 1, status: 'ONLINE', replicas: 31, partitions: named })
  assert.ok(message.endsWith(` ${remedy}`), 'clients with other words find the remedy by itself')
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

describe('a broker that is removed by force while replicas move', () => {
  const removed = (machine: Machine, brokerId: number): Machine => {
    machine.setStatus(brokerId, 'OFFLINE')
    machine.accept(remove(brokerId, true))
    return machine
  }
  const moveOf = (machine: Machine) => {
    const { replicas, reassignment } = machine.partition('t')
    return { replicas, target: reassignment?.target ?? null }
  }
  const factorOf = (machine: Machine) => machine.image.topic('t')!.replicationFactor

  test('gets no replicas: the move to it is cancelled, and the topic has as many replicas as before', () => {
    const machine = new Machine().withBrokers(1, 2, 3, 4).withTopic('t', [[1, 2]])
    machine.accept(moved('t', [2, 3, 4]))
    assert.equal(factorOf(machine), 3)
    removed(machine, 3)
    assert.deepEqual(moveOf(machine), { replicas: [1, 2], target: null })
    assert.equal(factorOf(machine), 2)
    assert.equal(machine.led('t').leader, 1)
  })

  test('is given up where the others are moved: the move goes on', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2]])
    machine.accept(moved('t', [2, 3]))
    removed(machine, 1)
    assert.deepEqual(moveOf(machine), { replicas: [1, 2, 3], target: [2, 3] })
    assert.equal(machine.led('t').leader, 2)
    machine.accept(machine.inSync('t', [2, 3]))
    assert.deepEqual(moveOf(machine), { replicas: [2, 3], target: null })
  })

  test('ends the move when it was the last that this waited to be rid of', () => {
    const machine = new Machine()
      .withBrokers(1, 2, 3)
      .withTopic('t', [[1, 2]], { 'min.insync.replicas': '2' })
    machine.setStatus(2, 'OFFLINE')
    machine.accept(moved('t', [3, 2]))
    machine.accept(machine.inSync('t', [1, 3]))
    machine.accept(machine.inSync('t', [1]))
    machine.setStatus(1, 'OFFLINE')
    assert.deepEqual(machine.led('t'), { leader: 3, isr: [3], elr: [1], last: null })
    assert.deepEqual(moveOf(machine), { replicas: [1, 2, 3], target: [3, 2] })
    machine.accept(remove(1, true))
    assert.deepEqual(moveOf(machine), { replicas: [3, 2], target: null })
    assert.deepEqual(machine.led('t'), { leader: 3, isr: [3], elr: [], last: null })
  })

  test('is left out of a move that cannot go back: only who was added has every record', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1]])
    machine.accept(moved('t', [2, 3]))
    machine.accept(machine.inSync('t', [1, 2]))
    machine.setStatus(1, 'OFFLINE')
    removed(machine, 3)
    assert.deepEqual(moveOf(machine), { replicas: [2], target: null }, 'and that is all of the target now')
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
    assert.equal(factorOf(machine), 1)
  })

  test('is left out of a move to several, which goes on with its cause and its time', () => {
    const machine = new Machine().withBrokers(1, 2, 3, 4).withTopic('t', [[1]])
    machine.accept({ ...moved('t', [2, 3, 4], 'REBALANCE'), time: 50_000 })
    machine.accept(machine.inSync('t', [1, 2]))
    machine.setStatus(1, 'OFFLINE')
    removed(machine, 3)
    const { replicas, reassignment } = machine.partition('t')
    assert.deepEqual(replicas, [1, 2, 4])
    assert.deepEqual(reassignment, { target: [2, 4], cause: 'REBALANCE', startedAt: 50_000 })
    assert.equal(factorOf(machine), 2)
  })

  test('is left out while only who was added is eligible, or led last', () => {
    const machine = new Machine().withBrokers(1, 2, 3, 4).withTopic('t', [[1]])
    machine.accept(moved('t', [2, 3, 4]))
    machine.accept(machine.inSync('t', [1, 2]))
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(2, 'OFFLINE')
    removed(machine, 3)
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [2], last: 2 })
    machine.accept(brokerProcess(2, 'second'))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [], last: 2 })
    machine.accept(brokerProcess(4, 'second'))
    machine.accept(remove(4, true))
    assert.deepEqual(moveOf(machine), { replicas: [1, 2], target: [2] })
    machine.setStatus(2, 'ONLINE')
    assert.deepEqual(moveOf(machine), { replicas: [2], target: null })
  })

  test('takes what it alone held with it, and the replicas of before are left, without a leader', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1]])
    machine.accept(moved('t', [2, 3]))
    machine.accept(machine.inSync('t', [1, 2]))
    machine.setStatus(1, 'OFFLINE')
    removed(machine, 2)
    assert.deepEqual(moveOf(machine), { replicas: [1], target: null })
    machine.setStatus(1, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [], last: null })
    const partitions = [{ topic: 't', partition: 0 }]
    machine.accept({ type: 'ElectLeadersCommand', electionType: 'UNCLEAN', partitions })
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
  })
})
