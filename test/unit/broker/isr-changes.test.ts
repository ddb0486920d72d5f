import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caughtUpReplicas, isrExpansions } from '../../../src/broker/isr-changes.ts'
import { Machine } from '../metadata/machine.ts'

/** Partitions t-0 and t-1 are led by 1; brokers 2 and 3 were away and are out of both ISRs. */
function shrunk(): Machine {
  const machine = new Machine().withBrokers(1, 2, 3)
  machine.withTopic('t', [
    [1, 2, 3],
    [1, 2, 3],
  ])
  for (const brokerId of [2, 3]) machine.setStatus(brokerId, 'OFFLINE')
  for (const brokerId of [2, 3]) machine.setStatus(brokerId, 'ONLINE')
  return machine
}

test('a follower that is ONLINE and not in the ISR has caught up, in each of its partitions', () => {
  const { image } = shrunk()
  const { leaderEpoch } = image.partition(0)
  const named = { topic: 't', topicId: 'id of t', brokerId: 2, leaderEpoch }
  const what = { ...named, updateType: 'LAG_THRESHOLD_RECOVERED', currentLag: 0 }
  assert.deepEqual(caughtUpReplicas(image, 2), [
    { ...what, partition: 0 },
    { ...what, partition: 1 },
  ])
})

test('a leader, a member of the ISR and a broker that is fenced have nothing to report', () => {
  const machine = shrunk()
  assert.deepEqual(caughtUpReplicas(machine.image, 1), [])
  machine.accept(machine.inSync('t', [1, 2]))
  assert.deepEqual(
    caughtUpReplicas(machine.image, 2).map(({ partition }) => partition),
    [1],
  )
  machine.setStatus(3, 'OFFLINE')
  assert.deepEqual(caughtUpReplicas(machine.image, 3), [])
})

test('nor has anybody where nobody leads', () => {
  const machine = shrunk()
  machine.setStatus(1, 'OFFLINE')
  assert.equal(machine.led('t').leader, null)
  assert.deepEqual(caughtUpReplicas(machine.image, 2), [])
})

test('the leader proposes the ISR with all who caught up, one change for each partition', () => {
  const { image } = shrunk()
  const hints = [2, 3].map(brokerId => ({ topic: 't', partition: 1, brokerId }))
  const changes = isrExpansions(image, 1, hints)
  const { leaderEpoch, partitionEpoch } = image.partition(1)
  const newIsr = [1, 2, 3].map(brokerId => ({ brokerId, brokerEpoch: image.broker(brokerId)!.brokerEpoch }))
  const named = { topic: 't', topicId: 'id of t', partition: 1 }
  assert.deepEqual(changes, [{ ...named, leaderEpoch, partitionEpoch, newIsr }])
})

test('hints that are out of date come to nothing', () => {
  const machine = shrunk()
  const hint = { topic: 't', partition: 0, brokerId: 2 }
  assert.deepEqual(isrExpansions(machine.image, 3, [hint]), [], 'another leads')
  assert.deepEqual(isrExpansions(machine.image, 1, [{ ...hint, topic: 'gone' }]), [])
  assert.deepEqual(isrExpansions(machine.image, 1, [{ ...hint, brokerId: 9 }]), [])
  machine.setStatus(2, 'OFFLINE')
  assert.deepEqual(isrExpansions(machine.image, 1, [hint]), [], 'it is fenced again')
  machine.setStatus(2, 'ONLINE')
  machine.accept(machine.inSync('t', [1, 2]))
  assert.deepEqual(isrExpansions(machine.image, 1, [hint]), [], 'it is in')
})
