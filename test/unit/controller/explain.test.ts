import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding } from '../../../src/controller/explain/finding.ts'
import { PARTITIONS_KEPT } from '../../../src/controller/history/entry.ts'
import { Replica } from '../../../src/controller/replica.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { brokerProcess, type Intent } from '../metadata/machine.ts'
import { lines, Told } from './told.ts'

const cluster = () => new Told().withBrokers(1, 2, 3)
const codes = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code)

// Partitions.

test('a healthy partition is said to be healthy', () => {
  const told = cluster().withTopic('orders', [[1, 2, 3]])
  const { code, what, because } = told.theFinding('orders')
  assert.deepEqual(
    [code, what, because],
    [
      'HEALTHY',
      'orders-0 is healthy: broker 1 leads it in leader epoch 0, and all 3 replicas are in sync',
      [],
    ],
  )
})

test('a partition without a leader: each replica, why it is away, and who brings it back', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  const first = told.lose(2)
  const last = told.lose(1, 'its process is gone')
  const found = told.theFinding('orders')
  assert.deepEqual(lines(found), [
    `orders-0 has no leader @${last}`,
    `  broker 1 holds every committed record (ELR), and is away`,
    `    broker 1 is OFFLINE: its process is gone (session timeout) @${last}`,
    `  broker 2 may lack committed records: it is neither in the ISR nor in the ELR`,
    `    broker 2 is OFFLINE: no heartbeat for 6000 ms (session timeout) @${first}`,
    `  unclean.leader.election.enable is false: only a replica that holds every committed record may lead`,
  ])
  assert.equal(found.since, last * 1000)
  assert.match(found.remedy!, /^start broker 1, and it leads again/)
})

test('a replica that is up and may not lead says since when it is behind', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  told.setIsr('orders', [1])
  const behind = told.index
  const gone = told.lose(1)
  const replica = told.theFinding('orders').because.find(({ what }) => what.startsWith('broker 2'))!
  assert.deepEqual(lines(replica), [
    'broker 2 may lack committed records: it is neither in the ISR nor in the ELR',
    `  broker 2 left the ISR of orders-0: orders-0: ISR [1,2] -> [1], said by broker 1 @${behind}`,
  ])
  assert.equal(told.theFinding('orders').version, gone)
})

test('who came back without its data leaves the ELR; then only who led last may lead', () => {
  const told = new Told()
  told.accept(brokerProcess(1, 'a'))
  told.setStatus(1, 'ONLINE')
  told.withTopic('orders', [[1]])
  told.lose(1)
  told.accept(brokerProcess(1, 'b'))
  const found = told.theFinding('orders')
  assert.deepEqual(lines(found).slice(1, 3), [
    '  broker 1 led last, and nobody else may lead now; it is away',
    `    broker 1 is OFFLINE: starting: it has not caught up with its registration yet @${told.index}`,
  ])
  assert.match(found.because[0]!.because[0]!.remedy!, /wait until broker 1 has caught up/)
})

test('a replica that is not in sync, though its broker is up: who took it out, and what it waits for', () => {
  const told = cluster().withTopic('orders', [[1, 2, 3]])
  told.setIsr('orders', [1, 2])
  assert.deepEqual(lines(told.theFinding('orders')), [
    `the replica of orders-0 on broker 3 is not in sync @${told.index}`,
    `  broker 3 left the ISR of orders-0: orders-0: ISR [1,2,3] -> [1,2], said by broker 1 @${told.index}`,
    '  broker 3 is up; its leader, broker 1, takes it back when it has caught up',
  ])
  told.setIsr('orders', [1, 2, 3])
  assert.equal(told.theFinding('orders').code, 'HEALTHY')
})

test('a broker that came back is behind since it went, not since it came back', () => {
  const told = cluster().withTopic('orders', [[1, 2, 3]])
  const gone = told.lose(3)
  told.setStatus(3, 'ONLINE')
  const found = told.theFinding('orders')
  assert.deepEqual([found.code, found.version], ['NOT_IN_SYNC', gone])
  assert.deepEqual(codes(found.because), ['LEFT_ISR', 'NOT_ELIGIBLE'])
})

test('too few in sync: since when, and whose fault each is', () => {
  const told = cluster().withTopic('orders', [[1, 2, 3]], { 'min.insync.replicas': '2' })
  const first = told.lose(3)
  assert.equal(told.theFinding('orders').code, 'NOT_IN_SYNC')
  told.setIsr('orders', [1])
  const below = told.index
  const found = told.theFinding('orders')
  assert.deepEqual(
    [found.code, found.version, found.because.map(({ version }) => version)],
    ['UNDER_MIN_ISR', below, [below, first]],
  )
  assert.match(
    found.what,
    /has 1 in sync \(\[1\]\), and min\.insync\.replicas is 2: writes with acks=all are refused/,
  )
})

test('a topic with fewer replicas than its minimum needs only those', () => {
  const told = cluster().withTopic('orders', [[1]])
  assert.equal(told.theFinding('orders').code, 'HEALTHY')
})

test('led by another than the preferred leader, while that is away, behind, drained, or about to get it back', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  const gone = told.lose(1)
  const led = (): Finding => told.explained('orders').find(({ code }) => code === 'LED_BY_ANOTHER')!
  assert.deepEqual([led().version, codes(led().because)], [gone, ['BROKER_AWAY']])
  told.setStatus(1, 'ONLINE')
  assert.deepEqual([led().version, codes(led().because)], [gone, ['NOT_IN_SYNC']])
  told.setIsr('orders', [1, 2])
  assert.deepEqual([led().version, codes(led().because)], [gone, ['BALANCE_DUE']])
  told.accept({ type: 'DrainBrokerCommand', brokerId: 1, mode: 'DRAIN' })
  assert.deepEqual(codes(led().because), ['BROKER_DRAINS'])
  assert.match(led().because[0]!.what, /broker 1 is being drained, and leads nothing that others can/)
})

test('a move says where to, since when, and what it waits for', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  told.accept({
    type: 'AlterReplicasCommand',
    cause: 'REBALANCE',
    changes: [{ topic: 'orders', partition: 0, replicas: [1, 3] }],
  })
  const began = told.index
  assert.deepEqual(lines(told.theFinding('orders')), [
    `orders-0 moves to [1,3] (rebalance), and waits for [3] @${began}`,
    '  the replica of orders-0 on broker 3 has not caught up yet',
  ])
  const gone = told.lose(3)
  assert.deepEqual(
    lines(told.theFinding('orders'))[1],
    `  broker 3 is OFFLINE: no heartbeat for 6000 ms (session timeout) @${gone}`,
  )
})

test('a broker that was removed by force is named as gone', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  told.lose(2)
  told.accept({
    type: 'UnregisterBrokerCommand',
    brokerId: 2,
    force: true,
    by: 'DELETE /brokers/:brokerId',
  } as Intent)
  const found = told.theFinding('orders')
  assert.deepEqual(
    lines(found)[1],
    `  broker 2 is not registered any more (DELETE /brokers/:brokerId) @${told.index}`,
  )
})

test('a broker that was removed is not to be started: what it alone held is given up', () => {
  const told = cluster()
    .withTopic('alone', [[2]])
    .withTopic('orders', [[2, 1]])
  told.setIsr('orders', [2])
  const removed = (brokerId: number): void => {
    told.lose(brokerId)
    told.accept({ type: 'UnregisterBrokerCommand', brokerId, force: true })
  }
  removed(2)
  const gone = told.theFinding('alone').remedy!
  assert.match(gone, /^every broker that held alone-0 was removed: delete alone \(dmq topic delete alone\)/)
  told.lose(1)
  const left = told.theFinding('orders').remedy!
  assert.match(
    left,
    /^start any broker that holds a replica of orders-0 \(1\); dmq leader elect orders-0 --unclean/,
  )
})

test('what one large loss did to a partition that it does not keep is found by its time', () => {
  const told = cluster()
  for (let i = 0; i <= PARTITIONS_KEPT; i++) told.withTopic(`t${i}`, [[1]])
  const lost = told.lose(1)
  const name = `t${PARTITIONS_KEPT}`
  const { partitions } = told.replica.history.entries.at(-1)!
  assert(partitions.every(({ topic }) => topic !== name))
  const found = told.theFinding(name)
  assert.deepEqual([found.code, found.version, found.since], ['NO_LEADER', lost, lost * 1000])
})

test('without a history only the times of the image are told', () => {
  const told = new Told(new Replica(new FakeClock(), { savedHistoryBytes: 0 }))
    .withBrokers(1)
    .withTopic('orders', [[1]])
  const lost = told.lose(1)
  const bare = new Replica(new FakeClock())
  const restoration = bare.restore()
  for (const piece of told.replica.capture()) restoration.take(piece)
  restoration.install()
  const found = new Told(bare).theFinding('orders')
  assert.deepEqual([found.code, found.version, found.since], ['NO_LEADER', undefined, lost * 1000])
  assert.deepEqual(
    found.because[0]!.because.map(({ version, since }) => [version, since]),
    [[undefined, lost * 1000]],
  )
})

// Brokers.

test('a healthy broker is said to be healthy', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  const [found] = told.explainedBroker(1)
  assert.deepEqual(
    [found!.code, found!.what, found!.version],
    ['HEALTHY', 'broker 1 is healthy: ONLINE, it leads 1 partition and holds 1 replica, in sync', 1],
  )
})

test('a broker that is away says why, and what waits for it', () => {
  const told = cluster()
    .withTopic('alone', [[1]])
    .withTopic('shared', [
      [1, 2],
      [2, 1],
    ])
  const lost = told.lose(1)
  assert.deepEqual(
    told.explainedBroker(1).flatMap(each => lines(each)),
    [
      `broker 1 is OFFLINE: no heartbeat for 6000 ms (session timeout) @${lost}`,
      '1 partition of broker 1 waits for it, and has no leader meanwhile: alone-0',
      '2 replicas on broker 1 are not in sync',
    ],
  )
})

test('a broker that is up names the replicas that are not in sync, and why', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  told.setIsr('orders', [1])
  const [found] = told.explainedBroker(2)
  assert.equal(found!.what, '1 replica on broker 2 is not in sync')
  assert.deepEqual(lines(found!)[1], `  the replica of orders-0 on broker 2 is not in sync @${told.index}`)
})

test('a broker that is late is known to the controller alone', () => {
  const told = cluster()
  const session = { silentMs: 4_000.4, sessionTimeoutMs: 6_000 }
  const what = (heardAgeMs: number | null) =>
    told.explainedBroker(1, { heardAgeMs, ...session }).map(found => found.what)
  assert.deepEqual(what(4_000.4), [
    'broker 1 is UNREACHABLE: no heartbeat for 4000 ms; OFFLINE in 2000 ms if none comes',
  ])
  assert.deepEqual(what(null), [
    'broker 1 is UNREACHABLE: nothing was heard of it in the 4000 ms since this controller took over; OFFLINE in 2000 ms if none comes',
  ])
  assert.equal(told.explainedBroker(1, null)[0]!.code, 'HEALTHY')
})

test('a broker that is not drained names what keeps it, and says when it is', () => {
  const told = cluster()
    .withTopic('alone', [[1]])
    .withTopic('shared', [[1, 2]])
  told.accept({ type: 'DrainBrokerCommand', brokerId: 1, mode: 'DRAIN' })
  const [found] = told.explainedBroker(1)
  assert.deepEqual(lines(found!), [
    'broker 1 is not drained yet: it still leads 1 partition',
    '  alone-0: it has no other replica; decommission moves it',
  ])
  assert.equal(found!.since, told.index * 1000)
  told.accept({ type: 'DeleteTopicCommand', topicName: 'alone' })
  assert.equal(told.explainedBroker(1)[0]!.code, 'DRAINED')
})

test('partitions that keep a broker for the same reason are named together', () => {
  const told = cluster().withTopic('alone', [[1], [1]])
  told.accept({ type: 'DrainBrokerCommand', brokerId: 1, mode: 'DRAIN' })
  assert.deepEqual(lines(told.explainedBroker(1)[0]!), [
    'broker 1 is not drained yet: it still leads 2 partitions',
    '  alone-0, alone-1: it has no other replica; decommission moves it',
  ])
})

test('of very many partitions that keep a broker, the first are looked at, and that is said', () => {
  const told = cluster().withTopic('alone', Array(150).fill([1]))
  told.accept({ type: 'DrainBrokerCommand', brokerId: 1, mode: 'DRAIN' })
  const { what, because } = told.explainedBroker(1)[0]!
  assert.match(what, /it still leads 150 partitions$/)
  assert.match(because[0]!.what, /alone-19 and 80 more of the first 100: it has no other replica/)
})

test('a broker that was decommissioned, holds nothing and is away is to be removed, not started', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  told.accept({ type: 'DrainBrokerCommand', brokerId: 2, mode: 'DECOMMISSION' })
  told.lose(2)
  assert.match(told.explainedBroker(2)[0]!.remedy!, /^start broker 2|^a heartbeat of broker 2/)
  told.accept({ type: 'DeleteTopicCommand', topicName: 'orders' })
  assert.equal(told.explainedBroker(2)[0]!.remedy, 'take it off the list: dmq broker remove 2')
})

test('a partition with one replica is healthy with that', () => {
  const told = cluster().withTopic('alone', [[1]])
  assert.match(told.explained('alone')[0]!.what, /^alone-0 is healthy: .*, and it has one replica$/)
})

test('leaderships that will come back are named', () => {
  const told = cluster().withTopic('orders', [[1, 2]])
  told.lose(1)
  told.setStatus(1, 'ONLINE')
  told.setIsr('orders', [1, 2])
  const [found] = told.explainedBroker(1)
  assert.equal(found!.code, 'BALANCE_DUE')
  assert.match(found!.what, /1 partition that prefers broker 1 is led by others: orders-0$/)
})
