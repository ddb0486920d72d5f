import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ErrorCode } from '../../../../src/base/errors.ts'
import { brokerProcess, drained, type Intent, Machine, moved, resultsOf } from '../machine.ts'

type Named = { readonly topic: string; readonly partition: number }
const T0: Named = { topic: 't', partition: 0 }

function election(electionType: 'PREFERRED' | 'UNCLEAN', ...partitions: Named[]): Intent {
  return { type: 'ElectLeadersCommand', electionType, partitions: partitions.length > 0 ? partitions : [T0] }
}

function refused(machine: Machine, intent: Intent, code: ErrorCode): string {
  const { stateHash } = machine.image
  const applied = machine.apply(intent)
  assert.deepEqual(resultsOf(applied), [code])
  assert.equal(machine.image.stateHash, stateHash)
  return 'results' in applied ? applied.results![0]!.message : ''
}

function notNeeded(machine: Machine, intent: Intent): void {
  assert.match(refused(machine, intent, 'ELECTION_NOT_NEEDED'), /^partition t-0: .*broker \d,? leads it/)
}

/** Brokers 1 and 2 are in sync, and broker 2 leads, since broker 1 was away. */
function ledByTheSecond(): Machine {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
  machine.setStatus(1, 'OFFLINE')
  machine.setStatus(1, 'ONLINE')
  machine.accept(machine.inSync('t', [1, 2]))
  assert.equal(machine.led('t').leader, 2)
  return machine
}

/** Broker 2 alone had everything, and is away. */
function leaderless(): Machine {
  const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2, 3]])
  for (const brokerId of [3, 1, 2]) machine.setStatus(brokerId, 'OFFLINE')
  for (const brokerId of [3, 1]) machine.setStatus(brokerId, 'ONLINE')
  assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [2], last: 2 })
  return machine
}

describe('a preferred election', () => {
  test('makes the first replica lead, in new epochs, with the ISR as it was', () => {
    const machine = ledByTheSecond()
    const before = machine.partition('t')
    machine.accept({ ...election('PREFERRED'), time: 99_000 })
    const { leader, isr, leaderEpoch, partitionEpoch, modifiedAt } = machine.partition('t')
    assert.deepEqual([leader, isr, modifiedAt], [1, [1, 2], 99_000])
    assert.deepEqual([leaderEpoch, partitionEpoch], [before.leaderEpoch + 1, before.partitionEpoch + 1])
  })

  test('is not needed where the first replica leads', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
    notNeeded(machine, election('PREFERRED'))
    machine.accept(drained(1))
    machine.setStatus(2, 'OFFLINE')
    assert.equal(machine.led('t').leader, 1)
    notNeeded(machine, election('PREFERRED'))
  })

  test('is refused while the first replica is away', () => {
    const machine = ledByTheSecond()
    machine.setStatus(1, 'OFFLINE')
    assert.match(
      refused(machine, election('PREFERRED'), 'PREFERRED_LEADER_NOT_AVAILABLE'),
      /^partition t-0: its preferred leader, broker 1, is not ONLINE/,
    )
  })

  test('is refused while the first replica is not in the ISR', () => {
    const machine = ledByTheSecond()
    machine.accept(machine.inSync('t', [2]))
    assert.match(refused(machine, election('PREFERRED'), 'PREFERRED_LEADER_NOT_AVAILABLE'), /not in the ISR/)
  })

  test('is refused while the first replica is being drained', () => {
    const machine = ledByTheSecond()
    machine.accept(drained(1))
    assert.match(refused(machine, election('PREFERRED'), 'PREFERRED_LEADER_NOT_AVAILABLE'), /being drained/)
    machine.accept(drained(1, null))
    machine.accept(election('PREFERRED'))
    assert.equal(machine.led('t').leader, 1)
  })

  test('elects nobody where nobody leads: an eligible replica is not enough', () => {
    refused(leaderless(), election('PREFERRED'), 'PREFERRED_LEADER_NOT_AVAILABLE')
  })

  test('is of the replicas of before while they are being moved', () => {
    const machine = ledByTheSecond().withBrokers(3)
    machine.accept(moved('t', [3, 2]))
    machine.accept(election('PREFERRED'))
    assert.equal(machine.led('t').leader, 1)
    assert.deepEqual(machine.partition('t').reassignment?.target, [3, 2])
  })
})

describe('an unclean election', () => {
  test('makes the first live replica lead, which is in sync alone; nobody is eligible any more', () => {
    const machine = leaderless()
    const { leaderEpoch } = machine.partition('t')
    machine.accept(election('UNCLEAN'))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
    assert.equal(machine.partition('t').leaderEpoch, leaderEpoch + 1)
    machine.setStatus(2, 'ONLINE')
    assert.equal(machine.led('t').leader, 1)
  })

  test('passes over a replica that is being drained where there is another', () => {
    const machine = leaderless()
    machine.accept(drained(1))
    machine.accept(election('UNCLEAN'))
    assert.deepEqual(machine.led('t'), { leader: 3, isr: [3], elr: [], last: null })
  })

  test('takes one that is being drained where there is no other', () => {
    const machine = leaderless()
    machine.accept(drained(1))
    machine.setStatus(3, 'OFFLINE')
    machine.accept(election('UNCLEAN'))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
  })

  test('deposes nobody: it is not needed where somebody leads', () => {
    notNeeded(ledByTheSecond(), election('UNCLEAN'))
  })

  test('is refused while no replica is live', () => {
    const machine = leaderless()
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(3, 'SHUTTING_DOWN')
    assert.match(
      refused(machine, election('UNCLEAN'), 'ELIGIBLE_LEADERS_NOT_AVAILABLE'),
      /^partition t-0: none of its replicas/,
    )
  })

  test('does not make the topic allow others', () => {
    const machine = leaderless()
    machine.accept(election('UNCLEAN'))
    machine.setStatus(1, 'OFFLINE')
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1], last: 1 })
  })

  test('of a replica that is added is the end of the move when it is all of the target', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1]])
    machine.accept(moved('t', [2]))
    machine.accept(brokerProcess(1, 'second'))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [], last: 1 })
    machine.accept(election('UNCLEAN'))
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
    const { replicas, reassignment } = machine.partition('t')
    assert.deepEqual([replicas, reassignment], [[2], null])
  })
})

test('partitions succeed or fail by themselves, and one that is named twice is elected once', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [
    [1, 2],
    [1, 2],
  ])
  machine.setStatus(1, 'OFFLINE')
  machine.setStatus(1, 'ONLINE')
  machine.accept(machine.inSync('t', [1, 2], 1))
  const { leaderEpoch } = machine.partition('t', 1)
  const T1 = { topic: 't', partition: 1 }
  const others = [
    { topic: 't', partition: 2 },
    { topic: 'nosuch', partition: 0 },
  ]
  const applied = machine.apply(election('PREFERRED', T0, T1, ...others, T1))
  assert.deepEqual(resultsOf(applied), [
    'PREFERRED_LEADER_NOT_AVAILABLE',
    null,
    'UNKNOWN_PARTITION',
    'UNKNOWN_TOPIC',
    null,
  ])
  assert.deepEqual([machine.led('t', 0).leader, machine.led('t', 1).leader], [2, 1])
  assert.equal(machine.partition('t', 1).leaderEpoch, leaderEpoch + 1)
  assert.equal('changes' in applied && applied.changes.length, 1)
})

test('a replica that is just being added is elected by an operator alone, and by no config', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1]], {
    'unclean.leader.election.enable': 'true',
  })
  machine.accept({
    type: 'AlterReplicasCommand',
    cause: 'DECOMMISSION',
    changes: [{ topic: 't', partition: 0, replicas: [2] }],
  })
  machine.setStatus(1, 'OFFLINE')
  assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1], last: 1 })
  assert.deepEqual(machine.partition('t').replicas, [1, 2])
  machine.accept({
    type: 'ElectLeadersCommand',
    electionType: 'UNCLEAN',
    partitions: [{ topic: 't', partition: 0 }],
  })
  assert.deepEqual([machine.partition('t').leader, machine.partition('t').replicas], [2, [2]])
})
