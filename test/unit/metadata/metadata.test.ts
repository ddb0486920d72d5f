import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMAND_TYPES, type Command, decodeCommand, encodeCommand } from '../../../src/metadata/command.ts'
import { apply, preview } from '../../../src/metadata/metadata.ts'
import { renderImage } from '../../../src/metadata/render.ts'
import { touchedBy } from '../../../src/metadata/touched.ts'
import { Machine, newTopic, plainBroker } from './machine.ts'

test('a preview says what a command would come to, and changes nothing', () => {
  const machine = new Machine().withBrokers(1)
  const before = renderImage(machine.image)
  const command = { ...newTopic('t', [[1]]), time: 9_000 } as Command
  const previewed = preview(machine.image, command)
  const taken = preview(machine.image, { ...command, topicName: '..' } as Command)
  assert.deepEqual(renderImage(machine.image), before)
  assert.deepEqual(apply(machine.image, command, 2), previewed)
  assert.equal('rejected' in taken && taken.rejected, 'INVALID_TOPIC')
})

describe('an entry that makes no sense is rejected on every node, and takes none of them down', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('t', [[1, 2]])
  const bodies: [string, string][] = [
    ...COMMAND_TYPES.flatMap(type => [
      [type, 'null'] as [string, string],
      [type, '{"time":1}'] as [string, string],
      [type, '[]'] as [string, string],
    ]),
    ['RegisterBrokerCommand', '{"time":1,"brokerId":-1,"incarnationId":null}'],
    ['RegisterBrokerCommand', '{"time":1,"brokerId":2147483648,"incarnationId":null}'],
    ['CreateTopicCommand', '{"time":1,"topicName":"x","assignments":[[1]],"config":{}}'],
    ['CreateTopicCommand', '{"time":1,"topicName":"x","topicId":"i","assignments":[[1]]}'],
    ['CreateTopicCommand', '{"time":1,"topicName":"x","topicId":"i","assignments":[null],"config":{}}'],
    [
      'CreateTopicCommand',
      '{"time":1,"topicName":"x","topicId":"i","assignments":[[1]],"config":{"retention.ms":5}}',
    ],
    ['UpdateFeaturesCommand', '{"time":1,"levels":{"metadata.version":1.5}}'],
    ['UpdateFeaturesCommand', '{"time":1,"levels":{"metadata.version":"2"}}'],
    ['CreatePartitionsCommand', '{"time":1,"topicName":"t","from":1,"assignments":"no"}'],
    ['UpdateTopicConfigCommand', '{"time":1,"topicName":"t","config":null}'],
  ]
  for (const [type, body] of bodies)
    test(`${type} ${body}`, () => {
      const before = renderImage(machine.image)
      const applied = apply(machine.image, decodeCommand(type, body)!, 1_000)
      assert('rejected' in applied, JSON.stringify(applied))
      assert.deepEqual(renderImage(machine.image), before)
    })

  for (const time of [undefined, null, '7', {}, 1.5, 1e300])
    test(`a command whose time is ${JSON.stringify(time)}`, () => {
      const { type, ...body } = plainBroker(9)
      const applied = apply(machine.image, decodeCommand(type, JSON.stringify({ ...body, time }))!, 1_000)
      assert.equal('rejected' in applied && applied.rejected, 'INTERNAL')
    })
})

describe('the encoded form of a command', () => {
  test('is JSON without the type, and gives the command back', () => {
    const command = { ...newTopic('t', [[1, 2]], { 'retention.ms': '5' }), time: 7 } as Command
    const encoded = encodeCommand(command)
    assert.equal('type' in JSON.parse(encoded), false)
    assert.deepEqual(decodeCommand('CreateTopicCommand', encoded), command)
  })

  test('has the type of its entry, whatever the body says', () => {
    assert.equal(
      decodeCommand('DeleteTopicCommand', '{"type":"CreateTopicCommand"}')?.type,
      'DeleteTopicCommand',
    )
  })

  test('of a type that this release does not know is null', () => {
    for (const type of ['NoSuchCommand', '', 'toString', 'NoOpCommand'])
      assert.equal(decodeCommand(type, '{}'), null)
  })

  test('that is not JSON throws', () => {
    assert.throws(() => decodeCommand('DeleteTopicCommand', '{'), SyntaxError)
  })
})

describe('what a command touched', () => {
  const machine = new Machine()
    .withBrokers(1, 2)
    .withTopic('a', [
      [1, 2],
      [2, 1],
    ])
    .withTopic('b', [[2]])

  const touched = (intent: Parameters<Machine['accept']>[0]) =>
    touchedBy(machine.image, machine.accept(intent))

  test('is the broker and the topics that changed with it, each once', () => {
    assert.deepEqual(touched(machine.status(1, 'OFFLINE')), { topics: ['a'], brokers: [1] })
  })

  test('is a topic that is new, changed, larger or gone', () => {
    const topics = ['c']
    assert.deepEqual(touched(newTopic('c', [[2]])), { topics, brokers: [] })
    const config = { 'retention.ms': '1' }
    assert.deepEqual(touched({ type: 'UpdateTopicConfigCommand', topicName: 'c', config }), {
      topics,
      brokers: [],
    })
    const more = { type: 'CreatePartitionsCommand', topicName: 'c', from: 1, assignments: [[2]] } as const
    assert.deepEqual(touched(more), { topics, brokers: [] })
    assert.deepEqual(touched({ type: 'DeleteTopicCommand', topicName: 'c' }), { topics, brokers: [] })
  })

  test('is a broker that is gone', () => {
    machine.accept(plainBroker(9))
    assert.deepEqual(touched({ type: 'UnregisterBrokerCommand', brokerId: 9, force: false }), {
      topics: [],
      brokers: [9],
    })
  })
})
