import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Applied } from '../../../../src/metadata/metadata.ts'
import { drained, type Intent, Machine, moved, raised, resultsOf } from '../machine.ts'

const NEWEST = 4

/** Topic `t` with partitions on broker 1 alone; as many brokers as are named. */
function cluster(partitions: number, brokers: readonly number[] = [1, 2, 3], level = NEWEST): Machine {
  const machine = new Machine().withBrokers(...brokers)
  machine.withTopic('t', Array<number[]>(partitions).fill([1]))
  if (level > 1) machine.accept(raised(level))
  return machine
}

/** Each partition is to be on these replicas; null cancels. */
function asked(
  targets: readonly (readonly number[] | null)[],
  movesMax?: number,
): Extract<Intent, { type: 'AlterReplicasCommand' }> {
  const changes = targets.map((replicas, partition) => ({ topic: 't', partition, replicas }))
  return {
    type: 'AlterReplicasCommand',
    cause: 'MANUAL',
    changes,
    ...(movesMax === undefined ? {} : { movesMax }),
  }
}

function ask(machine: Machine, targets: readonly (readonly number[] | null)[], movesMax?: number): void {
  const applied = machine.apply(asked(targets, movesMax))
  assert.deepEqual(
    resultsOf(applied),
    targets.map(() => null),
  )
}

function changesOf(applied: Applied) {
  return 'changes' in applied ? applied.changes : applied
}

/** What a partition waits for, moves to, or has: `waits for 2`, `moves to 2`, `on 2`. */
function states(machine: Machine): string[] {
  return machine.image.partitionsOf(machine.image.topic('t')!).map(({ replicas, reassignment }) => {
    if (reassignment === null) return `on ${replicas}`
    return `${reassignment.waiting ? 'waits for' : 'moves to'} ${reassignment.target}`
  })
}

describe('a move for which there is no room', () => {
  test('waits, and changes nothing of the partition but its epoch', () => {
    const machine = cluster(2)
    ask(machine, [[2], [3]], 1)
    assert.deepEqual(states(machine), ['moves to 2', 'waits for 3'])
    const {
      replicas,
      isr,
      leader,
      leaderEpoch,
      partitionEpoch,
      addingReplicas,
      removingReplicas,
      reassignment,
    } = machine.partition('t', 1)
    assert.deepEqual([replicas, isr, leader, leaderEpoch, partitionEpoch], [[1], [1], 1, 0, 1])
    assert.deepEqual([addingReplicas, removingReplicas], [[], []])
    assert.deepEqual([reassignment?.cause, reassignment?.waiting], ['MANUAL', true])
  })

  test('begins in its turn, at the state that this was decided on, and only if there is room by then', () => {
    const machine = cluster(2)
    ask(machine, [[2], [3]], 0)
    assert.deepEqual(states(machine), ['waits for 2', 'waits for 3'])
    const turnOf = (partition: number, partitionEpoch: number, movesMax = 1): Intent => ({
      type: 'AlterReplicasCommand',
      cause: 'MANUAL',
      changes: [{ topic: 't', partition, partitionEpoch, replicas: [partition + 2] }],
      movesMax,
      inTurn: true,
    })
    const turn = (partition: number, partitionEpoch: number) =>
      machine.apply(turnOf(partition, partitionEpoch))
    assert.deepEqual(resultsOf(turn(0, 0)), ['INVALID_UPDATE_VERSION'])
    assert.deepEqual(changesOf(machine.apply(turnOf(1, 1, 0))), [])
    assert.deepEqual(resultsOf(turn(1, 1)), [null])
    assert.deepEqual(states(machine), ['waits for 2', 'moves to 3'])
    machine.accept(machine.inSync('t', [1, 3], 1))
    assert.deepEqual(states(machine), ['waits for 2', 'on 3'])
  })

  test('is unchanged by who asks for it once more, and refused to who asks for another', () => {
    const machine = cluster(1)
    ask(machine, [[2]], 0)
    const { stateHash } = machine.image
    const again = machine.apply(asked([[2]], 0))
    assert.deepEqual('unchanged' in again && again.unchanged, [0])
    const other = machine.apply(asked([[3]], 9))
    assert.deepEqual(resultsOf(other), ['REASSIGNMENT_IN_PROGRESS'])
    assert.match(
      'results' in other ? other.results![0]!.message : '',
      /waits to be moved to \[2\] \(MANUAL\)/,
    )
    assert.deepEqual(resultsOf(machine.apply(moved('t', [3], 'RECOVERY'))), ['REASSIGNMENT_IN_PROGRESS'])
    assert.deepEqual(resultsOf(machine.apply(moved('t', [2], 'RECOVERY'))), [null])
    assert.equal(machine.image.stateHash, stateHash)
  })

  test('is cancelled like any other, and with the broker that it would bring a replica to', () => {
    const machine = cluster(2)
    ask(machine, [[2], [3]], 0)
    ask(machine, [null])
    assert.deepEqual(states(machine), ['on 1', 'waits for 3'])
    const remove = { type: 'UnregisterBrokerCommand', brokerId: 3, force: true } as const
    const { message } = machine.refuse(remove, 'BROKER_HAS_REPLICAS')
    assert.match(message, /broker 3 holds, or is to get, 1 replica \(t-1\)/)
    machine.setStatus(3, 'OFFLINE')
    machine.accept(remove)
    assert.deepEqual(states(machine), ['on 1', 'on 1'])
  })

  test('leaves the partition to preferred elections', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2]])
    machine.accept(raised(NEWEST))
    ask(machine, [[2, 3]], 0)
    machine.setStatus(1, 'OFFLINE')
    machine.setStatus(1, 'ONLINE')
    machine.accept(machine.inSync('t', [1, 2]))
    assert.equal(machine.partition('t').leader, 2)
    assert.deepEqual(
      machine.image.partitionsLedByOthers(9, () => true).map(({ partition }) => partition.id),
      [0],
    )
    assert.equal(machine.image.partitionHealth().ledByOthers, 1)
  })
})

describe('there is room', () => {
  test('for what has nothing to copy, however many go on', () => {
    const machine = new Machine().withBrokers(1, 2, 3).withTopic('t', [[1, 2]])
    machine.accept(raised(NEWEST))
    ask(machine, [[2]], 0)
    assert.deepEqual(states(machine), ['on 2'])
  })

  test('for what takes the place of a move of the controller', () => {
    const machine = cluster(2)
    machine.accept(moved('t', [2], 'REBALANCE'))
    ask(machine, [[3], [3]], 1)
    assert.deepEqual(states(machine), ['moves to 3', 'waits for 3'])
    assert.equal(machine.partition('t').reassignment?.cause, 'MANUAL')
  })

  test('beside moves of any cause that go on, and no more than so many', () => {
    const machine = cluster(4)
    machine.accept(moved('t', [2], 'DECOMMISSION'))
    const [, ...others] = asked([null, [2], [2], [2]], 3).changes
    machine.accept({ ...asked([], 3), changes: others })
    assert.deepEqual(states(machine), ['moves to 2', 'moves to 2', 'moves to 2', 'waits for 2'])
  })

  test('not for brokers that are away: they let others pass', () => {
    const machine = cluster(3, [1, 2, 3, 4])
    machine.setStatus(3, 'OFFLINE')
    ask(machine, [[3, 4], [2], [2]], 1)
    assert.deepEqual(states(machine), ['waits for 3,4', 'moves to 2', 'waits for 2'])
  })

  test('in the place of a move that ends with the same request', () => {
    const machine = cluster(2)
    machine.accept(moved('t', [2], 'REBALANCE'))
    ask(machine, [[1], [2]], 1)
    assert.deepEqual(states(machine), ['on 1', 'moves to 2'])
  })

  test('for a partition that nobody leads, but for a pause: nobody copies for it, and it may be its way back', () => {
    const machine = cluster(2).withTopic('u', [[3]])
    machine.setStatus(3, 'OFFLINE')
    const lost = { topic: 'u', partition: 0, replicas: [2] }
    ask(machine, [[2]], 1)
    machine.accept({ ...asked([], 0), changes: [lost] })
    assert.equal(machine.partition('u').reassignment?.waiting, true)
    machine.accept({ ...asked([], 1), changes: [lost], inTurn: true })
    assert.deepEqual(machine.partition('u').replicas, [3, 2])
    machine.accept({
      type: 'ElectLeadersCommand',
      electionType: 'UNCLEAN',
      partitions: [{ topic: 'u', partition: 0 }],
    })
    assert.equal(machine.partition('u').leader, 2)
  })

  test('beside a move that waits for a broker that is away: nobody copies for it', () => {
    const machine = cluster(3)
    ask(machine, [[2]], 1)
    machine.setStatus(2, 'OFFLINE')
    const [, ...others] = asked([null, [3], [3]]).changes
    machine.accept({ ...asked([], 1), changes: others })
    assert.deepEqual(states(machine), ['moves to 2', 'moves to 3', 'waits for 3'])
  })
})

describe('those that wait', () => {
  test('are not overtaken by what is asked for later, which begins only if it has nothing to copy', () => {
    const machine = cluster(4)
    ask(machine, [[2], [2]], 1)
    machine.accept(machine.inSync('t', [1, 2], 0))
    const [, , ...later] = asked([null, null, [2], [1]]).changes
    machine.accept({ ...asked([], 5), changes: later })
    assert.deepEqual(states(machine), ['on 2', 'waits for 2', 'waits for 2', 'on 1'])
  })

  test('and that bring replicas to a broker that is to be emptied are cancelled', () => {
    const machine = cluster(2)
    ask(machine, [[2], [3]], 0)
    machine.accept(drained(3))
    assert.deepEqual(states(machine), ['waits for 2', 'waits for 3'], 'it keeps what it has')
    machine.accept(drained(3, 'DECOMMISSION'))
    assert.deepEqual(states(machine), ['waits for 2', 'on 1'])
  })

  test('are given up by the controller, which gives up nothing that an operator has begun', () => {
    const machine = cluster(2)
    ask(machine, [[2], [3]], 1)
    const applied = machine.apply({ ...asked([null, null]), cause: 'RECOVERY' })
    assert.deepEqual(resultsOf(applied), ['REASSIGNMENT_IN_PROGRESS', null])
    assert.deepEqual(states(machine), ['moves to 2', 'on 1'])
  })
})

test('a move of the controller for which there is no room is left for later', () => {
  const machine = cluster(3)
  assert.deepEqual(changesOf(machine.apply({ ...asked([[2], [2]], 0), cause: 'REBALANCE' })), [])
  machine.accept({ ...asked([[2], [2], [2]], 2), cause: 'RECOVERY' })
  assert.deepEqual(states(machine), ['moves to 2', 'moves to 2', 'on 1'])
})

test('what an operator said stands, however the controller is configured', () => {
  const machine = cluster(2)
  machine.accept({ type: 'ThrottleMovesCommand', movesMax: 1 })
  ask(machine, [[2], [2]], 50)
  assert.deepEqual(states(machine), ['moves to 2', 'waits for 2'])
})

test('below level 4 of metadata.version all begin at once, as in releases of before', () => {
  const machine = cluster(2, [1, 2], 3)
  ask(machine, [[2], [2]], 0)
  assert.deepEqual(states(machine), ['moves to 2', 'moves to 2'])
})

describe('how many partitions are moved at a time', () => {
  const throttled = (movesMax: number | null): Intent => ({ type: 'ThrottleMovesCommand', movesMax })

  test('is kept with the cluster, until it is as configured again', () => {
    const machine = cluster(1)
    const { stateHash } = machine.image
    machine.accept(throttled(5))
    assert.equal(machine.image.cluster.movesMax, 5)
    machine.accept({ type: 'RebalanceCommand', wanted: true })
    machine.accept({ type: 'RebalanceCommand', wanted: false })
    assert.equal(machine.image.cluster.movesMax, 5)
    assert.notEqual(machine.image.stateHash, stateHash)
    machine.accept(throttled(null))
    assert.equal(machine.image.stateHash, stateHash)
    assert.equal('movesMax' in machine.image.cluster, false)
  })

  test('is refused below level 4 of metadata.version', () => {
    const applied = cluster(1, [1], 3).apply(throttled(5))
    assert.equal('rejected' in applied && applied.rejected, 'FEATURE_UPDATE_FAILED')
  })
})
