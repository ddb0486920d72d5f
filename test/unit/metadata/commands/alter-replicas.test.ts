import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ErrorCode } from '../../../../src/base/errors.ts'
import { brokerProcess, type Intent, Machine, moved, raised, resultsOf } from '../machine.ts'

/** Topic `t` with one partition on brokers 1 and 2; brokers 3, 4 and 5 hold nothing. */
function cluster(config: Readonly<Record<string, string>> = {}): Machine {
  return new Machine().withBrokers(1, 2, 3, 4, 5).withTopic('t', [[1, 2]], config)
}

/** What is to be seen of a move. */
function moveOf(machine: Machine, id = 0) {
  const { replicas, isr, leader, addingReplicas, removingReplicas, reassignment } = machine.partition('t', id)
  const target = reassignment?.target ?? null
  return { replicas, isr, leader, adding: addingReplicas, removing: removingReplicas, target }
}

function epochsOf(machine: Machine): [leader: number, partition: number] {
  const { leaderEpoch, partitionEpoch } = machine.partition('t')
  return [leaderEpoch, partitionEpoch]
}

function done(machine: Machine, replicas: readonly number[]): void {
  const { reassignment } = machine.partition('t')
  assert.deepEqual([machine.partition('t').replicas, reassignment], [replicas, null])
}

/** Nothing has changed, and the one part was answered so. */
function refused(machine: Machine, intent: Intent, code: ErrorCode): string {
  const { stateHash } = machine.image
  const applied = machine.apply(intent)
  assert.deepEqual(resultsOf(applied), [code])
  assert.equal(machine.image.stateHash, stateHash)
  return 'results' in applied ? applied.results![0]!.message : ''
}

const factorOf = (machine: Machine) => machine.image.topic('t')!.replicationFactor

describe('a move', () => {
  test('adds the new replicas at once, removes nobody, and leaves leader and ISR as they are', () => {
    const machine = cluster()
    machine.accept({ ...moved('t', [3, 2, 4]), time: 99_000 })
    assert.deepEqual(moveOf(machine), {
      replicas: [1, 2, 3, 4],
      isr: [1, 2],
      leader: 1,
      adding: [3, 4],
      removing: [1],
      target: [3, 2, 4],
    })
    const { reassignment, modifiedAt } = machine.partition('t')
    assert.deepEqual(reassignment, { target: [3, 2, 4], cause: 'MANUAL', startedAt: 99_000 })
    assert.equal(modifiedAt, 99_000)
    assert.deepEqual(epochsOf(machine), [0, 1], 'a new partition epoch, the same leader epoch')
  })

  test('is seen in the image, by topic and partition, until it is done', () => {
    const machine = cluster().withTopic('a', [[1], [1]])
    const named = () =>
      machine.image.reassignments().map(({ topic, partition }) => [topic.name, partition.id])
    machine.accept({
      type: 'AlterReplicasCommand',
      cause: 'MANUAL',
      changes: [
        { topic: 't', partition: 0, replicas: [1, 3] },
        { topic: 'a', partition: 1, replicas: [2] },
        { topic: 'a', partition: 0, replicas: [2] },
      ],
    })
    assert.deepEqual(named(), [
      ['a', 0],
      ['a', 1],
      ['t', 0],
    ])
    machine.accept(machine.inSync('a', [1, 2], 1))
    assert.deepEqual(named(), [
      ['a', 0],
      ['t', 0],
    ])
  })

  test('is done in the entry that takes the last of the target into the ISR; who leads and goes hands over', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4]))
    machine.accept(machine.inSync('t', [1, 2, 4]))
    assert.equal(moveOf(machine).replicas.length, 4, 'broker 3 is missing')
    const [leaderEpoch, partitionEpoch] = epochsOf(machine)
    machine.accept(machine.inSync('t', [1, 2, 3, 4]))
    done(machine, [3, 4])
    assert.deepEqual(machine.led('t'), { leader: 3, isr: [3, 4], elr: [], last: null })
    assert.deepEqual(epochsOf(machine), [leaderEpoch + 1, partitionEpoch + 1])
  })

  test('that is done keeps the leader that stays, in a new leader epoch: a replica was removed', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 1]))
    machine.accept(machine.inSync('t', [1, 2, 3]))
    done(machine, [3, 1])
    assert.equal(machine.led('t').leader, 1)
    assert.deepEqual(epochsOf(machine), [1, 2])
  })

  test('that only adds is done when all are in sync, in the same leader epoch', () => {
    const machine = cluster()
    machine.accept(moved('t', [1, 2, 3]))
    assert.deepEqual(moveOf(machine).removing, [])
    machine.accept(machine.inSync('t', [1, 2, 3]))
    done(machine, [1, 2, 3])
    assert.deepEqual(epochsOf(machine), [0, 2])
  })

  test('that only removes, or changes the order, is done at once', () => {
    const machine = cluster()
    machine.accept(moved('t', [2, 1]))
    done(machine, [2, 1])
    assert.equal(machine.led('t').leader, 1, 'an order elects nobody')
    machine.accept(moved('t', [2]))
    done(machine, [2])
    assert.deepEqual(machine.led('t'), { leader: 2, isr: [2], elr: [], last: null })
    assert.deepEqual(epochsOf(machine), [1, 2])
  })

  test('that only removes waits while only those that go are in sync', () => {
    const machine = cluster()
    machine.setStatus(2, 'OFFLINE')
    machine.setStatus(2, 'ONLINE')
    machine.accept(moved('t', [2]))
    assert.deepEqual(moveOf(machine).replicas, [1, 2])
    machine.accept(machine.inSync('t', [1, 2]))
    done(machine, [2])
  })

  test('replaces a dead broker though a third one is away', () => {
    const machine = new Machine().withBrokers(1, 2, 3, 4).withTopic('t', [[1, 2, 3]])
    machine.setStatus(2, 'OFFLINE')
    machine.setStatus(3, 'OFFLINE')
    machine.accept(moved('t', [1, 2, 4], 'RECOVERY'))
    machine.accept(machine.inSync('t', [1, 4]))
    done(machine, [1, 2, 4])
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1, 4], elr: [], last: null })
  })

  test('is done by the death of the broker that it was waiting to be rid of', () => {
    const machine = cluster()
    machine.setStatus(2, 'OFFLINE')
    machine.accept(moved('t', [2, 3]))
    machine.accept(machine.inSync('t', [1, 3]))
    assert.equal(moveOf(machine).target?.join(), '2,3', 'broker 2 stays, and is away; broker 1 is in sync')
    machine.setStatus(1, 'OFFLINE')
    done(machine, [2, 3])
    assert.deepEqual(machine.led('t'), { leader: 3, isr: [3], elr: [], last: null })
  })

  test('waits for a broker that is OFFLINE as long as another of the target is not', () => {
    const machine = cluster()
    machine.setStatus(3, 'OFFLINE')
    machine.accept(moved('t', [3, 4]))
    machine.accept(machine.inSync('t', [1, 2, 4]))
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(2, 'OFFLINE')
    assert.deepEqual(moveOf(machine).target, [3, 4])
    machine.setStatus(3, 'ONLINE')
    machine.accept(machine.inSync('t', [3, 4]))
    done(machine, [3, 4])
  })

  test('of a partition that nobody leads begins, and goes on when somebody does', () => {
    const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1]])
    machine.setStatus(1, 'OFFLINE')
    machine.accept(moved('t', [2]))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1], last: 1 })
    assert.deepEqual(moveOf(machine).adding, [2])
    machine.setStatus(1, 'ONLINE')
    machine.accept(machine.inSync('t', [1, 2]))
    done(machine, [2])
  })

  test('that was there already, or is under way already, changes nothing', () => {
    const machine = cluster()
    const { version } = machine.image
    assert.deepEqual(resultsOf(machine.apply(moved('t', [1, 2]))), [null])
    assert.equal(machine.image.version, version)
    machine.accept(moved('t', [3]))
    const { stateHash } = machine.image
    assert.deepEqual(resultsOf(machine.apply(moved('t', [3]))), [null])
    assert.deepEqual(resultsOf(machine.apply(moved('t', [3], 'REBALANCE'))), [null])
    assert.equal(machine.image.stateHash, stateHash)
  })

  test('ends with its topic, and leaves nothing behind for what takes its rows', () => {
    const machine = cluster()
    const { stateHash } = new Machine().withBrokers(1, 2, 3, 4, 5).image
    machine.accept(moved('t', [3]))
    machine.accept({ type: 'DeleteTopicCommand', topicName: 't' })
    assert.deepEqual([machine.image.reassignments(), machine.image.stateHash], [[], stateHash])
    machine.withTopic('t', [[1]])
    assert.equal(machine.partition('t').reassignment, null)
  })

  test('of a process that loses its data begins again for that one', () => {
    const machine = cluster({ 'min.insync.replicas': '2' })
    machine.accept(moved('t', [3, 4]))
    machine.accept(machine.inSync('t', [1, 3]))
    const late = machine.inSync('t', [1, 3, 4])
    machine.accept(brokerProcess(3, 'second'))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
    assert.deepEqual(moveOf(machine).adding, [3, 4])
    machine.setStatus(3, 'ONLINE')
    assert.notDeepEqual(resultsOf(machine.apply(late)), [null])
    machine.accept(machine.inSync('t', [1, 3, 4]))
    done(machine, [3, 4])
  })
})

describe('the minimum ISR', () => {
  test('is of the replicas of before while more are added: these must not make the topic refuse writes', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1]])
    machine.accept(moved('t', [1, 2, 3]))
    const config = { 'min.insync.replicas': '3' }
    machine.accept({ type: 'UpdateTopicConfigCommand', topicName: 't', config })
    machine.accept(machine.inSync('t', [1, 2]))
    machine.accept(machine.inSync('t', [1]))
    assert.deepEqual(machine.led('t').elr, [], 'one of one is enough')
    machine.accept(machine.inSync('t', [1, 2, 3]))
    machine.accept(machine.inSync('t', [1, 2]))
    assert.deepEqual(machine.led('t').elr, [3], 'two of three are not')
  })

  test('falls with the number of replicas, and ends eligibility', () => {
    const machine = new Machine().withBrokers(1, 2, 3)
    machine.withTopic('t', [[1, 2, 3]], { 'min.insync.replicas': '3' })
    machine.setStatus(3, 'OFFLINE')
    machine.setStatus(2, 'OFFLINE')
    assert.deepEqual(machine.led('t').elr, [2, 3])
    machine.accept(moved('t', [1, 2]))
    assert.deepEqual(moveOf(machine).target, [1, 2], 'broker 3 is eligible, and goes')
    machine.accept(moved('t', null))
    machine.setStatus(3, 'ONLINE')
    machine.accept(machine.inSync('t', [1, 3]))
    machine.accept(moved('t', [3]))
    done(machine, [3])
    assert.deepEqual(machine.led('t'), { leader: 3, isr: [3], elr: [], last: null })
  })

  test('that is larger than the replicas that are left does not stop other keys from being set', () => {
    const machine = cluster({ 'min.insync.replicas': '2' })
    machine.accept(moved('t', [1]))
    const set = (config: Record<string, string>): Intent => ({
      type: 'UpdateTopicConfigCommand',
      topicName: 't',
      config,
    })
    machine.accept(set({ 'retention.ms': '1' }))
    machine.refuse(set({ 'min.insync.replicas': '3' }), 'INVALID_CONFIG')
  })
})

describe('the replication factor of a topic', () => {
  test('is that of its first partition, as soon as that one is to have it', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1], [2]])
    const part = (partition: number, replicas: readonly number[] | null): Intent => ({
      type: 'AlterReplicasCommand',
      cause: 'MANUAL',
      changes: [{ topic: 't', partition, replicas }],
    })
    machine.accept(part(1, [2, 3]))
    assert.equal(factorOf(machine), 1)
    machine.accept({ ...part(0, [1, 2]), time: 99_000 })
    assert.deepEqual([factorOf(machine), machine.image.topic('t')!.modifiedAt], [2, 99_000])
    machine.accept(part(0, null))
    assert.equal(factorOf(machine), 1)
  })

  test('counts for partitions that are added meanwhile', () => {
    const machine = cluster()
    machine.accept(moved('t', [1, 2, 3]))
    const add = (replicas: number[]): Intent => ({
      type: 'CreatePartitionsCommand',
      topicName: 't',
      from: 1,
      assignments: [replicas],
    })
    machine.refuse(add([1, 2]), 'INVALID_REPLICA_ASSIGNMENT')
    machine.accept(add([3, 4, 5]))
    assert.deepEqual(moveOf(machine).target, [1, 2, 3])
    machine.accept(machine.inSync('t', [1, 2, 3]))
    assert.equal(factorOf(machine), 3)
  })

  test('is not touched by a move to as many', () => {
    const machine = cluster()
    const { modifiedAt } = machine.image.topic('t')!
    assert.equal(machine.accept(moved('t', [3, 4])).length, 1)
    assert.equal(machine.image.topic('t')!.modifiedAt, modifiedAt)
  })
})

describe('a move that is cancelled', () => {
  test('goes back to the replicas of before, in a new leader epoch', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4]))
    machine.accept(machine.inSync('t', [1, 2, 3]))
    machine.accept(moved('t', null))
    done(machine, [1, 2])
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1, 2], elr: [], last: null })
    assert.deepEqual(epochsOf(machine), [1, 3])
  })

  test('elects one of before where one that was added leads', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4]))
    machine.accept(machine.inSync('t', [1, 2, 3]))
    machine.setStatus(2, 'OFFLINE')
    machine.accept({ type: 'DrainBrokerCommand', brokerId: 1, mode: 'DRAIN' })
    assert.equal(machine.led('t').leader, 3)
    machine.accept(moved('t', null))
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
  })

  test('is refused while only replicas that were added are in sync', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4]))
    machine.accept(machine.inSync('t', [1, 2, 3]))
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(2, 'OFFLINE')
    assert.match(
      refused(machine, moved('t', null), 'INELIGIBLE_REPLICA'),
      /t-0: the move cannot be cancelled: none of the brokers 1, 2, where it was before, is in sync/,
    )
  })

  test('is refused while only replicas that were added are eligible: nobody else has every record', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1]])
    machine.accept(moved('t', [2, 3]))
    machine.accept(machine.inSync('t', [1, 2]))
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(2, 'OFFLINE')
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [2], last: 2 })
    machine.setStatus(1, 'ONLINE')
    refused(machine, moved('t', null), 'INELIGIBLE_REPLICA')
    machine.setStatus(2, 'ONLINE')
    assert.equal(machine.led('t').leader, 2)
  })

  test('is refused while one that was added led last, and nobody is eligible', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1]])
    machine.accept(moved('t', [2, 3]))
    machine.accept(machine.inSync('t', [1, 2]))
    machine.setStatus(1, 'OFFLINE')
    machine.accept(brokerProcess(2, 'second'))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [], last: 2 })
    refused(machine, moved('t', null), 'INELIGIBLE_REPLICA')
  })

  test('leaves somebody to lead again where who led last goes with it', () => {
    const machine = cluster({ 'min.insync.replicas': '2' })
    machine.accept(moved('t', [3, 4]))
    machine.accept(machine.inSync('t', [1, 3]))
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(3, 'OFFLINE')
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1, 3], last: 3 })
    machine.accept(moved('t', null))
    assert.deepEqual(machine.led('t'), { leader: null, isr: [], elr: [1], last: 1 })
    machine.accept(brokerProcess(1, 'second'))
    machine.setStatus(1, 'ONLINE')
    assert.deepEqual(machine.led('t'), { leader: 1, isr: [1], elr: [], last: null })
  })

  test('is refused where there is none', () => {
    assert.match(
      refused(cluster(), moved('t', null), 'NO_REASSIGNMENT_IN_PROGRESS'),
      /t-0 is not being moved/,
    )
  })

  test('by the controller is refused where an operator asked for it meanwhile', () => {
    const machine = cluster()
    machine.accept(moved('t', [3], 'RECOVERY'))
    machine.accept(moved('t', [3, 4]))
    refused(machine, moved('t', null, 'RECOVERY'), 'REASSIGNMENT_IN_PROGRESS')
    machine.accept(moved('t', null))
    machine.accept(moved('t', [3], 'RECOVERY'))
    machine.accept(moved('t', null, 'RECOVERY'))
    done(machine, [1, 2])
  })
})

describe('a move in place of another', () => {
  test('is taken from an operator where the controller moves by itself, and begins from the replicas of before that', () => {
    for (const cause of ['DECOMMISSION', 'REBALANCE', 'RECOVERY'] as const) {
      const machine = cluster()
      machine.accept(moved('t', [3, 4], cause))
      machine.accept(machine.inSync('t', [1, 2, 3]))
      machine.accept({ ...moved('t', [5, 1]), time: 99_000 })
      assert.deepEqual(moveOf(machine), {
        replicas: [1, 2, 5],
        isr: [1, 2],
        leader: 1,
        adding: [5],
        removing: [2],
        target: [5, 1],
      })
      const { reassignment } = machine.partition('t')
      assert.deepEqual([reassignment?.cause, reassignment?.startedAt], ['MANUAL', 99_000])
      assert.deepEqual(epochsOf(machine), [1, 3], 'broker 3 was removed')
    }
  })

  test('may have the same target: it is the operator who wants it from there on', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4], 'RECOVERY'))
    machine.accept(machine.inSync('t', [1, 2, 3]))
    machine.accept(moved('t', [3, 4]))
    assert.equal(machine.partition('t').reassignment?.cause, 'MANUAL')
    assert.deepEqual(machine.led('t').isr, [1, 2, 3])
    assert.deepEqual(epochsOf(machine), [0, 3])
  })

  test("of the same target changes nothing where both are the controller's", () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4], 'RECOVERY'))
    const { stateHash } = machine.image
    for (const cause of ['RECOVERY', 'REBALANCE'] as const)
      assert.deepEqual(resultsOf(machine.apply(moved('t', [3, 4], cause))), [null])
    assert.equal(machine.image.stateHash, stateHash)
  })

  test('may lead back to the replicas of before, and is done at once', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4], 'REBALANCE'))
    machine.accept(moved('t', [1, 2]))
    done(machine, [1, 2])
  })

  test('is refused while only what it would drop is in sync', () => {
    const machine = cluster()
    machine.accept(moved('t', [3, 4], 'REBALANCE'))
    machine.accept(machine.inSync('t', [1, 3]))
    machine.setStatus(1, 'OFFLINE')
    assert.match(
      refused(machine, moved('t', [2, 5]), 'INELIGIBLE_REPLICA'),
      /t-0: the move under way cannot be given up: none of the brokers 1, 2,/,
    )
    machine.accept(moved('t', [5, 3]))
    assert.deepEqual(moveOf(machine).replicas, [1, 2, 5, 3])
    assert.deepEqual(machine.led('t').isr, [3])
  })

  const causes = ['MANUAL', 'DECOMMISSION', 'REBALANCE', 'RECOVERY'] as const
  for (const under of causes)
    for (const asked of causes.filter(cause => under === 'MANUAL' || cause !== 'MANUAL'))
      test(`is refused: ${asked} in place of ${under}`, () => {
        const machine = cluster()
        machine.accept(moved('t', [3, 4], under))
        assert.match(
          refused(machine, moved('t', [4, 5], asked), 'REASSIGNMENT_IN_PROGRESS'),
          new RegExp(
            `t-0 is being moved to \\[3, 4\\] \\(${under}\\)\\. .*DELETE /api/v1/metadata/reassignments/t/0`,
          ),
        )
      })
})

describe('a part is rejected', () => {
  const cases: [string, number[] | null, ErrorCode][] = [
    ['without replicas', [], 'INVALID_REPLICA_ASSIGNMENT'],
    ['with a broker named twice', [3, 3], 'INVALID_REPLICA_ASSIGNMENT'],
    ['with a broker that is not registered', [3, 9], 'INVALID_REPLICA_ASSIGNMENT'],
    ['with nobody ONLINE', [4, 5], 'NOT_ENOUGH_BROKERS'],
  ]
  for (const [what, replicas, code] of cases)
    test(what, () => {
      const machine = cluster()
      machine.setStatus(4, 'OFFLINE')
      machine.setStatus(5, 'OFFLINE')
      refused(machine, moved('t', replicas), code)
    })

  test('of a topic or a partition that does not exist', () => {
    refused(cluster(), moved('nosuch', [1]), 'UNKNOWN_TOPIC')
    const changes = [{ topic: 't', partition: 1, replicas: [1] }]
    refused(cluster(), { ...moved('t', [1]), changes }, 'UNKNOWN_PARTITION')
  })

  test('that was decided on another topic of the name, or before the partition changed', () => {
    const machine = cluster()
    const [plain] = moved('t', [3]).changes
    const late = [
      [{ ...plain!, topicId: 'id of another t' }, 'UNKNOWN_TOPIC_ID'],
      [{ ...plain!, topicId: 'id of t', partitionEpoch: 1 }, 'INVALID_UPDATE_VERSION'],
    ] as const
    machine.accept(raised(3))
    for (const [change, code] of late) refused(machine, { ...moved('t', [3]), changes: [change] }, code)
    const inTime = { ...plain!, topicId: 'id of t', partitionEpoch: 0 }
    machine.accept({ ...moved('t', [3]), changes: [inTime] })
  })

  test('not so below level 3, where releases look at neither', () => {
    const machine = cluster()
    machine.accept(raised(2))
    const change = { ...moved('t', [3]).changes[0]!, topicId: 'id of another t', partitionEpoch: 1 }
    machine.accept({ ...moved('t', [3]), changes: [change] })
  })

  test('with more replicas, together with those of before, than a mask holds', () => {
    const ids = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)
    const machine = new Machine().withBrokers(...ids(1, 40)).withTopic('t', [ids(1, 15)])
    refused(machine, moved('t', ids(1, 31)), 'INVALID_REPLICA_ASSIGNMENT')
    assert.match(
      refused(machine, moved('t', ids(16, 16)), 'INVALID_REPLICA_ASSIGNMENT'),
      /with those of before these are more than 30 replicas/,
    )
    machine.accept(moved('t', ids(16, 15), 'REBALANCE'))
    machine.accept(machine.inSync('t', ids(1, 29)))
    refused(machine, moved('t', [...ids(16, 14), 40, 39]), 'INVALID_REPLICA_ASSIGNMENT')
    machine.accept(moved('t', [...ids(16, 14), 40]))
    machine.accept(machine.inSync('t', [...ids(1, 29), 40]))
    done(machine, [...ids(16, 14), 40])
  })

  test('by itself: the others are taken', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1], [1], [1]])
    const applied = machine.apply({
      type: 'AlterReplicasCommand',
      cause: 'MANUAL',
      changes: [
        { topic: 't', partition: 0, replicas: [2] },
        { topic: 't', partition: 1, replicas: [9] },
        { topic: 't', partition: 0, replicas: [3] },
        { topic: 't', partition: 2, replicas: [3] },
      ],
    })
    assert.deepEqual(resultsOf(applied), [null, 'INVALID_REPLICA_ASSIGNMENT', 'INVALID_REQUEST', null])
    assert.deepEqual(
      [0, 1, 2].map(id => moveOf(machine, id).target),
      [[2], null, [3]],
    )
  })
})
