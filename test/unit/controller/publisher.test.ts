import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetadataCopy, type StorageUpdate as Received } from '../../../src/broker/metadata-copy.ts'
import { type BrokerLink, BrokerLinks } from '../../../src/controller/broker-links.ts'
import type { ControllerEvents } from '../../../src/controller/events.ts'
import { Publisher } from '../../../src/controller/publisher.ts'
import { Replica } from '../../../src/controller/replica.ts'
import { ClusterKey } from '../../../src/io/cluster-key.ts'
import type { HttpSender } from '../../../src/io/http-client.ts'
import { type Command, encodeCommand } from '../../../src/metadata/command.ts'
import { SnapshotReader } from '../../../src/metadata/snapshot.ts'
import { FakeClock, settle } from '../consensus/fake-clock.ts'
import { type Intent, newTopic, plainBroker } from '../metadata/machine.ts'

const IDENTITY = {
  clusterId: 'cluster A',
  recoveryEpoch: 0,
  controllerTerm: 5,
  controllerId: 1,
  controllerUrl: 'http://m1',
}

/** A controller's publisher, and storage nodes that take its updates into real copies. */
class Push {
  readonly clock = new FakeClock()
  readonly replica: Replica
  readonly links = new BrokerLinks()
  readonly told: string[] = []
  readonly received: { by: 'http' | 'session'; update: Received & { repair?: unknown } }[] = []
  readonly copy = new MetadataCopy()
  readonly tally = { done: 0, failed: 0 }
  refuses = false
  readonly publisher: Publisher
  #index = 0

  constructor(ringBytes?: number) {
    this.replica = new Replica(this.clock, ringBytes === undefined ? {} : { ringBytes })
    const events = {
      pushFailed: () => this.told.push('failed'),
      pushRecovered: () => this.told.push('recovered'),
      diverged: ({ kind, nodeId, version }: { kind: string; nodeId: number; version: number }) =>
        this.told.push(`${kind} ${nodeId} diverged at ${version}`),
    }
    const send = async ({ body }: { body: string }) => this.#answer('http', body)
    this.publisher = new Publisher(IDENTITY, {
      replica: this.replica,
      key: new ClusterKey('a key of sufficient length'),
      http: { send } as unknown as HttpSender,
      clock: this.clock,
      links: this.links,
      tally: this.tally,
      events: events as unknown as ControllerEvents,
    })
  }

  #answer(by: 'http' | 'session', body: string) {
    if (this.refuses) throw new Error('connect ECONNREFUSED')
    const update = JSON.parse(body)
    this.received.push({ by, update })
    const outcome =
      update.snapshot === undefined
        ? this.copy.applyDelta(update)
        : this.copy.applySnapshot(update.clusterId, update.recoveryEpoch, update.snapshot)
    const { version, stateHash } = this.copy.image
    return {
      status: 200,
      headers: {},
      body: { success: outcome === 'applied', version, stateHash, gap: false },
    }
  }

  accept(intent: Intent): void {
    const index = ++this.#index
    const command = { time: index * 1000, ...intent } as Command
    this.replica.apply(index, command.type, Buffer.from(encodeCommand(command)))
    assert.equal(this.replica.image.version, index, 'it is accepted')
  }

  /** A storage node that holds everything. */
  withBroker(incarnationId: string | null = 'process 1'): this {
    this.accept({ ...plainBroker(7), incarnationId } as Intent)
    if (incarnationId !== null)
      this.accept({
        type: 'UpdateBrokerStatusCommand',
        brokerId: 7,
        brokerEpoch: 1,
        status: 'ONLINE',
        reason: 'test',
      })
    this.fill()
    return this
  }

  /** The storage node has pulled. */
  fill(): void {
    const reader = new SnapshotReader()
    for (const piece of this.replica.captureImage()) reader.take(piece)
    const { version, stateHash } = this.replica.image
    this.copy.install(
      { clusterId: 'cluster A', recoveryEpoch: 0, version, stateHash },
      reader.finish().image,
      true,
    )
  }

  /** Changes the copy behind everybody's back. */
  spoil(): void {
    const { image } = this.copy
    const topic = image.topic(image.topicNames[0]!)!
    image.changeTopic({ ...topic, config: { ...topic.config, 'retention.ms': '1' } })
  }

  link(brokerEpoch: number): BrokerLink {
    const link: BrokerLink = {
      brokerId: 7,
      brokerEpoch,
      request: async (name, body) => {
        assert.equal(name, 'metadata')
        return this.#answer('session', body)
      },
      close() {},
    }
    this.links.opened(link)
    return link
  }

  async publish(): Promise<void> {
    this.publisher.publish()
    await this.clock.runPending()
    await settle()
  }

  get types(): string[] {
    return this.received.map(({ update }) => update.updateType)
  }

  get subscriber() {
    return this.publisher.subscribers()[0]!
  }
}

test('a node is first told who the controller is, then brought what it lacks, and nothing that it has', async () => {
  const push = new Push().withBroker()
  await push.publish()
  assert.deepEqual(push.types, ['CONTROLLER_CHANGED'])
  push.accept(newTopic('one', [[7]]))
  push.accept(newTopic('two', [[7]]))
  await push.publish()
  await push.publish()
  assert.deepEqual(push.types, ['CONTROLLER_CHANGED', 'DELTA'])
  assert.equal(push.received[1]!.update.commands!.length, 2)
  assert.equal(push.copy.image.stateHash, push.replica.image.stateHash)
})

test('a node with a session is reached on it, of its present registration only', async () => {
  const push = new Push().withBroker()
  const { brokerEpoch } = push.replica.image.broker(7)!
  await push.publish()
  const link = push.link(brokerEpoch)
  push.accept(newTopic('one', [[7]]))
  await push.publish()
  push.links.closed(link, 'reset')
  push.accept(newTopic('two', [[7]]))
  await push.publish()
  push.link(brokerEpoch + 1)
  push.accept(newTopic('three', [[7]]))
  await push.publish()
  assert.deepEqual(
    push.received.map(({ by }) => by),
    ['http', 'session', 'http', 'http'],
  )
})

test('failures are told once, and tried again ever more seldom; a session ends the waiting', async () => {
  const push = new Push().withBroker()
  push.refuses = true
  await push.publish()
  await push.clock.pass(99)
  assert.deepEqual([push.told, push.subscriber.failures], [['failed'], 1])
  await push.clock.pass(60_000)
  assert.deepEqual(push.told, ['failed'])
  const { failures } = push.subscriber
  assert.ok(failures > 8 && failures < 25, `${failures} failures`)
  assert.equal(push.clock.timers, 1)
  push.refuses = false
  push.link(push.replica.image.broker(7)!.brokerEpoch)
  await settle()
  assert.deepEqual([push.told, push.subscriber.failures], [['failed', 'recovered'], 0])
  assert.deepEqual(push.tally, { done: 1, failed: failures })
  assert.equal(push.clock.timers, 0, 'nothing waits any more')
})

test('a failure that began while the broker was not active is told, once, when it is', async () => {
  const push = new Push()
  push.accept({ ...plainBroker(7), incarnationId: 'process 1' } as Intent)
  push.fill()
  push.refuses = true
  await push.publish()
  await push.clock.pass(20_000)
  assert.ok(push.subscriber.failures > 3)
  assert.deepEqual(push.told, [], 'nothing else is expected')
  const brokerEpoch = push.replica.image.broker(7)!.brokerEpoch
  const online = {
    type: 'UpdateBrokerStatusCommand',
    brokerId: 7,
    brokerEpoch,
    status: 'ONLINE',
    reason: 'test',
  }
  push.accept(online as Intent)
  await push.publish()
  await push.clock.pass(60_000)
  assert.deepEqual(push.told, ['failed'])
  push.refuses = false
  await push.clock.pass(6_000)
  push.refuses = true
  push.accept(newTopic('one', [[7]]))
  await push.publish()
  assert.deepEqual(push.told, ['failed', 'recovered', 'failed'], 'it is another failure')
})

test('a node that disagrees is named once, told to fetch everything until it agrees, and then served again', async () => {
  const push = new Push().withBroker()
  push.accept(newTopic('one', [[7]]))
  push.fill()
  push.spoil()
  const wrong = push.copy.image.stateHash
  await push.publish()
  assert.deepEqual(push.told, ['storage 7 diverged at 3'])
  assert.deepEqual([push.subscriber.repair, push.subscriber.divergences], [true, 1])
  assert.equal(push.subscriber.lastDivergence!.expected, push.replica.image.stateHash)
  await push.clock.pass(600)
  assert.deepEqual(push.received.at(-1)!.update.repair, { version: 3, stateHash: wrong })
  assert.ok(push.received.length <= 4, 'it is not flooded')
  push.accept(newTopic('two', [[7]]))
  push.fill()
  await push.clock.pass(300)
  assert.deepEqual([push.subscriber.repair, push.told.length], [false, 1])
  push.accept(newTopic('three', [[7]]))
  await push.publish()
  assert.deepEqual(push.received.at(-1)!.update.commands!.length, 1)
  assert.equal(push.copy.image.stateHash, push.replica.image.stateHash)
})

test('that a node disagreed is known after it has registered anew', async () => {
  const push = new Push().withBroker()
  push.accept(newTopic('one', [[7]]))
  push.fill()
  push.spoil()
  await push.publish()
  const { lastDivergence } = push.subscriber
  push.accept({ ...plainBroker(7), incarnationId: 'process 2' } as Intent)
  push.fill()
  await push.publish()
  assert.deepEqual([push.subscriber.repair, push.subscriber.divergences], [false, 1])
  assert.deepEqual(push.subscriber.lastDivergence, lastDivergence)
})

test('what a heartbeat says is compared, too, at whatever version it was', async () => {
  const push = new Push().withBroker()
  await push.publish()
  const { version, stateHash } = push.replica.image
  push.accept(newTopic('one', [[7]]))
  assert.equal(push.publisher.reported(7, version, stateHash), true)
  assert.equal(push.publisher.reported(7, version, 'something else'), false)
  assert.equal(push.publisher.reported(7, version, stateHash), true, 'it was repaired')
  assert.equal(push.publisher.reported(8, version, 'something else'), true, 'nobody knows broker 8')
  assert.deepEqual(push.told, [`storage 7 diverged at ${version}`])
})

test('who has a version that the controller has not is wrong when that lasts, not at once', async () => {
  const push = new Push().withBroker()
  await push.publish()
  const { version } = push.replica.image
  assert.equal(push.publisher.reported(7, version + 1, 'a hash'), true)
  await push.clock.pass(4_999)
  assert.equal(push.publisher.reported(7, version + 1, 'a hash'), true)
  await push.clock.pass(1)
  assert.equal(push.publisher.reported(7, version + 1, 'a hash'), false)
})

test('a node that had a version of before a recovery is brought what is new once it has what there is', async () => {
  const push = new Push().withBroker()
  push.accept(newTopic('one', [[7]]))
  const { version, stateHash } = push.replica.image
  await push.publish()
  assert.equal(push.publisher.reported(7, version + 100, 'a hash of before'), true)
  assert.equal(push.publisher.versionOf(7), version + 100)
  push.fill()
  assert.equal(push.publisher.reported(7, version, stateHash), true)
  assert.equal(push.publisher.versionOf(7), version)
  push.accept(newTopic('two', [[7]]))
  await push.publish()
  assert.equal(push.copy.image.version, version + 1)
})

test('a node that stays at what it had before a recovery is told of the controller again, and not taken to know', async () => {
  const push = new Push().withBroker()
  await push.publish()
  assert.deepEqual([push.types, push.publisher.versionOf(7)], [['CONTROLLER_CHANGED'], 2])
  push.publisher.reportedOther(7)
  assert.equal(push.publisher.versionOf(7), 0)
  await settle()
  assert.deepEqual(push.types, ['CONTROLLER_CHANGED', 'CONTROLLER_CHANGED'])
  push.publisher.reportedOther(8)
  await settle()
  assert.equal(push.received.length, 2, 'nobody knows broker 8')
})

test('a plain client is shown the rows; what it says of hashes changes nothing', async () => {
  const push = new Push().withBroker(null)
  await push.publish()
  push.accept(newTopic('one', [[7]]))
  await push.publish()
  const { update } = push.received.at(-1)!
  assert.deepEqual([update.commands, (update as { changes?: unknown[] }).changes!.length], [undefined, 1])
  assert.equal(push.publisher.reported(7, push.replica.image.version, 'its own'), true)
  assert.deepEqual(push.told, [])
})

test('what is too long for one request is not sent: the node is told the version, and pulls', async () => {
  const push = new Push(4 * 1024 * 1024).withBroker()
  await push.publish()
  const partitions = Array.from({ length: 10_000 }, () =>
    Array.from({ length: 30 }, (_, i) => 100_000_000 + i),
  )
  for (let i = 0; i < 30; i++) push.accept({ ...plainBroker(100_000_000 + i) } as Intent)
  await push.publish()
  push.accept(newTopic('huge', partitions))
  await push.publish()
  const { update } = push.received.at(-1)!
  assert.deepEqual(
    [update.updateType, update.commands, update.version],
    ['DELTA', [], push.replica.image.version],
  )
  assert.ok(push.received.every(({ update }) => JSON.stringify(update).length < 1_000_000))
})

test('everything is sent to who asks for it: small images whole, of large ones the version', async () => {
  const push = new Push().withBroker()
  push.accept(newTopic('one', [[7]]))
  const answer = push.publisher.pushAll(7)
  await settle()
  const { version, stateHash } = push.replica.image
  assert.deepEqual(await answer, { version, stateHash })
  assert.deepEqual(push.types, ['FULL_SNAPSHOT'])
  push.accept(
    newTopic(
      'large',
      Array.from({ length: 1_000 }, () => [7]),
    ),
  )
  const large = push.publisher.pushAll(7)
  await settle()
  await large
  assert.deepEqual([push.types.at(-1), push.received.at(-1)!.update.commands], ['DELTA', []])
  push.refuses = true
  await assert.rejects(push.publisher.pushAll(7), /ECONNREFUSED/)
  assert.throws(() => push.publisher.pushAll(9), /broker 9 is not registered/)
  const [underWay, waiting] = [push.publisher.pushAll(7), push.publisher.pushAll(7)]
  push.publisher.stop()
  await assert.rejects(waiting, /not the controller any more/)
  await assert.rejects(underWay, /ECONNREFUSED/)
})
