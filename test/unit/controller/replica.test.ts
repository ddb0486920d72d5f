import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Replica } from '../../../src/controller/replica.ts'
import { type Command, encodeCommand } from '../../../src/metadata/command.ts'
import { Image } from '../../../src/metadata/image.ts'
import { renderImage } from '../../../src/metadata/render.ts'
import { FakeClock, settle } from '../consensus/fake-clock.ts'
import { History } from '../metadata/history.ts'

class Node {
  readonly clock = new FakeClock()
  readonly replica = new Replica(this.clock)
  readonly heard: string[] = []

  constructor() {
    this.replica.onChange(({ type }) => void this.heard.push(type))
  }

  apply(index: number, command: Command): void {
    this.replica.apply(index, command.type, Buffer.from(encodeCommand(command)))
  }
}

function lived(count: number, seed = 1): { node: Node; history: History } {
  const node = new Node()
  const history = new History(seed)
  for (let index = 1; index <= count; index++) node.apply(index, history.next(node.replica.image))
  return { node, history }
}

function transfer(from: Node, to: Node): { install: () => void } {
  const restoration = to.replica.restore()
  for (const piece of from.replica.capture()) restoration.take(piece)
  restoration.end()
  return restoration
}

test('a captured state is put into force at once, in place of the one before', () => {
  const { node, history } = lived(100)
  const other = lived(30, 2).node
  const before = renderImage(other.replica.image)
  const old = other.replica.image
  const restoration = transfer(node, other)
  assert.deepEqual(renderImage(other.replica.image), before, 'reading changes nothing')
  restoration.install()
  assert.deepEqual(renderImage(other.replica.image), renderImage(node.replica.image))
  assert.equal(other.replica.image.stateHash, node.replica.image.stateHash)
  assert.deepEqual(renderImage(old), before, 'who still reads the old one, reads the old one')
  for (let index = 101; index <= 200; index++) {
    const command = history.next(node.replica.image)
    for (const each of [node, other]) each.apply(index, command)
  }
  assert.equal(other.replica.image.stateHash, node.replica.image.stateHash)
})

test('the ring of changes begins anew where the state stands', () => {
  const { node } = lived(60)
  const other = lived(5, 2).node
  transfer(node, other).install()
  const { version } = node.replica.image
  assert.equal(other.replica.image.version, version)
  const ring = other.replica.ring
  assert.notEqual(ring, node.replica.ring)
  assert.deepEqual(ring.since(version), [])
  assert.equal(ring.since(version - 1), null, 'what led there is not known here')
})

test('who waits for a version hears that a state brought it', async () => {
  const { node } = lived(60)
  const other = new Node()
  const { version } = node.replica.image
  const reached: string[] = []
  void other.replica.reached(version, 1000).then(is => reached.push(`that: ${is}`))
  void other.replica.reached(version + 1, 1000).then(is => reached.push(`next: ${is}`))
  const restoration = transfer(node, other)
  await settle()
  assert.deepEqual(reached, [])
  restoration.install()
  await settle()
  assert.deepEqual(reached, ['that: true'])
  await other.clock.pass(1000)
  assert.deepEqual(reached, ['that: true', 'next: false'])
  assert.equal(other.clock.timers, 0)
})

test('a state that is not whole is told at its end, before anything rests on it', () => {
  const { node } = lived(60)
  const other = lived(5, 2).node
  const before = renderImage(other.replica.image)
  const restoration = other.replica.restore()
  const pieces = [...node.replica.capture()]
  assert.throws(() => restoration.end(), /the snapshot has an end/)
  for (const piece of pieces.slice(0, -1)) restoration.take(piece)
  assert.throws(() => restoration.end(), /the snapshot has an end/)
  assert.deepEqual(renderImage(other.replica.image), before)
  restoration.take(pieces.at(-1)!)
  restoration.end()
  restoration.install()
  assert.deepEqual(renderImage(other.replica.image), renderImage(node.replica.image))
})

test('a capture goes on over the old state when another one is put into force meanwhile', () => {
  const { node } = lived(60)
  const other = lived(40, 2).node
  const expected = renderImage(other.replica.image)
  const pieces = other.replica.capture()[Symbol.iterator]()
  const read: Uint8Array[] = [pieces.next().value!]
  transfer(node, other).install()
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) read.push(next.value)
  const third = new Node()
  const restoration = third.replica.restore()
  for (const piece of read) restoration.take(piece)
  restoration.install()
  assert.deepEqual(renderImage(third.replica.image), expected)
})

test('an empty state can be put into force', () => {
  const other = lived(20).node
  transfer(new Node(), other).install()
  assert.deepEqual(renderImage(other.replica.image), renderImage(new Image()))
})
