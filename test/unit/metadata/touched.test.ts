import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../src/metadata/command.ts'
import { apply } from '../../../src/metadata/metadata.ts'
import {
  TOPICS_NAMED,
  type Touched,
  topicCount,
  topicsTouched,
  touchedBy,
} from '../../../src/metadata/touched.ts'
import { Machine, moved } from './machine.ts'

/** The loss of a broker, and what it touched, told while the image is as it was before. */
function lost(machine: Machine, brokerId: number): Touched {
  let touched: Touched | null = null
  const { image } = machine
  const command = { ...machine.status(brokerId, 'OFFLINE'), time: 1 } as Command
  apply(image, command, image.version + 1, changes => {
    touched = touchedBy(image, changes)
  })
  return touched!
}

function withTopics(count: number): Machine {
  const machine = new Machine().withBrokers(1, 2, 3)
  for (let i = 0; i < count; i++) machine.withTopic(`t${i}`, [[1, 2]])
  return machine
}

test('few topics are all named', () => {
  const machine = withTopics(5).withTopic('elsewhere', [[2]])
  const touched = lost(machine, 1)
  assert.deepEqual(touched, { topics: ['t0', 't1', 't2', 't3', 't4'], brokers: [1] })
  assert.equal(topicCount(touched), 5)
})

test('of very many the first are named, all are counted, and all can be had', () => {
  const count = TOPICS_NAMED + 50
  const machine = withTopics(count).withTopic('elsewhere', [[2]])
  machine.accept(moved('t1020', [2, 3]))
  const touched = lost(machine, 1)
  assert.equal(touched.topics.length, TOPICS_NAMED)
  assert.ok(touched.topics.includes('t1020'), 'what does not change at once is always named')
  assert.equal(topicCount(touched), count)
  const names = Array.from({ length: count }, (_, i) => `t${i}`)
  assert.deepEqual([...topicsTouched(machine.image, [touched])].sort(), names.sort())
})

test('a topic that is gone since is named by the command that removed it', () => {
  const machine = withTopics(TOPICS_NAMED + 3)
  const touched = lost(machine, 1)
  const last = `t${TOPICS_NAMED + 2}`
  assert.ok(!touched.topics.includes(last))
  const removal = touchedBy(machine.image, [{ kind: 'topicRemoved', topic: machine.image.topic(last)! }])
  const at = machine.image.version + 1
  apply(machine.image, { type: 'DeleteTopicCommand', topicName: last, time: 1 }, at)
  assert.ok(!topicsTouched(machine.image, [touched]).has(last))
  assert.ok(topicsTouched(machine.image, [touched, removal]).has(last))
})
