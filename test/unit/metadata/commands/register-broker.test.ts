import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { changedCount } from '../../../../src/metadata/change.ts'
import { Image } from '../../../../src/metadata/image.ts'
import { readImage } from '../../../../src/metadata/render.ts'
import { brokerProcess, type Intent, Machine, plainBroker, viewOf } from '../machine.ts'

test('a plain client is ONLINE at once, with the version of its registration as its epoch', () => {
  const machine = new Machine().withBrokers(1)
  machine.accept({ ...plainBroker(2, { rack: 'a', resources: { disk: 1 } }), time: 55_000 })
  assert.deepEqual(machine.image.broker(2), {
    brokerId: 2,
    host: 'localhost',
    port: 9002,
    rack: 'a',
    resources: { disk: 1 },
    listeners: [],
    incarnationId: null,
    pairedMetadataServiceId: null,
    status: 'ONLINE',
    statusReason: 'registered',
    statusSince: 55_000,
    drain: null,
    brokerEpoch: 2,
    registeredAt: 55_000,
    modifiedAt: 55_000,
  })
})

test('a process with an incarnation starts OFFLINE: it has not caught up with its registration yet', () => {
  const machine = new Machine()
  machine.accept(brokerProcess(1, 'first'))
  assert.equal(machine.image.broker(1)?.status, 'OFFLINE')
  assert.equal(machine.image.isActive(1), false)
})

describe('the same process again', () => {
  test('changes nothing, whatever its state', () => {
    const machine = new Machine().withBrokers(1)
    machine.accept(brokerProcess(2, 'first'))
    machine.ignore(plainBroker(1))
    machine.ignore({ ...plainBroker(1), previousBrokerEpoch: 1 })
    machine.ignore(brokerProcess(2, 'first'))
    machine.setStatus(2, 'ONLINE')
    machine.ignore(brokerProcess(2, 'first'))
  })

  test('is ONLINE again by it as a plain client, and leads again what nobody else may lead', () => {
    const machine = new Machine().withBrokers(1).withTopic('t', [[1]])
    machine.setStatus(1, 'OFFLINE')
    machine.accept(plainBroker(1))
    assert.equal(machine.image.broker(1)?.status, 'ONLINE')
    assert.equal(machine.image.broker(1)?.brokerEpoch, 1)
    assert.equal(machine.led('t').leader, 1)
  })

  test('stays OFFLINE with an incarnation: only its heartbeats bring it back', () => {
    const machine = new Machine()
    machine.accept(brokerProcess(1, 'first'))
    machine.setStatus(1, 'ONLINE')
    machine.setStatus(1, 'OFFLINE')
    machine.ignore(brokerProcess(1, 'first'))
  })

  test('amends what it says of itself, and keeps epoch, status and partitions', () => {
    const machine = new Machine().withBrokers(1).withTopic('t', [[1]])
    const before = machine.image.broker(1)!
    const changes = machine.accept({ ...plainBroker(1, { rack: 'b', resources: { disk: 7 } }), time: 88_000 })
    assert.equal(changes.length, 1)
    assert.deepEqual(machine.image.broker(1), {
      ...before,
      rack: 'b',
      resources: { disk: 7 },
      modifiedAt: 88_000,
    })
  })

  test('amends nothing by writing the same in another order', () => {
    const machine = new Machine()
    machine.accept(plainBroker(1, { resources: { a: 1, b: 2 } }))
    machine.ignore(plainBroker(1, { resources: { b: 2, a: 1 } }))
  })

  test('is not a plain client at another address: that is another process', () => {
    const machine = new Machine().withBrokers(1)
    machine.accept(plainBroker(1, { port: 7000 }))
    assert.equal(machine.image.broker(1)?.brokerEpoch, 2)
  })
})

describe('another process of the same broker', () => {
  const topic = (machine: Machine) =>
    machine.withBrokers(2, 3).withTopic(
      't',
      [
        [1, 2],
        [2, 1],
        [2, 3],
      ],
      { 'min.insync.replicas': '2' },
    )

  function running(): Machine {
    const machine = new Machine()
    machine.accept(brokerProcess(1, 'first'))
    machine.setStatus(1, 'ONLINE')
    return topic(machine)
  }

  test('gets a new epoch, and is OFFLINE: whoever was ONLINE is gone', () => {
    const machine = running()
    machine.accept(brokerProcess(1, 'second'))
    const { brokerEpoch, status, registeredAt } = machine.image.broker(1)!
    assert.deepEqual([brokerEpoch, status, registeredAt], [machine.index, 'OFFLINE', machine.index * 1000])
  })

  test('leaves ISRs and hands its leadership over; partitions without it stay as they are', () => {
    const machine = running()
    const changes = machine.accept(brokerProcess(1, 'second'))
    assert.equal(changedCount(changes), 2)
    assert.deepEqual(machine.led('t', 0), { leader: 2, isr: [2], elr: [], last: null })
    assert.deepEqual(machine.led('t', 1), { leader: 2, isr: [2], elr: [], last: null })
  })

  test('stays eligible when it proves that the one before it stopped cleanly', () => {
    const machine = running()
    machine.accept(brokerProcess(1, 'second', machine.image.broker(1)!.brokerEpoch))
    assert.deepEqual(machine.led('t', 0), { leader: 2, isr: [2], elr: [1], last: null })
  })

  test('is eligible no longer when the proof is of an older process', () => {
    const machine = running()
    const first = machine.image.broker(1)!.brokerEpoch
    machine.accept(brokerProcess(1, 'second', first))
    machine.accept(brokerProcess(1, 'third', first))
    assert.deepEqual(machine.led('t', 0).elr, [])
  })

  test('is eligible no longer when it gives no proof, though it was OFFLINE before', () => {
    const machine = running()
    machine.setStatus(1, 'OFFLINE')
    assert.deepEqual(machine.led('t', 0).elr, [1])
    machine.accept(brokerProcess(1, 'second'))
    assert.deepEqual(machine.led('t', 0).elr, [])
  })

  test('does not lead before it is ONLINE, and then as the last leader where nobody is eligible', () => {
    const machine = new Machine()
    machine.accept(brokerProcess(1, 'first'))
    machine.setStatus(1, 'ONLINE')
    machine.withTopic('t', [[1]])
    machine.accept(brokerProcess(1, 'second'))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [], last: 1 })
    machine.setStatus(1, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
  })
})

describe('a plain client at another address', () => {
  test('without proof leaves its ISRs, though it is ONLINE', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
    machine.accept(plainBroker(1, { port: 7000 }))
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
  })

  test('without proof leads what nobody else can, in a new leader epoch', () => {
    const machine = new Machine().withBrokers(1).withTopic('t', [[1]])
    machine.accept(plainBroker(1, { port: 7000 }))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
    const { leaderEpoch, partitionEpoch } = machine.partition('t')
    assert(leaderEpoch > 0 && partitionEpoch >= leaderEpoch)
  })

  test('without proof does not lead while another is eligible', () => {
    const machine = new Machine()
    machine.withBrokers(1, 2).withTopic('t', [[1, 2]], { 'min.insync.replicas': '2' })
    machine.setStatus(2, 'OFFLINE')
    machine.accept(plainBroker(1, { port: 7000 }))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [2], last: 1 })
  })

  test('with proof stays in its ISRs and leads on in the same epoch', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
    const before = machine.partition('t')
    const changes = machine.accept(plainBroker(1, { port: 7000, previousBrokerEpoch: 1 }))
    assert.equal(changedCount(changes), 0)
    assert.deepEqual(machine.partition('t'), before)
  })
})

test('a broker that was removed and registers again leads again where it led last', () => {
  const machine = new Machine().withBrokers(1).withTopic('t', [[1]])
  machine.setStatus(1, 'OFFLINE')
  machine.accept({ type: 'UnregisterBrokerCommand', brokerId: 1, force: true })
  machine.accept(plainBroker(1))
  assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
})

test('fields that a newer release may send are not kept: a snapshot would not hold them, and the hashes would differ', () => {
  const machine = new Machine()
  machine.accept({ ...plainBroker(1), zone: 'new' } as Intent)
  const copy = new Image()
  readImage(copy, viewOf(machine.image))
  assert.equal(copy.stateHash, machine.image.stateHash)
})

test('a process that starts again and again, and never comes ONLINE, has been away all the time', () => {
  const machine = new Machine()
  machine.accept({ ...brokerProcess(1, 'a'), time: 10_000 })
  machine.accept({ ...brokerProcess(1, 'b'), time: 20_000 })
  assert.equal(machine.image.broker(1)!.statusSince, 10_000)
  machine.setStatus(1, 'ONLINE')
  machine.accept({ ...brokerProcess(1, 'c'), time: 90_000 })
  assert.equal(machine.image.broker(1)!.statusSince, 90_000)
})
