import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import type { Broker, BrokerStatus } from '../../../src/metadata/broker.ts'
import { type Change, changedCount, changedRowsOf, write } from '../../../src/metadata/change.ts'
import {
  brokerLeaves,
  brokerRemoved,
  changedPartitions,
  partitionLeft,
  partitionRemoved,
} from '../../../src/metadata/commands/partitions-of-broker.ts'
import type { Moment } from '../../../src/metadata/decision.ts'
import { Image } from '../../../src/metadata/image.ts'
import { Overlay } from '../../../src/metadata/overlay.ts'
import type { Partition } from '../../../src/metadata/partition-table.ts'
import { readImage } from '../../../src/metadata/render.ts'
import { History } from './history.ts'
import { Machine, plainBroker, viewOf } from './machine.ts'

const STATUSES: readonly BrokerStatus[] = ['ONLINE', 'DRAINING', 'SHUTTING_DOWN', 'OFFLINE']

/** The rows as changes leave them, by row. */
function rowsOf(image: Image, changes: readonly Change[]): Map<number, Partition> {
  const rows = [...changedRowsOf(changes, row => image.partition(row))]
  assert.equal(rows.length, changedCount(changes))
  const map = new Map(rows.sort(([a], [b]) => a - b))
  assert.equal(map.size, rows.length, 'no row changes twice')
  return map
}

type Way = {
  readonly name: string
  readonly fast: (image: Image) => Change[]
  readonly next: (image: Image) => (partition: Partition) => Partition
  /** Moves to the broker end with it, those that have not begun as well. */
  readonly endsMoves?: true
}

/** All that can happen to a broker, as the columns do it and as the rules for one partition say it. */
function* ways(image: Image, brokerId: number, moment: Moment): Generator<Way> {
  const before = image.broker(brokerId)
  yield {
    name: `removal of ${brokerId}`,
    endsMoves: true,
    fast: on => brokerRemoved(on, brokerId, moment),
    next: on => partitionRemoved(on, brokerId, moment),
  }
  if (before === undefined) return
  for (const status of STATUSES) {
    for (const lostData of [false, true]) {
      const broker: Broker = { ...before, status }
      yield {
        name: `broker ${brokerId} ${before.status} -> ${status}, data ${lostData ? 'lost' : 'kept'}`,
        fast: on => brokerLeaves(on, broker, lostData, moment),
        next: on => partitionLeft(on, broker, lostData, moment),
      }
    }
  }
}

/** Returns how many rows changed, and how many of them at once. */
function compare(image: Image, brokerIds: readonly number[]): { changed: number; atOnce: number } {
  const counts = { changed: 0, atOnce: 0 }
  const moment = { version: image.version + 1, time: image.time + 1 }
  for (const brokerId of brokerIds) {
    for (const { name, fast, next, endsMoves } of ways(image, brokerId, moment)) {
      const changes = fast(image)
      const rowsToChange = endsMoves ? rowsHeldOrWanted(image, brokerId) : image.rowsWithReplicaOn(brokerId)
      const expected = changedPartitions(image, rowsToChange, next(image))
      const [rows, wanted] = [rowsOf(image, changes), rowsOf(image, expected)]
      assert.deepEqual(rows, wanted, name)
      counts.changed += rows.size
      for (const change of changes)
        if (change.kind === 'partitionsChanged') counts.atOnce += change.changed.count
    }
  }
  return counts
}

function rowsHeldOrWanted(image: Image, brokerId: number): number[] {
  const rows = image.topicNames.flatMap(name => image.topic(name)!.rows)
  return rows.filter(row => {
    const { replicas, reassignment } = image.partition(row)
    return [...replicas, ...(reassignment?.target ?? [])].includes(brokerId)
  })
}

const COPIES = Number(process.env.DEPARTURE_SEEDS ?? 12)

test('columns and the rules for one partition come to the same, over random histories', () => {
  const total = { changed: 0, atOnce: 0 }
  for (let seed = 1; seed <= COPIES; seed++) {
    const machine = new Machine()
    const history = new History(seed)
    for (let i = 0; i < 150; i++) {
      machine.apply(history.next(machine.image))
      const { changed, atOnce } = compare(machine.image, [0, 1, 2, 3, 7])
      total.changed += changed
      total.atOnce += atOnce
    }
  }
  assert.ok(total.atOnce > 100 * COPIES, `${total.atOnce} rows changed at once`)
  assert.ok(total.changed > total.atOnce, 'rows that are being moved take the other way')
})

/** Any state that the columns can hold, be it one that no history leads to. */
function anyImage(chance: Chance): Image {
  const image = new Image()
  const machine = new Machine(image)
  for (const brokerId of [0, 1, 2, 3, 4]) {
    machine.accept(plainBroker(brokerId))
    image.putBroker({ ...image.broker(brokerId)!, status: chance.pick(STATUSES) })
  }
  for (let t = 0; t < 6; t++) {
    const id = `id ${t}`
    const config: Record<string, string> = {}
    if (chance.happens(0.7)) config['min.insync.replicas'] = String(chance.between(1, 4))
    if (chance.happens(0.4)) config['unclean.leader.election.enable'] = String(chance.happens(0.7))
    const times = { createdAt: chance.between(0, 2 ** 45), modifiedAt: chance.between(0, 2 ** 45) }
    const partitions = Array.from({ length: chance.between(1, 8) }, (_, p) => anyPartition(chance, id, p))
    image.addTopic({ name: `topic ${t}`, id, config, replicationFactor: 3, ...times }, partitions)
  }
  return image
}

function anyPartition(chance: Chance, topicId: string, id: number): Partition {
  const left = [0, 1, 2, 3, 4, 5]
  const replicas = Array.from(
    { length: chance.between(1, 5) },
    () => left.splice(chance.between(0, left.length - 1), 1)[0]!,
  )
  const mask = () => (chance.happens(0.3) ? 0 : chance.between(0, 2 ** replicas.length - 1))
  return {
    topicId,
    id,
    replicas,
    reassignment: null,
    leader: chance.pick([null, ...replicas, 0, 5]),
    lastKnownLeader: chance.pick([null, null, ...replicas, 0]),
    isr: mask(),
    elr: mask(),
    leaderEpoch: chance.between(0, 2 ** 30),
    partitionEpoch: chance.between(0, 2 ** 30),
    createdAt: chance.between(0, 2 ** 45),
    modifiedAt: chance.between(0, 2 ** 45),
  }
}

test('they come to the same from any state at all', () => {
  for (let seed = 1; seed <= 8 * COPIES; seed++) compare(anyImage(new Chance(seed)), [0, 1, 2, 3, 4, 5])
})

test('what was written at once is the image that the rows one by one lead to, state hash included', () => {
  for (let seed = 1; seed <= COPIES; seed++) {
    const [one, two] = [anyImage(new Chance(seed)), anyImage(new Chance(seed))]
    for (const brokerId of [1, 0, 3]) {
      const pin = one.capture()
      const moment = { version: one.version + 1, time: one.time + 1 }
      const broker: Broker = { ...one.broker(brokerId)!, status: 'OFFLINE' }
      const rows = two.rowsWithReplicaOn(brokerId)
      const single = changedPartitions(two, rows, partitionLeft(two, broker, brokerId === 3, moment))
      for (const change of brokerLeaves(one, broker, brokerId === 3, moment)) write(one, change)
      for (const change of single) write(two, change)
      assert.deepEqual(viewOf(one), viewOf(two))
      one.release(pin)
    }
    const copy = new Image()
    readImage(copy, viewOf(one))
    assert.equal(copy.stateHash, one.stateHash)
  }
})

test('a second loss that is only planned sees what the first would leave', () => {
  for (let seed = 1; seed <= COPIES; seed++) {
    const [planned, done] = [anyImage(new Chance(seed)), anyImage(new Chance(seed))]
    const overlay = new Overlay(planned)
    const moment = { version: planned.version + 1, time: planned.time + 1 }
    for (const brokerId of [1, 2, 0, 4]) {
      const broker: Broker = { ...done.broker(brokerId)!, status: 'OFFLINE' }
      const changes = brokerLeaves(overlay.image, broker, false, moment)
      const real = brokerLeaves(done, broker, false, moment)
      assert.deepEqual(rowsOf(overlay.image, changes), rowsOf(done, real))
      overlay.lay([{ kind: 'brokerSet', broker }, ...changes])
      done.putBroker(broker)
      for (const change of real) write(done, change)
    }
    for (const name of done.topicNames)
      assert.deepEqual(overlay.image.partitionsOf(planned.topic(name)!), done.partitionsOf(done.topic(name)!))
  }
})
