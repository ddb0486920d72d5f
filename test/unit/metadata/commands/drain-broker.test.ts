import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { brokerProcess, drained, type Intent, Machine, moved, newTopic, plainBroker } from '../machine.ts'

/** Topic `t` is led by broker 1 and by broker 2; topic `alone` is on broker 1 only. */
function cluster(): Machine {
  const machine = new Machine().withBrokers(1, 2, 3)
  machine.withTopic('t', [
    [1, 2, 3],
    [2, 1, 3],
  ])
  return machine.withTopic('alone', [[1]])
}

/** What is to be seen of the broker's state. */
function stateOf(machine: Machine, brokerId = 1) {
  const { status, statusReason, statusSince, drain } = machine.image.broker(brokerId)!
  return { status, statusReason, statusSince, drain }
}

describe('a broker that is drained', () => {
  test('hands over what another in the ISR can lead, and stays in every ISR', () => {
    const machine = cluster()
    const changes = machine.accept({ ...drained(1), time: 99_000 })
    assert.equal(changes.length, 2, 'the broker, and the one partition that it led with others')
    assert.deepEqual(stateOf(machine), {
      status: 'DRAINING',
      statusReason: 'being drained',
      statusSince: 99_000,
      drain: { mode: 'DRAIN', since: 99_000, leaders: 2, replicas: 3 },
    })
    assert.equal(machine.image.broker(1)?.modifiedAt, 99_000)
    assert.deepEqual(machine.led('t', 0), { leader: 2, isr: [1, 2, 3], elr: [], last: null })
    assert.deepEqual(machine.led('t', 1), { leader: 2, isr: [2, 1, 3], elr: [], last: null })
    assert.deepEqual(machine.led('alone'), { leader: 1, isr: [1], elr: [], last: null })
    const { leaderEpoch, partitionEpoch } = machine.partition('t')
    assert.deepEqual([leaderEpoch, partitionEpoch], [1, 1])
  })

  test('keeps what nobody else can lead, until somebody is in sync', () => {
    const machine = cluster()
    machine.setStatus(2, 'OFFLINE')
    machine.setStatus(3, 'OFFLINE')
    machine.accept(drained(1))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
    machine.setStatus(2, 'ONLINE')
    assert.equal(machine.led('t').leader, 1, 'broker 2 has not caught up')
    machine.accept(machine.inSync('t', [1, 2]))
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [1, 2], elr: [], last: null })
  })

  test('does not hand over to another that is drained as well', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
    machine.accept(drained(2))
    machine.accept(drained(1))
    assert.equal(machine.led('t').leader, 1)
    machine.accept(drained(2, null))
    assert.equal(machine.led('t').leader, 2)
  })

  test('leads again where all others went, and only there', () => {
    const machine = cluster()
    machine.accept(drained(1))
    machine.setStatus(2, 'OFFLINE')
    assert.equal(machine.led('t').leader, 3)
    machine.setStatus(3, 'OFFLINE')
    assert.equal(machine.led('t').leader, 1)
  })

  test('does not lead new partitions that another can lead', () => {
    const machine = new Machine().withBrokers(1, 2)
    machine.accept(drained(1))
    machine.accept(newTopic('n', [[1, 2]]))
    assert.deepEqual(machine.led('n'), { leader: 2, isr: [1, 2], elr: [], last: null })
    machine.withTopic('single', [[1]])
    assert.equal(machine.led('single').leader, 1)
  })

  test('hands over where a move brings the first other replica', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1]])
    machine.accept(drained(1, 'DECOMMISSION'))
    machine.accept(moved('t', [1, 2], 'DECOMMISSION'))
    machine.accept(machine.inSync('t', [1, 2]))
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [1, 2], elr: [], last: null })
  })

  test('may be in ISRs, and take others in', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
    machine.accept(machine.inSync('t', [1]))
    machine.accept(drained(2))
    machine.accept(machine.inSync('t', [1, 2]))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1, 2], elr: [], last: null })
  })
})

describe('the drain', () => {
  test('is taken back: the broker may lead again, and leads nothing by that', () => {
    const machine = cluster()
    machine.accept(drained(1))
    const changes = machine.accept({ ...drained(1, null), time: 99_000 })
    assert.equal(changes.length, 1)
    assert.deepEqual(stateOf(machine), {
      status: 'ONLINE',
      statusReason: 'no longer drained',
      statusSince: 99_000,
      drain: null,
    })
    assert.equal(machine.led('t').leader, 2)
  })

  test('becomes a decommission and the other way round; the broker has been DRAINING since it began', () => {
    const machine = cluster()
    machine.accept({ ...drained(1), time: 50_000 })
    machine.accept({ ...drained(1, 'DECOMMISSION'), time: 60_000 })
    assert.deepEqual(stateOf(machine), {
      status: 'DRAINING',
      statusReason: 'being decommissioned',
      statusSince: 50_000,
      drain: { mode: 'DECOMMISSION', since: 60_000, leaders: 1, replicas: 3 },
    })
    machine.accept({ ...drained(1), time: 70_000 })
    assert.deepEqual(stateOf(machine).drain, { mode: 'DRAIN', since: 70_000, leaders: 1, replicas: 3 })
  })

  test('that is so already changes nothing', () => {
    const machine = cluster()
    machine.ignore(drained(1, null))
    for (const mode of ['DRAIN', 'DECOMMISSION'] as const) {
      machine.accept(drained(1, mode))
      machine.ignore(drained(1, mode))
    }
  })

  test('of a broker that is not registered is rejected', () => {
    cluster().refuse(drained(9), 'UNKNOWN_BROKER')
  })
})

describe('a drain outlasts', () => {
  test('the absence of the broker: it is DRAINING when it is back', () => {
    const machine = cluster()
    machine.accept(drained(1))
    machine.setStatus(1, 'OFFLINE')
    assert.equal(stateOf(machine).status, 'OFFLINE')
    machine.setStatus(1, 'ONLINE')
    assert.equal(stateOf(machine).status, 'DRAINING')
    machine.ignore(machine.status(1, 'ONLINE'))
  })

  test('a restart with an incarnation, in the mode that was wanted', () => {
    const machine = cluster()
    machine.accept({ ...drained(1, 'DECOMMISSION'), time: 50_000 })
    machine.accept(brokerProcess(1, 'second', machine.image.broker(1)!.brokerEpoch))
    const { status, drain } = stateOf(machine)
    assert.deepEqual(
      [status, drain],
      ['OFFLINE', { mode: 'DECOMMISSION', since: 50_000, leaders: 2, replicas: 3 }],
    )
    machine.setStatus(1, 'ONLINE')
    assert.equal(stateOf(machine).status, 'DRAINING')
    assert.equal(machine.led('t').leader, 2)
  })

  test('a restart of a plain client, which is DRAINING at once', () => {
    const machine = cluster()
    machine.accept(drained(1))
    machine.accept(plainBroker(1, { port: 7000 }))
    assert.equal(stateOf(machine).status, 'DRAINING')
    machine.setStatus(1, 'OFFLINE')
    machine.accept(plainBroker(1, { port: 7000 }))
    assert.equal(stateOf(machine).status, 'DRAINING')
  })

  test('a plain client that lost its data: it leads only what nobody else can', () => {
    const machine = cluster()
    machine.accept(drained(1))
    machine.accept(plainBroker(1, { port: 7000 }))
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2, 3], elr: [], last: null })
    assert.deepEqual(machine.led('alone'), { leader: 1, isr: [1], elr: [], last: null })
  })
})

describe('of a broker that is away', () => {
  for (const status of ['OFFLINE', 'SHUTTING_DOWN'] as const)
    test(`the drain changes nothing but its wish: ${status}`, () => {
      const machine = cluster()
      machine.setStatus(1, status)
      const before = stateOf(machine)
      const changes = machine.accept({ ...drained(1), time: 99_000 })
      assert.equal(changes.length, 1)
      const drain = { mode: 'DRAIN', since: 99_000, leaders: 0, replicas: 3 }
      assert.deepEqual(stateOf(machine), { ...before, drain })
      machine.setStatus(1, 'ONLINE')
      assert.equal(stateOf(machine).status, 'DRAINING')
      assert.equal(machine.led('alone').leader, 1)
      machine.setStatus(1, status)
      machine.accept(drained(1, null))
      machine.setStatus(1, 'ONLINE')
      assert.equal(stateOf(machine).status, 'ONLINE')
    })
})

test('a decommissioned broker is removed when its replicas are gone, and not before', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1]])
  const remove: Intent = { type: 'UnregisterBrokerCommand', brokerId: 1, force: false }
  machine.accept(drained(1, 'DECOMMISSION'))
  machine.accept(moved('t', [2], 'DECOMMISSION'))
  machine.refuse(remove, 'BROKER_HAS_REPLICAS')
  machine.accept(machine.inSync('t', [1, 2]))
  machine.accept(remove)
  assert.equal(machine.image.broker(1), undefined)
  machine.withBrokers(1)
  assert.deepEqual([stateOf(machine).status, stateOf(machine).drain], ['ONLINE', null], 'a new broker')
})
