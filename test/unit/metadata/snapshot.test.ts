import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { IdempotencyKeys } from '../../../src/metadata/idempotency.ts'
import { Image } from '../../../src/metadata/image.ts'
import { apply } from '../../../src/metadata/metadata.ts'
import { PAGE_ROWS } from '../../../src/metadata/partition-page.ts'
import { renderImage } from '../../../src/metadata/render.ts'
import { SnapshotReader, writeSnapshot } from '../../../src/metadata/snapshot.ts'
import { History } from './history.ts'
import { Machine } from './machine.ts'

/** Snapshots of the image, written while it changes. Replay one run: SEED=17 node --test .../snapshot.test.ts */
const SEEDS =
  process.env.SEED === undefined ? Array.from({ length: 25 }, (_, i) => i + 1) : [Number(process.env.SEED)]

/** Everything that there is to know of an image, in a form that can be compared. */
function contentOf(image: Image) {
  const { version, time, stateHash, partitionCount } = image
  const rows = image.topicNames.map(name => [
    name,
    image.topic(name)!.rows,
    image.topicById(image.topic(name)!.id)?.name,
  ])
  const like = image.topicNames.map(name => image.topicLike(name))
  const brokers = image.brokers().map(({ brokerId }) => [brokerId, image.rowsWithReplicaOn(brokerId)])
  const counts = [...image.replicaCounts()].sort(([a], [b]) => a - b)
  const moves = image.reassignments().map(({ topic, partition }) => [topic.name, partition])
  const view = renderImage(image)
  return { version, time, stateHash, partitionCount, rows, like, brokers, counts, moves, view }
}

function read(pieces: Iterable<Uint8Array>): Image {
  const reader = new SnapshotReader()
  for (const piece of pieces) reader.take(piece)
  return reader.finish().image
}

const NO_KEYS = new IdempotencyKeys()

/** Each list that partitions use, with how many do; and the free rows. */
function tableOf(image: Image) {
  const captured = image.capture()
  image.release(captured)
  const { free, rows, lists } = captured.table
  return { free, rows, lists: lists.map(held => (held === null ? null : [held[0].join(), held[1]])) }
}

function assertUsesCounted(image: Image): void {
  const used = new Map<string, number>()
  for (const name of image.topicNames) {
    for (const { replicas } of image.partitionsOf(image.topic(name)!))
      used.set(replicas.join(), (used.get(replicas.join()) ?? 0) + 1)
  }
  const counted = tableOf(image).lists.filter(held => held !== null)
  assert.deepEqual(new Map(counted as [string, number][]), used)
}

test('a snapshot that is written while commands are applied is the image as it was at the beginning', () => {
  let commandsMeanwhile = 0
  for (const seed of SEEDS) {
    const chance = new Chance(seed)
    const history = new History(seed)
    const image = new Image()
    let index = 0
    const applySome = (count: number): void => {
      for (let i = 0; i < count; i++) {
        index += 1
        apply(image, history.next(image), index)
      }
    }
    applySome(chance.between(0, 120))
    for (let round = 0; round < 4; round++) {
      const expected = contentOf(image)
      const table = tableOf(image)
      const pieces: Uint8Array[] = []
      const written = writeSnapshot(image, NO_KEYS)
      applySome(chance.between(0, 20))
      for (const piece of written) {
        pieces.push(piece)
        const count = chance.between(0, 15)
        commandsMeanwhile += count
        applySome(count)
      }
      const copy = read(pieces)
      assert.deepEqual(contentOf(copy), expected, `seed ${seed}`)
      assert.deepEqual(tableOf(copy), table, `seed ${seed}`)
      assertUsesCounted(copy)
      assertUsesCounted(image)
      applySome(20)
    }
  }
  assert.ok(commandsMeanwhile > 100)
})

test('an image that was read goes on as the one that was written', () => {
  for (const seed of SEEDS) {
    const history = new History(seed)
    const image = new Image()
    for (let index = 1; index <= 100; index++) apply(image, history.next(image), index)
    const copy = read(writeSnapshot(image, NO_KEYS))
    for (let index = 101; index <= 250; index++) {
      const command = history.next(image)
      assert.deepEqual(
        apply(copy, command, index),
        apply(image, command, index),
        `seed ${seed}, index ${index}`,
      )
    }
    assert.deepEqual(contentOf(copy), contentOf(image))
    assertUsesCounted(copy)
  }
})

/** More than a page of partitions, and more topics than fit in a piece. */
function large(): Machine {
  const machine = new Machine().withBrokers(1, 2, 3)
  const assignments = Array.from(
    { length: 1500 },
    (_, i) =>
      [
        [1, 2, 3],
        [2, 3, 1],
        [3, 1, 2],
      ][i % 3]!,
  )
  for (const name of ['a', 'b', 'c', 'd']) machine.withTopic(name, assignments)
  for (let i = 0; i < 600; i++) machine.withTopic(`small-${i}`, [[1 + (i % 3)]])
  return machine
}

test('of a large image, each piece is small, and what changes meanwhile does not show', () => {
  const machine = large()
  const { image } = machine
  const expected = contentOf(image)
  const pieces: Uint8Array[] = []
  let broker = 0
  for (const piece of writeSnapshot(image, NO_KEYS)) {
    pieces.push(piece)
    machine.setStatus(1 + broker, image.broker(1 + broker)!.status === 'ONLINE' ? 'OFFLINE' : 'ONLINE')
    broker = (broker + 1) % 3
    if (pieces.length === 1) machine.accept({ type: 'DeleteTopicCommand', topicName: 'b' })
    if (pieces.length === 2)
      machine.withTopic(
        'e',
        Array.from({ length: 1600 }, () => [3, 1]),
      )
  }
  assert.notEqual(image.stateHash, expected.stateHash)
  assert.ok(pieces.length > 5 && pieces.every(({ length }) => length <= 1 + PAGE_ROWS * 48))
  assert.deepEqual(contentOf(read(pieces)), expected)
  const again = read(writeSnapshot(image, NO_KEYS))
  assert.deepEqual(contentOf(again), contentOf(image))
})

test('rows that are scattered are told one by one', () => {
  const machine = new Machine().withBrokers(1, 2)
  for (const name of ['a', 'b', 'c']) machine.withTopic(name, [[1], [2]])
  machine.accept({ type: 'DeleteTopicCommand', topicName: 'b' })
  machine.accept({ type: 'DeleteTopicCommand', topicName: 'a' })
  machine.withTopic(
    'd',
    [[1], [2], [1, 2], [2, 1], [1]].map(([first]) => [first!]),
  )
  const copy = read(writeSnapshot(machine.image, NO_KEYS))
  assert.deepEqual(copy.topic('d')!.rows, machine.image.topic('d')!.rows)
  assert.deepEqual(contentOf(copy), contentOf(machine.image))
})

test('an empty image is a snapshot too', () => {
  assert.deepEqual(contentOf(read(writeSnapshot(new Image(), NO_KEYS))), contentOf(new Image()))
})

test('one that is given up releases the image: nothing is copied any more', () => {
  const { image } = large()
  for (const _ of writeSnapshot(image, NO_KEYS)) break
  const captured = image.capture()
  image.release(captured)
  assert.ok(captured.table.pages.every(({ page }) => page.pins === 0))
  const pieces = writeSnapshot(image, NO_KEYS)[Symbol.iterator]()
  pieces.next()
  assert.ok(captured.table.pages.every(({ page }) => page.pins === 1))
  while (pieces.next().done !== true);
  assert.ok(captured.table.pages.every(({ page }) => page.pins === 0))
})

const json = (kind: number, value: unknown): Uint8Array =>
  Buffer.concat([Buffer.from([kind]), Buffer.from(JSON.stringify(value))])
const parsed = (piece: Uint8Array) => JSON.parse(Buffer.from(piece.subarray(1)).toString())

function refused(pieces: readonly Uint8Array[], why: RegExp): void {
  assert.throws(() => read(pieces), why)
}

test('pieces that do not fit together are refused', () => {
  const machine = new Machine()
    .withBrokers(1, 2)
    .withTopic('a', [
      [1, 2],
      [2, 1],
    ])
    .withTopic('b', [[1]])
  const pieces = [...writeSnapshot(machine.image, NO_KEYS)]
  const [head, page, topics, names, end] = pieces as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  assert.deepEqual(
    pieces.map(([kind]) => kind),
    [1, 2, 3, 4, 6],
  )
  read(pieces)
  refused(pieces.slice(0, -1), /the snapshot has an end/)
  refused([...pieces, names], /nothing follows the end/)
  refused([...pieces, end], /nothing follows the end/)
  refused([head, page, names, end], /all topics are there/)
  refused([head, page, topics, end], /all topics are there/)
  refused([head, page, topics, topics, names, end], /all topics are there/)
  refused([head, page, topics, names, json(6, { topics: 1 })], /all topics are there/)
  refused([head, topics, names, end], /./)
  refused([head, head, page, topics, names, end], /only an empty table is filled/)
  refused([page, topics, names, end], /./)
  refused([head, page.subarray(0, -1), topics, names, end], /a page has all its columns/)
  refused([head, Buffer.concat([page, Buffer.alloc(1)]), topics, names, end], /a page has all its columns/)
  refused([head, page, topics.subarray(0, -1), names, end], /./)
  const lost = parsed(topics).slice(1)
  refused([head, page, json(3, lost), json(4, ['b']), json(6, { topics: 1 })], /state hash/)
})

test('a changed column, broker or topic does not fit the state hash', () => {
  const machine = new Machine().withBrokers(1, 2).withTopic('a', [
    [1, 2],
    [2, 1],
  ])
  const [head, page, topics, names, end] = [...writeSnapshot(machine.image, NO_KEYS)] as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  for (let column = 0; column < 8; column++) {
    const changed = Buffer.from(page)
    changed[1 + column * 2 * 4]! ^= 1
    refused([head, changed, topics, names, end], /./)
  }
  const { brokers, stateHash, ...rest } = parsed(head)
  refused(
    [json(1, { ...rest, stateHash, brokers: brokers.slice(1) }), page, topics, names, end],
    /state hash/,
  )
  refused([json(1, { ...rest, brokers, stateHash: '00' }), page, topics, names, end], /state hash/)
  const [topic] = parsed(topics)
  refused([head, page, json(3, [{ ...topic, modifiedAt: 1 }]), names, end], /state hash/)
  refused([head, page, json(3, [{ ...topic, rows: { from: 0, count: 1 } }]), names, end], /state hash/)
  refused([head, page, json(3, [{ ...topic, rows: { from: 1, count: 2 } }]), names, end], /row 2 holds/)
})

test('formats and pieces that this release does not know are refused by name', () => {
  const [head, ...rest] = [...writeSnapshot(new Machine().withBrokers(1).image, NO_KEYS)]
  const later = json(1, { ...parsed(head!), format: 4 })
  refused(
    [later, ...rest],
    /metadata of format 4, this release reads format 3\. Start the release that wrote it/,
  )
  refused([head!, json(9, {})], /a piece of kind 9, which this release does not know/)
  refused([Buffer.alloc(0)], /a piece of kind undefined/)
})
