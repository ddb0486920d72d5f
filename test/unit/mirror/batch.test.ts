import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../src/metadata/command.ts'
import { TOPICS_NAMED } from '../../../src/metadata/touched.ts'
import { nextBatch } from '../../../src/mirror/batch.ts'
import { plainBroker } from '../metadata/machine.ts'
import { Source } from './world.ts'

const COUNT = TOPICS_NAMED + 200

function cluster(): Source {
  const source = new Source()
  const apply = (command: object) => source.apply({ time: 1_000, ...command } as Command)
  for (const brokerId of [1, 2, 3]) apply(plainBroker(brokerId))
  for (let i = 0; i < COUNT; i++) {
    const what = {
      topicName: `t${i}`,
      topicId: `id ${i}`,
      assignments: [
        [1, 2],
        [2, 3],
      ],
      config: {},
    }
    apply({ type: 'CreateTopicCommand', ...what })
  }
  return source
}

test('the loss of a broker with more topics than are named is written whole, though some topics go meanwhile', () => {
  const source = cluster()
  const { version, time } = source.image
  const { brokerEpoch } = source.image.broker(1)!
  const loss = {
    type: 'UpdateBrokerStatusCommand',
    brokerId: 1,
    brokerEpoch,
    status: 'OFFLINE',
    reason: 'gone',
  }
  source.apply({ ...loss, time: 2_000 } as Command)
  const batch = nextBatch(source, { recoveryEpoch: 0, version, time: time + 1 }, 0)
  const written: string[] = []
  const dropped: string[] = []
  const histories: Readonly<Record<string, unknown>>[] = []
  for (let gone = COUNT - 5; gone < COUNT; gone++)
    source.apply({ type: 'DeleteTopicCommand', topicName: `t${gone}`, time: 3_000 } as Command)
  for (const step of batch.steps) {
    if ('dropTopics' in step) dropped.push(...step.dropTopics)
    if (!('rows' in step)) continue
    if (step.table.name === 'partitions')
      for (const row of step.rows) written.push(`${row.topic}-${row.partition_id}`)
    if (step.table.name === 'history') histories.push(...step.rows)
  }
  batch.release()
  assert.deepEqual(written.sort(), Array.from({ length: COUNT }, (_, i) => `t${i}-0`).sort())
  assert.deepEqual(dropped, [])
  assert.equal(histories[0]!.topic_count, COUNT)
})
