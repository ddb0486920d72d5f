import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../src/metadata/command.ts'
import { IdempotencyKeys } from '../../../src/metadata/idempotency.ts'
import { Image } from '../../../src/metadata/image.ts'
import { applyOnce } from '../../../src/metadata/metadata.ts'
import { SnapshotReader, writeSnapshot } from '../../../src/metadata/snapshot.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

class Machine {
  image = new Image()
  keys: IdempotencyKeys
  #index = 0

  constructor(max?: number) {
    this.keys = new IdempotencyKeys(max)
    this.apply({ type: 'RegisterBrokerCommand', time: 0, ...BROKER })
  }

  apply(command: Command) {
    this.#index += 1
    return applyOnce(this.image, this.keys, command, this.#index)
  }

  create(topicName: string, key: string, time = 0, request = `create ${topicName}`) {
    const idempotency = { key, request }
    const topicId = `id-${topicName}`
    return this.apply({
      type: 'CreateTopicCommand',
      time,
      topicName,
      topicId,
      assignments: [[1]],
      config: {},
      idempotency,
    })
  }

  restored(): Machine {
    const reader = new SnapshotReader()
    for (const piece of writeSnapshot(this.image, this.keys)) reader.take(piece)
    const copy = new Machine()
    Object.assign(copy, reader.finish())
    copy.#index = this.#index
    return copy
  }
}

const BROKER = {
  brokerId: 1,
  host: 'h',
  port: 1,
  rack: null,
  resources: {},
  listeners: [],
  incarnationId: null,
  pairedMetadataServiceId: null,
  previousBrokerEpoch: null,
} as const

test('a repeat changes nothing and gets the first result, with the version it had', () => {
  const machine = new Machine()
  const first = machine.create('a', 'k')
  assert('changes' in first && first.changes.length > 0 && first.replayed === undefined)
  const { version, stateHash } = machine.image
  assert.deepEqual(machine.create('a', 'k'), { changes: [], replayed: 2 })
  assert.deepEqual([machine.image.version, machine.image.stateHash], [version, stateHash])
})

test('a rejection is a result as well, even if the request could succeed by now', () => {
  const machine = new Machine()
  machine.create('a', 'k1')
  const rejected = machine.create('a', 'k2')
  assert('rejected' in rejected && rejected.rejected === 'TOPIC_ALREADY_EXISTS')
  machine.apply({ type: 'DeleteTopicCommand', time: 1, topicName: 'a' })
  assert.deepEqual(machine.create('a', 'k2', 2), { ...rejected, replayed: 3 })
  assert.equal(machine.image.topic('a'), undefined)
})

test('the same key with another request is refused, and the first result stays', () => {
  const machine = new Machine()
  machine.create('a', 'k')
  const reused = machine.create('b', 'k')
  assert('rejected' in reused && reused.rejected === 'IDEMPOTENCY_KEY_REUSED')
  assert.equal(machine.image.topic('b'), undefined)
  assert.deepEqual(machine.create('a', 'k'), { changes: [], replayed: 2 })
})

test('what the controller refused itself is kept by its note', () => {
  const machine = new Machine()
  const idempotency = { key: 'k', request: 'r' }
  const note = { rejected: 'NOT_ENOUGH_BROKERS', message: 'one is there', details: { live: 1 } } as const
  machine.apply({ type: 'NoteRejectionCommand', time: 1, ...note, idempotency })
  assert.deepEqual(machine.create('a', 'k', 2, 'r'), { ...note, replayed: 2 })
})

test('a snapshot carries the keys: a repeat after it gets the first result', () => {
  const machine = new Machine()
  machine.create('a', 'k1', 5)
  machine.create('a', 'k2', 6)
  const restored = machine.restored()
  assert.equal(restored.image.stateHash, machine.image.stateHash)
  for (const [key, time] of [
    ['k1', 7],
    ['k2', 8],
    ['k3', 9],
  ] as const) {
    assert.deepEqual(restored.create('a', key, time), machine.create('a', key, time))
  }
})

test('after a day a key is forgotten', () => {
  const machine = new Machine()
  machine.create('a', 'k', 10)
  assert.equal('rejected' in machine.create('a', 'k', 10 + DAY), false)
  const again = machine.create('a', 'k', 11 + DAY)
  assert('rejected' in again && again.rejected === 'TOPIC_ALREADY_EXISTS' && again.replayed === undefined)
})

test('a full table gives up keys older than ten minutes, oldest first, and refuses new ones while all are young', () => {
  const machine = new Machine(2)
  machine.create('a', 'k1', 0)
  machine.create('b', 'k2', 5 * MINUTE)
  const full = machine.create('c', 'k3', 10 * MINUTE)
  assert('rejected' in full && full.rejected === 'OVERLOADED')
  assert.equal(machine.image.topic('c'), undefined)
  assert.deepEqual(machine.create('a', 'k1', 10 * MINUTE), { changes: [], replayed: 2 })

  const taken = machine.create('c', 'k3', 10 * MINUTE + 1)
  assert('changes' in taken && taken.changes.length > 0)
  assert.deepEqual(machine.create('b', 'k2', 10 * MINUTE + 1), { changes: [], replayed: 3 })
  const forgotten = machine.create('a', 'k1', 10 * MINUTE + 1)
  assert('rejected' in forgotten && forgotten.rejected === 'OVERLOADED')
  const unkeyed = machine.apply({ type: 'DeleteTopicCommand', time: 10 * MINUTE + 1, topicName: 'a' })
  assert('changes' in unkeyed && unkeyed.changes.length > 0)
})
