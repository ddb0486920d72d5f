import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { delta, type RowChange } from '../../../src/controller/delta.ts'
import { type AcceptedCommand, ChangeRing } from '../../../src/metadata/change-ring.ts'
import { encodeCommand } from '../../../src/metadata/command.ts'
import { Image } from '../../../src/metadata/image.ts'
import { apply } from '../../../src/metadata/metadata.ts'
import { type ImageView, renderImage, type TopicView } from '../../../src/metadata/render.ts'
import { touchedBy } from '../../../src/metadata/touched.ts'
import { History } from '../metadata/history.ts'
import { Machine, newTopic, plainBroker, viewOf } from '../metadata/machine.ts'

/** Applies what the machine accepts, and notes what it touched, as the metadata nodes do. */
function accepted(machine: Machine, intent: Parameters<Machine['accept']>[0]): AcceptedCommand {
  const touched = touchedBy(machine.image, machine.accept(intent))
  return { version: machine.image.version, commandType: intent.type, commandData: '', ...touched }
}

test('a delta shows every row that was touched, once, as it is now', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [
    [1, 2],
    [2, 1],
  ])
  const lost = accepted(machine, machine.status(1, 'OFFLINE'))
  const back = accepted(machine, machine.status(1, 'ONLINE'))
  const [broker, topic, ...more] = delta(machine.image, [lost, back])
  assert.deepEqual(more, [])
  assert(broker?.type === 'BROKER' && topic?.type === 'TOPIC')
  assert.equal(broker.broker?.status, 'ONLINE')
  assert.deepEqual(
    topic.topic?.partitions.map(({ leader, isr }) => ({ leader, isr })),
    [
      { leader: 2, isr: [2] },
      { leader: 2, isr: [2] },
    ],
  )
})

test('what is gone is shown as null', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1]])
  const deleted = accepted(machine, { type: 'DeleteTopicCommand', topicName: 't' })
  const removed = accepted(machine, { type: 'UnregisterBrokerCommand', brokerId: 2, force: false })
  assert.deepEqual(delta(machine.image, [deleted, removed]), [
    { type: 'BROKER', brokerId: 2, broker: null },
    { type: 'TOPIC', topicName: 't', topic: null },
  ])
})

test('a topic that was deleted and created again is shown with its new id', () => {
  const machine = new Machine().withBrokers(1).withTopic('t', [[1]])
  const commands = [
    accepted(machine, { type: 'DeleteTopicCommand', topicName: 't' }),
    accepted(machine, { ...newTopic('t', [[1], [1]]), topicId: 'another id' }),
  ]
  const changes = delta(machine.image, commands)
  assert.equal(changes.length, 1)
  assert.equal(changes[0]?.type === 'TOPIC' && changes[0].topic?.topicId, 'another id')
})

test('a command that touched nothing else costs nothing else', () => {
  const machine = new Machine().withBrokers(1, 2)
  for (let i = 0; i < 50; i++) machine.withTopic(`t${i}`, [[1]])
  const command = accepted(machine, {
    type: 'UpdateTopicConfigCommand',
    topicName: 't7',
    config: { 'retention.ms': '1' },
  })
  const names = delta(machine.image, [command]).map(change => change.type === 'TOPIC' && change.topicName)
  assert.deepEqual(names, ['t7'])
  assert.deepEqual(delta(machine.image, []), [])
  assert.deepEqual(accepted(machine, plainBroker(9)).topics, [])
})

/**
 * A consumer that keeps rows and takes deltas from any version it has, in any order of their rows. `offlineReplicas` follows from the
 * brokers and is no row's own: a broker that goes OFFLINE changes it in topics that are otherwise as they were.
 */
test('rows with a delta on them are the rows of the image it was taken from', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const history = new History(seed)
    const chance = new Chance(seed)
    const image = new Image()
    const ring = new ChangeRing(0)
    let held = viewOf(image)
    for (let index = 1; index <= 150; index++) {
      const command = history.next(image)
      const applied = apply(image, command, index)
      if ('rejected' in applied || applied.changes.length === 0) continue
      ring.add({
        version: index,
        commandType: command.type,
        commandData: encodeCommand(command),
        ...touchedBy(image, applied.changes),
      })
      if (chance.happens(0.7)) continue
      const changes = delta(image, ring.since(held.version)!)
      held = withRows(held, chance.happens(0.5) ? changes : changes.toReversed())
      held.version = image.version
      assert.deepEqual(rowsOf(held), rowsOf(renderImage(image)), `seed ${seed}, index ${index}`)
    }
  }
})

function withRows(view: ImageView, changes: readonly RowChange[]): ImageView {
  const brokers = new Map(view.brokers.map(broker => [broker.brokerId, broker]))
  const topics = new Map(view.topics.map(topic => [topic.topicName, topic]))
  for (const change of JSON.parse(JSON.stringify(changes)) as RowChange[]) {
    if (change.type === 'BROKER') {
      if (change.broker === null) brokers.delete(change.brokerId)
      else brokers.set(change.brokerId, change.broker)
    } else if (change.topic === null) topics.delete(change.topicName)
    else topics.set(change.topicName, change.topic)
  }
  return { ...view, brokers: [...brokers.values()], topics: [...topics.values()] }
}

function rowsOf({ brokers, topics }: ImageView) {
  return {
    brokers: new Map(brokers.map(broker => [broker.brokerId, broker])),
    topics: new Map(topics.map(topic => [topic.topicName, ownOf(topic)])),
  }
}

function ownOf({ partitions, ...topic }: TopicView) {
  return { ...topic, partitions: partitions.map(({ offlineReplicas: _derived, ...own }) => own) }
}
