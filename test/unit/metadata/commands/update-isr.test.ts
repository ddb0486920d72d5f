import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { IsrChange, IsrRemoval, UpdateISRCommand } from '../../../../src/metadata/commands/update-isr.ts'
import { brokerProcess, type Intent, Machine, moved, newTopic, plainBroker, raised } from '../machine.ts'

/** Broker 1 alone is in sync, since brokers 2 and 3 were away. */
function shrunk(config: Readonly<Record<string, string>> = {}): Machine {
  const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2, 3]], config)
  for (const brokerId of [3, 2]) machine.setStatus(brokerId, 'OFFLINE')
  for (const brokerId of [3, 2]) machine.setStatus(brokerId, 'ONLINE')
  assert.deepEqual(machine.led('t').isr, [1])
  return machine
}

/** The topic is deleted, and created again: its epochs are as they were at first. */
function createdAgain(machine: Machine): Machine {
  machine.accept({ type: 'DeleteTopicCommand', topicName: 't' })
  machine.accept({ ...newTopic('t', [[1, 2, 3]]), topicId: 'another id' })
  return machine
}

/** What the leader of the partition sends when it knows everything. */
function isr(machine: Machine, brokerIds: readonly number[], changed: Partial<IsrChange> = {}): IsrChange {
  const { leaderEpoch, partitionEpoch } = machine.partition('t', changed.partition) ?? machine.partition('t')
  const newIsr = brokerIds.map(brokerId => ({
    brokerId,
    brokerEpoch: machine.image.broker(brokerId)?.brokerEpoch ?? 0,
  }))
  return { topic: 't', partition: 0, leaderEpoch, partitionEpoch, newIsr, ...changed }
}

function update(machine: Machine, brokerId: number, ...changes: IsrChange[]): Intent {
  const brokerEpoch = machine.image.broker(brokerId)?.brokerEpoch ?? 0
  return { type: 'UpdateISRCommand', brokerId, brokerEpoch, changes }
}

/** The code of each result; null where the part was taken. */
function results(machine: Machine, intent: Intent): (string | null)[] {
  const applied = machine.apply(intent)
  assert('changes' in applied && applied.results !== undefined)
  return applied.results.map(result => result?.rejected ?? null)
}

test('the leader takes replicas back into the ISR: a new partition epoch, the same leader and leader epoch', () => {
  const machine = shrunk()
  const before = machine.partition('t')
  machine.accept({ ...update(machine, 1, isr(machine, [3, 1])), time: 66_000 })
  const after = machine.partition('t')
  assert.deepEqual([after.leader, after.isr], [1, [1, 3]])
  assert.deepEqual([after.leaderEpoch, after.partitionEpoch], [before.leaderEpoch, before.partitionEpoch + 1])
  assert.equal(after.modifiedAt, 66_000)
})

test('the leader puts a replica out of the ISR, which stays eligible only below the minimum', () => {
  for (const [minIsr, elr] of [
    ['1', []],
    ['2', [2, 3]],
  ] as const) {
    const machine = new Machine().withBrokers(1, 2, 3)
    machine.withTopic('t', [[1, 2, 3]], { 'min.insync.replicas': minIsr })
    machine.accept(update(machine, 1, isr(machine, [1])))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr, last: null }, `minimum ${minIsr}`)
  }
})

test('nobody is eligible any more when the ISR reaches its minimum again', () => {
  const machine = shrunk({ 'min.insync.replicas': '2' })
  assert.deepEqual(machine.led('t').elr, [2])
  machine.accept(update(machine, 1, isr(machine, [1, 3])))
  assert.deepEqual(machine.led('t'), { leader: 1, isr: [1, 3], elr: [], last: null })
})

test('the others stay eligible while a larger ISR is below its minimum still', () => {
  const machine = shrunk({ 'min.insync.replicas': '3' })
  assert.deepEqual(machine.led('t').elr, [2, 3])
  machine.accept(update(machine, 1, isr(machine, [1, 3])))
  assert.deepEqual(machine.led('t'), { leader: 1, isr: [1, 3], elr: [2], last: null })
})

test('the ISR that is in force already changes nothing', () => {
  const machine = shrunk()
  const { version, stateHash } = machine.image
  assert.deepEqual(results(machine, update(machine, 1, isr(machine, [1]))), [null])
  assert.deepEqual([machine.image.version, machine.image.stateHash], [version, stateHash])
})

test('parts succeed or fail by themselves, and what one part changed the next does not see', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [
    [1, 2],
    [1, 2],
    [1, 2],
  ])
  machine.setStatus(2, 'OFFLINE')
  machine.setStatus(2, 'ONLINE')
  const intent = update(
    machine,
    1,
    isr(machine, [1, 2]),
    isr(machine, [2], { partition: 1 }),
    isr(machine, [1, 2], { partition: 9 }),
    isr(machine, [1, 2]),
    isr(machine, [1, 2], { partition: 2 }),
  )
  const expected = [null, 'INVALID_REQUEST', 'UNKNOWN_PARTITION', 'INVALID_REQUEST', null]
  assert.deepEqual(results(machine, intent), expected)
  assert.deepEqual(
    [0, 1, 2].map(id => machine.led('t', id).isr),
    [[1, 2], [1], [1, 2]],
  )
})

describe('a part is rejected', () => {
  const machine = shrunk()
  machine.withBrokers(4)
  const { leaderEpoch, partitionEpoch } = machine.partition('t')
  const epochs = (leader: number, partition: number) => ({
    leaderEpoch: leaderEpoch + leader,
    partitionEpoch: partitionEpoch + partition,
  })

  const cases: [string, IsrChange, string, number?][] = [
    ['of a topic that does not exist', isr(machine, [1], { topic: 'nosuch' }), 'UNKNOWN_TOPIC'],
    ['of a partition that does not exist', isr(machine, [1], { partition: 1 }), 'UNKNOWN_PARTITION'],
    ['with a leader epoch ahead of ours', isr(machine, [1, 2], epochs(1, 0)), 'NOT_CONTROLLER'],
    ['with a partition epoch ahead of ours', isr(machine, [1, 2], epochs(0, 1)), 'NOT_CONTROLLER'],
    ['with a partition epoch that is over', isr(machine, [1, 2], epochs(0, -1)), 'INVALID_UPDATE_VERSION'],
    ['from a broker that does not lead', isr(machine, [1, 2]), 'INVALID_REQUEST', 2],
    ['without the leader in it', isr(machine, [2]), 'INVALID_REQUEST'],
    ['without anybody in it', isr(machine, []), 'INVALID_REQUEST'],
    ['with a broker named twice', isr(machine, [1, 2, 2]), 'INVALID_REQUEST'],
    ['with a broker that holds no replica', isr(machine, [1, 4]), 'INVALID_REQUEST'],
    [
      'with an earlier process of a broker',
      isr(machine, [1], { newIsr: [...isr(machine, [1]).newIsr, { brokerId: 2, brokerEpoch: 1 }] }),
      'INELIGIBLE_REPLICA',
    ],
  ]
  for (const [what, change, code, brokerId = 1] of cases)
    test(what, () => {
      const before = machine.image.stateHash
      assert.deepEqual(results(machine, update(machine, brokerId, change)), [code])
      assert.equal(machine.image.stateHash, before)
    })

  test('with a leader epoch that is over, also from who led in it', () => {
    const other = shrunk()
    const late = update(other, 1, isr(other, [1, 2]))
    other.setStatus(1, 'OFFLINE')
    other.setStatus(1, 'ONLINE')
    assert.equal(other.partition('t').leaderEpoch, 2)
    assert.deepEqual(results(other, late), ['FENCED_LEADER_EPOCH'])
  })

  test('with a broker that is OFFLINE, or is not registered any more', () => {
    const other = shrunk()
    other.setStatus(2, 'OFFLINE')
    assert.deepEqual(results(other, update(other, 1, isr(other, [1, 2]))), ['INELIGIBLE_REPLICA'])
    other.accept({ type: 'UnregisterBrokerCommand', brokerId: 2, force: true })
    assert.deepEqual(results(other, update(other, 1, isr(other, [1, 2]))), ['INELIGIBLE_REPLICA'])
  })

  test('of a partition that nobody leads', () => {
    const other = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
    other.setStatus(2, 'OFFLINE')
    other.setStatus(1, 'OFFLINE')
    assert.deepEqual(results(other, update(other, 1, isr(other, [1]))), ['INVALID_REQUEST'])
  })
})

describe('the whole command is rejected', () => {
  test('from a broker that is not registered', () => {
    const machine = shrunk()
    machine.refuse(update(machine, 9, isr(machine, [1])), 'UNKNOWN_BROKER')
  })

  test('from an earlier process of the broker', () => {
    const machine = shrunk()
    const late = update(machine, 1, isr(machine, [1, 2])) as UpdateISRCommand
    machine.accept(plainBroker(1, { port: 7000, previousBrokerEpoch: late.brokerEpoch }))
    machine.refuse(late, 'STALE_BROKER_EPOCH')
  })
})

test('a process that lost its data is not taken back by a leader that saw the process before it', () => {
  const machine = shrunk()
  const late = update(machine, 1, isr(machine, [1, 2]))
  machine.accept(brokerProcess(2, 'second'))
  machine.setStatus(2, 'ONLINE')
  assert.deepEqual(results(machine, late), ['INELIGIBLE_REPLICA'])
})

describe('a report that a follower fell behind', () => {
  const report = (
    machine: Machine,
    removed: number,
    changed: Partial<IsrRemoval> = {},
    brokerId = 3,
  ): Intent => {
    const { brokerEpoch } = machine.image.broker(brokerId)!
    const change = { topic: 't', partition: 0, removed, ...changed }
    return { type: 'UpdateISRCommand', brokerId, brokerEpoch, changes: [change] }
  }
  const cluster = (config: Readonly<Record<string, string>> = {}): Machine =>
    new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2, 3]], config)

  test('takes it out of the ISR, whoever reports it: a new partition epoch, the same leader and leader epoch', () => {
    for (const brokerId of [1, 2, 3]) {
      const machine = cluster()
      machine.accept(report(machine, 2, { leaderEpoch: 0 }, brokerId))
      const { leader, isr, elr, leaderEpoch, partitionEpoch } = machine.partition('t')
      assert.deepEqual([leader, isr, elr, leaderEpoch, partitionEpoch], [1, [1, 3], [], 0, 1])
    }
  })

  test('leaves it eligible where the ISR falls below its minimum by that', () => {
    const machine = cluster({ 'min.insync.replicas': '2' })
    machine.accept(report(machine, 2))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1, 3], elr: [], last: null })
    machine.accept(report(machine, 3))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [3], last: null })
  })

  test('leaves those eligible who were so, while the ISR is below its minimum', () => {
    const machine = cluster({ 'min.insync.replicas': '3' })
    machine.accept(report(machine, 2))
    machine.accept(report(machine, 3))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [2, 3], last: null })
  })

  test('of a replica that is not in the ISR, or of a broker without a replica, changes nothing', () => {
    const machine = cluster({ 'min.insync.replicas': '3' })
    machine.accept(report(machine, 2))
    const { stateHash } = machine.image
    assert.deepEqual(results(machine, report(machine, 2)), [null])
    assert.deepEqual(results(machine, report(machine, 9)), [null])
    assert.equal(machine.image.stateHash, stateHash)
  })

  test('is rejected of the leader', () => {
    const machine = cluster()
    assert.deepEqual(results(machine, report(machine, 1)), ['INVALID_REQUEST'])
    assert.deepEqual(machine.led('t').isr, [1, 2, 3])
  })

  test('is rejected of a leadership that is over, and of one that is not known here', () => {
    const machine = cluster()
    machine.setStatus(1, 'OFFLINE')
    for (const leaderEpoch of [0, 2])
      assert.deepEqual(results(machine, report(machine, 3, { leaderEpoch })), ['FENCED_LEADER_EPOCH'])
    assert.deepEqual(machine.led('t').isr, [2, 3])
    assert.deepEqual(results(machine, report(machine, 3, { leaderEpoch: 1 })), [null])
    assert.deepEqual(machine.led('t').isr, [2])
  })

  test('is rejected from an earlier process, and of partitions that do not exist', () => {
    const machine = cluster()
    machine.refuse({ ...report(machine, 2), brokerEpoch: 1 } as Intent, 'STALE_BROKER_EPOCH')
    assert.deepEqual(results(machine, report(machine, 2, { partition: 1 })), ['UNKNOWN_PARTITION'])
    assert.deepEqual(results(machine, report(machine, 2, { topic: 'nosuch' })), ['UNKNOWN_TOPIC'])
  })

  test('shares a command with what a leader sets, each partition once', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [
      [1, 2],
      [1, 2],
    ])
    const removal = { topic: 't', partition: 1, removed: 2 }
    const { brokerEpoch } = machine.image.broker(1)!
    const changes = [isr(machine, [1]), removal, { ...removal, partition: 0 }]
    const intent: Intent = { type: 'UpdateISRCommand', brokerId: 1, brokerEpoch, changes }
    assert.deepEqual(results(machine, intent), [null, null, 'INVALID_REQUEST'])
    assert.deepEqual([machine.led('t', 0).isr, machine.led('t', 1).isr], [[1], [1]])
  })

  test('ends a move that waited for the follower to be rid of', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[2, 1]])
    machine.accept(moved('t', [2, 1, 3]))
    machine.accept(machine.inSync('t', [2, 1, 3]))
    machine.setStatus(1, 'OFFLINE')
    machine.accept(moved('t', [2, 1]))
    assert.deepEqual(machine.partition('t').removingReplicas, [3])
    machine.accept(report(machine, 3, {}, 2))
    const { replicas, reassignment } = machine.partition('t')
    assert.deepEqual([replicas, reassignment], [[2, 1], null])
  })
})

describe('a change of an ISR that names the id of its topic', () => {
  const topicId = 'id of t'

  /** What the leader of the topic before still has under way: to put broker 3 out. */
  function late(machine: Machine): Intent[] {
    const change = isr(machine, [1, 2], { topicId })
    const removal: IsrRemoval = { topic: 't', topicId, partition: 0, removed: 3 }
    const removing = { ...update(machine, 2), changes: [removal] } as Intent
    return [update(machine, 1, change), removing]
  }

  const fresh = () => new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2, 3]])

  test('counts for this topic', () => {
    const machine = fresh()
    machine.accept(raised(3))
    assert.deepEqual(results(machine, late(machine)[0]!), [null])
    assert.deepEqual(machine.led('t').isr, [1, 2])
  })

  test('is refused by one that was created again, though all epochs agree', () => {
    const machine = fresh()
    machine.accept(raised(3))
    const under = late(machine)
    createdAgain(machine)
    for (const intent of under) assert.deepEqual(results(machine, intent), ['UNKNOWN_TOPIC_ID'])
    assert.deepEqual(machine.led('t').isr, [1, 2, 3])
  })

  test('is taken by its name below level 3, as releases do that look at nothing else', () => {
    const machine = fresh()
    machine.accept(raised(2))
    const [change] = late(machine)
    createdAgain(machine)
    assert.deepEqual(results(machine, change!), [null])
    assert.deepEqual(machine.led('t').isr, [1, 2])
  })
})
