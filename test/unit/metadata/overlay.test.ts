import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Change, changedRowsOf } from '../../../src/metadata/change.ts'
import { type Command, decide } from '../../../src/metadata/command.ts'
import type { Plan } from '../../../src/metadata/decision.ts'
import type { Image } from '../../../src/metadata/image.ts'
import { Overlay } from '../../../src/metadata/overlay.ts'
import type { Partition } from '../../../src/metadata/partition-table.ts'
import { renderImage } from '../../../src/metadata/render.ts'
import { History } from './history.ts'
import { Machine } from './machine.ts'

function lived(seed: number): Machine {
  const machine = new Machine()
  const history = new History(seed)
  for (let i = 0; i < 300; i++) machine.apply(history.next(machine.image))
  return machine
}

/** The rows as changes leave them. */
function rowsOf(image: Image, changes: readonly Change[]): (readonly [number, Partition])[] {
  return [...changedRowsOf(changes, row => image.partition(row))].sort(([a], [b]) => a - b)
}

test('commands decided over each other come to what they come to when each is applied', () => {
  let changed = 0
  for (let seed = 1; seed <= 20; seed++) {
    const machine = lived(seed)
    const before = renderImage(machine.image)
    const { image } = machine
    const overlay = new Overlay(image)
    const time = image.time + 1
    const losses = image.brokers().filter(({ brokerId }) => image.isActive(brokerId))
    const commands = losses.map(
      ({ brokerId }) => ({ ...machine.status(brokerId, 'OFFLINE'), time }) as Command,
    )
    const planned = commands.map(command => {
      const { changes } = decide(overlay.image, command, { version: image.version + 1, time }) as Plan
      overlay.lay(changes)
      return changes
    })
    assert.deepEqual(renderImage(image), before, 'nothing is written')
    for (const [i, command] of commands.entries()) {
      const rows = rowsOf(machine.image, planned[i]!)
      assert.deepEqual(rowsOf(machine.image, machine.accept(command)), rows, `seed ${seed}`)
      changed += rows.length
    }
  }
  assert(changed > 100, `only ${changed} changes`)
})

test('brokers hold and lead what they would by then', () => {
  const machine = lived(7)
  const { image } = machine
  const overlay = new Overlay(image)
  const time = image.time + 1
  const lost = image.brokers().find(({ brokerId }) => image.countsOf(brokerId).leaders > 0)!
  const command = { ...machine.status(lost.brokerId, 'OFFLINE'), time } as Command
  const plan = decide(overlay.image, command, { version: image.version + 1, time }) as Plan
  overlay.lay(plan.changes)
  const ids = image.brokers().map(({ brokerId }) => brokerId)
  const planned = ids.map(id => overlay.image.countsOf(id))
  assert.notDeepEqual(
    planned,
    ids.map(id => image.countsOf(id)),
  )
  machine.accept(command)
  assert.deepEqual(
    planned,
    ids.map(id => image.countsOf(id)),
  )
})

test('it shows what was laid over the image, and everything else as it is', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [
    [1, 2],
    [2, 1],
  ])
  const { image } = machine
  const [row] = image.topic('t')!.rows
  const overlay = new Overlay(image)
  const broker = { ...image.broker(1)!, status: 'OFFLINE' } as const
  overlay.lay([
    { kind: 'brokerSet', broker },
    { kind: 'partitionChanged', row: row!, partition: { ...image.partition(row!), leader: 2 } },
  ])
  const above = overlay.image
  assert.deepEqual([above.isActive(1), above.isActive(2), above.isActive(3)], [false, true, false])
  assert.deepEqual(
    above.brokers().map(({ status }) => status),
    ['OFFLINE', 'ONLINE'],
  )
  assert.deepEqual(
    above.partitionsOf(image.topic('t')!).map(({ leader }) => leader),
    [2, 2],
  )
  assert.deepEqual(
    [above.version, above.topicNames, above.rowsWithReplicaOn(1)],
    [image.version, ['t'], [...image.topic('t')!.rows]],
  )
  assert.deepEqual([image.isActive(1), image.partition(row!).leader], [true, 1])
})

test('a topic in another state is found by its name and by its id; the one below stays', () => {
  const { image } = new Machine()
    .withBrokers(1)
    .withTopic('t', [[1]])
    .withTopic('u', [[1]])
  const overlay = new Overlay(image)
  const before = image.topic('t')!
  const topic = { ...before, replicationFactor: 2 }
  overlay.lay([{ kind: 'topicChanged', topic }])
  const above = overlay.image
  assert.deepEqual([above.topic('t'), above.topicById(topic.id)], [topic, topic])
  assert.deepEqual([above.topic('u'), above.topic('v')], [image.topic('u'), undefined])
  assert.deepEqual(image.topic('t'), before)
})

test('topics that come or go cannot be laid over an image', () => {
  const machine = new Machine().withBrokers(1).withTopic('t', [[1]])
  const topic = machine.image.topic('t')!
  assert.throws(
    () => new Overlay(machine.image).lay([{ kind: 'topicRemoved', topic }]),
    /no overlay of topicRemoved/,
  )
})
