import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { changedCount } from '../../../../src/metadata/change.ts'
import { type Command, encodeCommand } from '../../../../src/metadata/command.ts'
import { brokerProcess, type Intent, Machine, plainBroker, resultsOf } from '../machine.ts'

/** Topic `t` on brokers 1 and 2, led by each of them once; topic `alone` on broker 1; topic `other` without it. */
function cluster(): Machine {
  const machine = new Machine().withBrokers(1, 2, 3)
  machine.withTopic('t', [
    [1, 2],
    [2, 1],
  ])
  return machine.withTopic('alone', [[1]]).withTopic('other', [[2, 3]])
}

test('a broker that goes OFFLINE leaves every ISR, and others lead what it led, in one command', () => {
  const machine = cluster()
  const changes = machine.setStatus(1, 'OFFLINE')
  assert.equal(changedCount(changes), 3, 'the partitions with a replica on it')
  assert.deepEqual(machine.led('t', 0), { leader: 2, isr: [2], elr: [], last: null })
  assert.deepEqual(machine.led('t', 1), { leader: 2, isr: [2], elr: [], last: null })
  assert.deepEqual(machine.led('alone'), { leader: null, isr: [], elr: [1], last: 1 })
  assert.deepEqual(machine.led('other'), { leader: 2, isr: [2, 3], elr: [], last: null })
})

test('the leader epoch grows with the leader, to none as well, the partition epoch with any change', () => {
  const machine = cluster()
  const epochsOf = (topicName: string, id = 0) => {
    const { leaderEpoch, partitionEpoch } = machine.partition(topicName, id)
    return [leaderEpoch, partitionEpoch]
  }
  const epochs = () => [epochsOf('t', 0), epochsOf('t', 1), epochsOf('alone'), epochsOf('other')]
  machine.setStatus(1, 'OFFLINE')
  assert.equal(String(epochs()), '1,1,0,1,1,1,0,0')
  machine.setStatus(1, 'ONLINE')
  assert.equal(String(epochs()), '1,1,0,1,2,2,0,0')
})

test('partitions are modified when they change, and the broker with its status', () => {
  const machine = cluster()
  machine.accept({ ...machine.status(1, 'OFFLINE'), time: 500_000 })
  assert.equal(machine.partition('t').modifiedAt, 500_000)
  assert.equal(machine.partition('t').createdAt, 4_000)
  assert.equal(machine.partition('other').modifiedAt, 6_000)
  const { modifiedAt, statusReason, registeredAt } = machine.image.broker(1)!
  assert.deepEqual([modifiedAt, statusReason, registeredAt], [500_000, 'told so by a test', 1_000])
})

test('a broker that comes back leads what nobody leads, and does not rejoin ISRs by itself', () => {
  const machine = cluster()
  machine.setStatus(1, 'OFFLINE')
  assert.equal(machine.setStatus(1, 'ONLINE').length, 2, 'the broker, and the partition that it leads')
  assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
  assert.deepEqual(machine.led('alone'), { leader: 1, isr: [1], elr: [], last: null })
})

describe('the last in sync', () => {
  test('alone may lead again when all are gone, whoever comes back first', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2, 3]])
    for (const brokerId of [1, 2, 3]) machine.setStatus(brokerId, 'OFFLINE')
    machine.setStatus(1, 'ONLINE')
    machine.setStatus(2, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [3], last: 3 })
    machine.setStatus(3, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: 3, isr: [3], elr: [], last: null })
  })

  test('may be several with a minimum of two, and the first that comes back leads', () => {
    const machine = new Machine().withBrokers(1, 2, 3)
    machine.withTopic('t', [[1, 2, 3]], { 'min.insync.replicas': '2' })
    for (const brokerId of [1, 2, 3]) machine.setStatus(brokerId, 'OFFLINE')
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [2, 3], last: 3 })
    machine.setStatus(1, 'ONLINE')
    assert.equal(machine.led('t').leader, null, 'broker 1 left while two others went on')
    machine.setStatus(2, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [3], last: null })
  })

  test('need not come back where unclean elections are allowed', () => {
    const machine = new Machine().withBrokers(1, 2)
    machine.withTopic('t', [[1, 2]], { 'unclean.leader.election.enable': 'true' })
    machine.setStatus(2, 'OFFLINE')
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(2, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
    machine.setStatus(1, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
  })
})

test('the status that a broker has already changes nothing', () => {
  const machine = new Machine().withBrokers(1)
  machine.ignore(machine.status(1, 'ONLINE'))
  machine.setStatus(1, 'OFFLINE')
  machine.ignore({ ...machine.status(1, 'OFFLINE'), reason: 'another' } as Intent)
})

test('a verdict about an earlier process does not hit the present one', () => {
  const machine = new Machine().withBrokers(1)
  const late = machine.status(1, 'OFFLINE')
  machine.accept(plainBroker(1, { port: 7000 }))
  const { message } = machine.refuse(late, 'STALE_BROKER_EPOCH')
  assert.match(message, /broker epoch 1 was given, broker 1 has epoch 2/)
  machine.refuse({ ...late, brokerEpoch: 99 } as Intent, 'STALE_BROKER_EPOCH')
})

test('a broker that is not registered is rejected', () => {
  const machine = new Machine().withBrokers(1)
  machine.refuse({ ...machine.status(1, 'OFFLINE'), brokerId: 2 } as Intent, 'UNKNOWN_BROKER')
})

test('the loss of a broker is under 200 bytes in the log, however much it led and however large its numbers are', () => {
  const machine = new Machine().withBrokers(1, 2)
  machine.withTopic('t', Array<number[]>(10_000).fill([1, 2]))
  const command = {
    ...machine.status(1, 'OFFLINE'),
    time: 1_763_684_000_000,
    reason: 'no heartbeat for 30000 ms',
    by: 'session timeout',
  } as Command
  const largest = { ...command, brokerId: 2 ** 31 - 1, brokerEpoch: Number.MAX_SAFE_INTEGER } as Command
  assert(Buffer.byteLength(largest.type + encodeCommand(largest)) < 200)
  assert.equal(changedCount(machine.accept(command)), 10_000)
  assert.equal(machine.image.replicaCounts().get(2)?.leaders, 10_000)
})

describe('a broker that shuts down', () => {
  test('leaves every ISR, and others lead what it led, before it is gone', () => {
    const machine = cluster()
    machine.setStatus(1, 'SHUTTING_DOWN')
    assert.equal(machine.image.isActive(1), false)
    assert.deepEqual(machine.led('t', 0), { leader: 2, isr: [2], elr: [], last: null })
    assert.deepEqual(machine.led('t', 1), { leader: 2, isr: [2], elr: [], last: null })
    assert.deepEqual(machine.partition('t').offlineReplicas, [1])
  })

  test('is OFFLINE at last, which changes no partition any more', () => {
    const machine = cluster()
    machine.setStatus(1, 'SHUTTING_DOWN')
    assert.equal(machine.setStatus(1, 'OFFLINE').length, 1)
  })

  test('stays eligible for what it alone held, leads nothing meanwhile, and leads that again after a clean stop', () => {
    const machine = cluster()
    machine.setStatus(1, 'SHUTTING_DOWN')
    assert.deepEqual(machine.led('alone'), { leader: null, isr: [], elr: [1], last: 1 })
    machine.setStatus(1, 'OFFLINE')
    machine.accept(brokerProcess(1, 'second', machine.image.broker(1)!.brokerEpoch))
    assert.deepEqual(machine.led('alone'), { leader: null, isr: [], elr: [1], last: 1 })
    machine.setStatus(1, 'ONLINE')
    assert.deepEqual(machine.led('alone'), { leader: 1, isr: [1], elr: [], last: null })
  })

  test('may change its mind', () => {
    const machine = cluster()
    machine.setStatus(1, 'SHUTTING_DOWN')
    machine.setStatus(1, 'ONLINE')
    assert.deepEqual(machine.led('alone'), { leader: 1, isr: [1], elr: [], last: null })
    assert.deepEqual(machine.led('t').isr, [2])
  })

  test('is taken into no ISR, and elected nowhere', () => {
    const machine = cluster()
    machine.setStatus(1, 'SHUTTING_DOWN')
    assert.deepEqual(resultsOf(machine.apply(machine.inSync('t', [1, 2]))), ['INELIGIBLE_REPLICA'])
    machine.setStatus(2, 'OFFLINE')
    assert.equal(machine.led('t').leader, null)
  })

  test('cannot be removed by force yet', () => {
    const machine = cluster()
    machine.setStatus(1, 'SHUTTING_DOWN')
    machine.refuse({ type: 'UnregisterBrokerCommand', brokerId: 1, force: true }, 'BROKER_HAS_REPLICAS')
  })
})

test('a status says since when, and keeps that while it lasts', () => {
  const machine = new Machine().withBrokers(1)
  machine.accept({ ...machine.status(1, 'OFFLINE'), time: 50_000 })
  assert.equal(machine.image.broker(1)?.statusSince, 50_000)
  machine.accept({ ...plainBroker(1, { rack: 'b' }), time: 60_000 })
  assert.equal(machine.image.broker(1)?.statusSince, 60_000, 'it is ONLINE by that')
  machine.accept({ ...plainBroker(1, { rack: 'c' }), time: 70_000 })
  assert.equal(machine.image.broker(1)?.statusSince, 60_000)
})
