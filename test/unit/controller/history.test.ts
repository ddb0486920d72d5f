import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DmqError } from '../../../src/base/errors.ts'
import { type HistoryEntry, PARTITIONS_KEPT, TOPICS_KEPT } from '../../../src/controller/history/entry.ts'
import { History } from '../../../src/controller/history/history.ts'
import { type HistoryFilter, historyPage } from '../../../src/controller/history/history-page.ts'
import { Replica } from '../../../src/controller/replica.ts'
import type { Command } from '../../../src/metadata/command.ts'
import { FakeClock } from '../consensus/fake-clock.ts'
import { History as RandomHistory } from '../metadata/history.ts'
import { brokerProcess, type Intent, newTopic } from '../metadata/machine.ts'
import { Told } from './told.ts'

function page(told: Told, filter: Partial<HistoryFilter> = {}) {
  return historyPage(told.replica.history, told.image, { limit: 100, ...filter })
}

const versions = (entries: readonly { version: number }[]): number[] => entries.map(({ version }) => version)

test('every kind of command has its sentence', () => {
  const told = new Told().withBrokers(1, 2, 3)
  told.withTopic(
    'orders',
    [
      [1, 2],
      [2, 1],
    ],
    { 'retention.ms': '7' },
  )
  told.accept({
    type: 'UpdateTopicConfigCommand',
    topicName: 'orders',
    config: { 'retention.ms': null, 'min.insync.replicas': '2' },
  })
  told.accept({ type: 'CreatePartitionsCommand', topicName: 'orders', from: 2, assignments: [[1, 2]] })
  told.setIsr('orders', [1])
  told.lose(2)
  told.setStatus(2, 'ONLINE')
  told.setIsr('orders', [1, 2])
  told.accept({ type: 'DrainBrokerCommand', brokerId: 1, mode: 'DRAIN' })
  told.accept({ type: 'DrainBrokerCommand', brokerId: 1, mode: null })
  told.accept({
    type: 'ElectLeadersCommand',
    electionType: 'PREFERRED',
    partitions: [{ topic: 'orders', partition: 0 }],
  })
  told.accept({
    type: 'AlterReplicasCommand',
    cause: 'MANUAL',
    changes: [{ topic: 'orders', partition: 0, replicas: [1, 3] }],
  })
  told.accept({
    type: 'AlterReplicasCommand',
    cause: 'MANUAL',
    changes: [{ topic: 'orders', partition: 0, replicas: null }],
  })
  told.accept({
    type: 'AlterReplicasCommand',
    cause: 'MANUAL',
    changes: [{ topic: 'orders', partition: 0, replicas: [1, 3] }],
  })
  told.setIsr('orders', [1, 2, 3])
  told.accept(brokerProcess(4, 'first'))
  told.accept({ type: 'UnregisterBrokerCommand', brokerId: 4, force: false })
  told.accept({ type: 'DeleteTopicCommand', topicName: 'orders' })
  assert.deepEqual(told.texts, [
    'broker 1 registered at localhost:9001',
    'broker 2 registered at localhost:9002',
    'broker 3 registered at localhost:9003',
    'topic orders created: 2 partitions, 2 replicas each',
    'topic orders: retention.ms is its default again, min.insync.replicas=2',
    'topic orders: 1 partition added, 3 in all',
    'orders-0: ISR [1,2] -> [1], ELR [] -> [2], said by broker 1',
    'broker 2 OFFLINE: no heartbeat for 6000 ms; 2 partitions changed',
    'broker 2 ONLINE: told so by a test',
    'orders-0: ISR [1] -> [1,2], ELR [2] -> [], said by broker 1',
    'broker 1 is to be drained; 1 partition changed',
    'broker 1 is no longer drained',
    'orders-0: leader 2 -> 1 (preferred election)',
    'orders-0: replicas [1,2] -> [1,2,3], moves to [1,3] (manual move)',
    'orders-0: replicas [1,2,3] -> [1,2], the move to [1,3] is given up (manual move, cancelled by an operator)',
    'orders-0: replicas [1,2] -> [1,2,3], moves to [1,3] (manual move)',
    'orders-0: ISR [1,2] -> [1,3], replicas [1,2,3] -> [1,3], the move is done, said by broker 1',
    'broker 4 registered at localhost:9004',
    'broker 4 was removed',
    'topic orders deleted',
  ])
})

test('a move that is given up is told by who began it, and who gave it up', () => {
  const told = new Told().withBrokers(1, 2, 3)
  told.withTopic('orders', [[1, 2]])
  const alter = (cause: 'MANUAL' | 'REBALANCE', replicas: number[] | null): void =>
    void told.accept({
      type: 'AlterReplicasCommand',
      cause,
      changes: [{ topic: 'orders', partition: 0, replicas }],
    })
  alter('REBALANCE', [1, 3])
  alter('MANUAL', null)
  alter('REBALANCE', [1, 3])
  alter('REBALANCE', null)
  alter('REBALANCE', [1, 3])
  alter('MANUAL', [2, 3])
  const ends = told.texts.slice(-6).map(text => text.slice(text.lastIndexOf('(')))
  assert.deepEqual(ends, [
    '(rebalance move)',
    '(rebalance move, cancelled by an operator)',
    '(rebalance move)',
    '(rebalance move, cancelled by the controller)',
    '(rebalance move)',
    '(manual move)',
  ])
})

test('a process that amends what it says of itself has not registered again', () => {
  const told = new Told().withBrokers(1)
  const first = brokerProcess(4, 'first')
  told.accept(first)
  told.accept({ ...first, pairedMetadataServiceId: 2 } as Intent)
  told.accept({ ...first, rack: 'b' } as Intent)
  told.accept({ ...first, rack: 'b', incarnationId: 'second' } as Intent)
  assert.deepEqual(told.texts.slice(-4), [
    'broker 4 registered at localhost:9004',
    'broker 4 is paired with metadata node 2 now',
    'broker 4 is paired with no metadata node now',
    'broker 4 registered again at localhost:9004, rack b',
  ])
})

test('an entry says who asked, and under which key', () => {
  const told = new Told().withBrokers(1)
  told.accept({
    ...newTopic('orders', [[1]]),
    by: 'POST /topics',
    idempotency: { key: 'k1', request: 'r' },
  } as Intent)
  const { by, idempotencyKey, time, commandType, topics } = page(told).entries.at(-1)!
  assert.deepEqual(
    [by, idempotencyKey, time, commandType, topics],
    ['POST /topics', 'k1', told.index * 1000, 'CreateTopicCommand', ['orders']],
  )
  assert.equal(page(told).entries[0]!.by, null)
})

test('what is rejected, repeated or changes nothing is not in the history', () => {
  const told = new Told().withBrokers(1).withTopic('orders', [[1]])
  told.refuse(newTopic('orders', [[1]]), 'TOPIC_ALREADY_EXISTS')
  told.ignore({ type: 'UpdateTopicConfigCommand', topicName: 'orders', config: {} })
  assert.equal(told.texts.length, 2)
})

test('of a topic it shows the partitions as they were and as they became', () => {
  const told = new Told()
    .withBrokers(1, 2)
    .withTopic('orders', [
      [1, 2],
      [2, 1],
    ])
    .withTopic('other', [[1, 2]])
  const lost = told.lose(1)
  const { entries } = page(told, { topic: 'orders' })
  assert.deepEqual(versions(entries), [3, lost])
  const { partitions, complete, partitionCount, topics, topicCount } = entries[1]!
  assert.deepEqual([complete, partitionCount, topics, topicCount], [true, 3, ['orders', 'other'], 2])
  assert.deepEqual(partitions[0], {
    topic: 'orders',
    partition: 0,
    text: 'orders-0: leader 1 -> 2, ISR [1,2] -> [2]',
    before: { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1, 2], isr: [1, 2], elr: [] },
    after: { leader: 2, leaderEpoch: 1, partitionEpoch: 1, replicas: [1, 2], isr: [2], elr: [] },
  })
  assert.deepEqual(
    partitions.map(({ partition }) => partition),
    [0, 1],
  )
})

test('of a broker it shows what it did itself, and its part in partitions', () => {
  const told = new Told()
    .withBrokers(1, 2, 3)
    .withTopic('a', [[1, 2]])
    .withTopic('b', [[1, 3]])
  told.setIsr('a', [1])
  told.setIsr('b', [1])
  assert.deepEqual(versions(page(told, { broker: 2 }).entries), [2, 6])
  assert.deepEqual(
    page(told, { broker: 3, topic: 'b' }).entries.map(({ text }) => text),
    ['b-0: ISR [1,3] -> [1], said by broker 1'],
  )
})

test('pages follow each other; without a beginning it is the newest', () => {
  const told = new Told().withBrokers(1, 2, 3, 4, 5)
  assert.deepEqual(versions(page(told, { limit: 2 }).entries), [4, 5])
  assert.equal(page(told, { limit: 2 }).next, undefined)
  const first = page(told, { from: 2, limit: 2 })
  assert.deepEqual([versions(first.entries), first.next], [[2, 3], 3])
  const second = page(told, { after: 3, to: 4, limit: 2 })
  assert.deepEqual([versions(second.entries), second.next], [[4], undefined])
  assert.deepEqual(page(told, { from: 9 }).entries, [])
  assert.deepEqual(versions(page(told, { from: 0 }).entries), [1, 2, 3, 4, 5])
})

function plain(version: number): HistoryEntry {
  return {
    version,
    time: version,
    commandType: 'DeleteTopicCommand',
    text: 'x'.repeat(100),
    by: null,
    idempotencyKey: null,
    topics: [],
    topicCount: 0,
    brokers: [],
    statuses: [],
    partitions: [],
    partitionCount: 0,
  }
}

test('it is bounded in entries and in bytes, and what is forgotten is VERSION_COMPACTED', () => {
  const image = new Told().image
  for (const bounds of [
    { entriesMax: 10, bytesMax: 1e9 },
    { entriesMax: 1e9, bytesMax: 4_000 },
  ]) {
    const history = new History(0, [], bounds)
    for (let version = 1; version <= 100; version++) {
      history.add(plain(version))
      assert(history.entries.length <= 10)
      assert.equal(history.entries[0]!.version, history.from + 1)
    }
    const { from } = history
    const ask = (filter: Partial<HistoryFilter>) => historyPage(history, image, { limit: 100, ...filter })
    assert.deepEqual(ask({ from: from + 1 }), ask({ after: from }))
    assert.equal(ask({}).knownAfter, from)
    for (const filter of [{ from }, { from: 0 }, { after: from - 1 }])
      assert.throws(
        () => ask(filter),
        (error: DmqError) => error.code === 'VERSION_COMPACTED',
      )
  }
})

test('one entry larger than all bounds is kept alone', () => {
  const history = new History(0, [], { entriesMax: 10, bytesMax: 10 })
  history.add(plain(1))
  history.add(plain(2))
  assert.deepEqual([versions(history.entries), history.from], [[2], 1])
})

test('the loss of a large broker keeps a bounded part, counts the rest, and is found by any topic', () => {
  const told = new Told().withBrokers(1, 2)
  const topics = TOPICS_KEPT + 5
  for (let i = 0; i < topics; i++) told.withTopic(`t${i}`, [[1, 2]])
  const lost = told.lose(1)
  const entry = told.replica.history.entries.at(-1)!
  assert.deepEqual(
    [entry.partitions.length, entry.partitionCount, entry.topics.length, entry.topicCount],
    [PARTITIONS_KEPT, topics, TOPICS_KEPT, topics],
  )
  for (const topic of ['t0', `t${topics - 1}`]) {
    const found = page(told, { topic }).entries.at(-1)!
    assert.deepEqual([found.version, found.complete], [lost, false])
  }
  told.withTopic('later', [[2]])
  assert.deepEqual(versions(page(told, { topic: 'later' }).entries), [lost + 1])
})

test('a node that starts from a snapshot knows what came before it', () => {
  const told = new Told().withBrokers(1, 2).withTopic('orders', [[1, 2]])
  told.lose(1)
  const replica = new Replica(new FakeClock())
  copy(told.replica, replica)
  assert.deepEqual(replica.history.entries, told.replica.history.entries)
  assert.equal(replica.history.from, 0)
  assert.equal(replica.image.stateHash, told.image.stateHash)
})

test('a snapshot holds as much of the history as it may, the newest first', () => {
  const told = new Told(new Replica(new FakeClock(), { savedHistoryBytes: 600 })).withBrokers(
    1,
    2,
    3,
    4,
    5,
    6,
  )
  const replica = new Replica(new FakeClock())
  copy(told.replica, replica)
  const { entries, from } = replica.history
  assert(entries.length > 0 && entries.length < 6)
  assert.deepEqual(entries, told.replica.history.entries.slice(-entries.length))
  assert.equal(from, 6 - entries.length)
  const none = new Replica(new FakeClock())
  copy(new Told(new Replica(new FakeClock(), { savedHistoryBytes: 0 })).withBrokers(1, 2).replica, none)
  assert.deepEqual([none.history.entries, none.history.from], [[], 2])
})

test('the history in a snapshot is that of the moment when it was begun', () => {
  const told = new Told().withBrokers(1, 2)
  const pieces = told.replica.capture()
  told.withBrokers(3)
  const replica = new Replica(new FakeClock())
  install(pieces, replica)
  assert.deepEqual(versions(replica.history.entries), [1, 2])
})

function copy(from: Replica, to: Replica): void {
  install(from.capture(), to)
}

function install(pieces: Iterable<Uint8Array>, to: Replica): void {
  const restoration = to.restore()
  for (const piece of pieces) restoration.take(piece)
  restoration.install()
}

test('nodes that apply the same commands tell the same history', () => {
  const random = new RandomHistory(7)
  const nodes = [new Told(), new Told()]
  for (let i = 0; i < 300; i++) {
    const command = random.next(nodes[0]!.image) as Command
    for (const node of nodes) node.apply(command as Intent)
  }
  assert.deepEqual(nodes[0]!.replica.history.entries, nodes[1]!.replica.history.entries)
  assert(nodes[0]!.texts.length > 50)
  for (const text of nodes[0]!.texts) assert.doesNotMatch(text, /of which nothing can be told|undefined/)
})
