import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chance } from '../../../simulator/chance.ts'
import { COMMAND_TYPES, type CommandType } from '../../../src/metadata/command.ts'
import { Image } from '../../../src/metadata/image.ts'
import { type Applied, apply } from '../../../src/metadata/metadata.ts'
import { readImage, renderImage } from '../../../src/metadata/render.ts'
import { History } from './history.ts'
import { overTheWire, viewOf } from './machine.ts'

/**
 * The same commands in the same order give the same image on every node, however the node came by them. Replay one run:
 *
 *     SEED=17 node --test test/unit/metadata/determinism.test.ts
 */
const SEED = process.env.SEED === undefined ? null : Number(process.env.SEED)
const RUNS = Number(process.env.RUNS ?? 30)
const SEEDS = SEED === null ? Array.from({ length: RUNS }, (_, i) => i + 1) : [SEED]
const COMMANDS = 200
/** Every command type is accepted, rejected where it can be, and found to change nothing where it can be, this often. */
const LEAST = 5
const ALWAYS_CHANGES: readonly CommandType[] = [
  'CreatePartitionsCommand',
  'CreateTopicCommand',
  'DeleteTopicCommand',
  'UnregisterBrokerCommand',
]
/** What parts of commands are rejected for. */
const WAYS = [
  'AlterReplicasCommand INELIGIBLE_REPLICA',
  'AlterReplicasCommand INVALID_REPLICA_ASSIGNMENT',
  'AlterReplicasCommand INVALID_REQUEST',
  'AlterReplicasCommand INVALID_UPDATE_VERSION',
  'AlterReplicasCommand NOT_ENOUGH_BROKERS',
  'AlterReplicasCommand NO_REASSIGNMENT_IN_PROGRESS',
  'AlterReplicasCommand REASSIGNMENT_IN_PROGRESS',
  'AlterReplicasCommand UNKNOWN_TOPIC',
  'AlterReplicasCommand UNKNOWN_TOPIC_ID',
  'ElectLeadersCommand ELECTION_NOT_NEEDED',
  'ElectLeadersCommand ELIGIBLE_LEADERS_NOT_AVAILABLE',
  'ElectLeadersCommand PREFERRED_LEADER_NOT_AVAILABLE',
  'ElectLeadersCommand UNKNOWN_PARTITION',
  'UpdateISRCommand FENCED_LEADER_EPOCH',
  'UpdateISRCommand INELIGIBLE_REPLICA',
  'UpdateISRCommand INVALID_REQUEST',
  'UpdateISRCommand INVALID_UPDATE_VERSION',
  'UpdateISRCommand NOT_CONTROLLER',
  'UpdateISRCommand UNKNOWN_TOPIC_ID',
]
const seen = new Map<string, number>()

test('nodes that apply the same log agree at every index', () => {
  eachSeed(seed => {
    const history = new History(seed)
    const [one, two] = [new Image(), new Image()]
    for (let index = 1; index <= COMMANDS; index++) {
      const command = history.next(one)
      const applied = apply(one, command, index)
      count(command.type, applied)
      assert.deepEqual(apply(two, overTheWire(command), index), applied, `index ${index}`)
      assertSame(two, one, index)
    }
  })
})

test('the histories reach every command type in every way', () => {
  if (SEED !== null) return
  // A note of a rejection is never accepted; idempotency.test.ts has it.
  for (const type of COMMAND_TYPES.filter(type => type !== 'NoteRejectionCommand')) {
    assert((seen.get(`${type} accepted`) ?? 0) >= LEAST, `${type} accepted`)
    if (!ALWAYS_CHANGES.includes(type)) assert((seen.get(`${type} ignored`) ?? 0) >= LEAST, `${type} ignored`)
    // A registration is never wrong for the image: what could be wrong with it is checked at the door.
    if (type !== 'RegisterBrokerCommand')
      assert((seen.get(`${type} rejected`) ?? 0) >= LEAST, `${type} rejected`)
  }
  for (const way of WAYS) assert((seen.get(way) ?? 0) > 0, way)
  assert.equal(seen.get('INTERNAL'), undefined, 'no decision failed by a bug')
})

test('a node that replays only the accepted commands agrees, version and time included', () => {
  eachSeed(seed => {
    const history = new History(seed)
    const [whole, accepted] = [new Image(), new Image()]
    for (let index = 1; index <= COMMANDS; index++) {
      const command = history.next(whole)
      const applied = apply(whole, command, index)
      if ('changes' in applied && applied.changes.length > 0) apply(accepted, overTheWire(command), index)
      assertSame(accepted, whole, index)
    }
  })
})

test('a node that starts from a snapshot agrees with the others from there on, in what it rejects too', () => {
  eachSeed(seed => {
    const history = new History(seed)
    const chance = new Chance(seed)
    const old = new Image()
    let young = new Image()
    for (let index = 1; index <= COMMANDS; index++) {
      const command = history.next(old)
      const here = apply(old, command, index)
      const there = apply(young, overTheWire(command), index)
      // What was accepted names rows, which every node numbers in its own way.
      if ('rejected' in here) assert.deepEqual(there, here, `index ${index}`)
      else assert.equal('changes' in there && there.changes.length, here.changes.length, `index ${index}`)
      assertSame(young, old, index)
      assert.deepEqual(movesOf(young), movesOf(old))
      if (chance.happens(0.1)) young = fromSnapshot(old)
    }
  })
})

test('what was rejected or ignored has changed nothing', () => {
  eachSeed(seed => {
    const history = new History(seed)
    const image = new Image()
    for (let index = 1; index <= COMMANDS; index++) {
      const before = renderImage(image)
      const applied = apply(image, history.next(image), index)
      if ('changes' in applied && applied.changes.length > 0) continue
      assert.deepEqual(renderImage(image), before, `index ${index}`)
    }
  })
})

test('versions are the indices of accepted commands, and times never run back', () => {
  eachSeed(seed => {
    const history = new History(seed)
    const image = new Image()
    for (let index = 1; index <= COMMANDS; index++) {
      const { version, time } = image
      const command = history.next(image)
      const applied = apply(image, command, index)
      const accepted = 'changes' in applied && applied.changes.length > 0
      assert.equal(image.version, accepted ? index : version)
      assert.equal(image.time, accepted ? Math.max(time, command.time) : time)
    }
  })
})

test('the hash kept along the way is the hash computed from scratch', () => {
  eachSeed(seed => {
    const history = new History(seed)
    const image = new Image()
    for (let index = 1; index <= COMMANDS; index++) {
      apply(image, history.next(image), index)
      if (index % 5 === 0) assert.equal(fromSnapshot(image).stateHash, image.stateHash, `index ${index}`)
    }
  })
})

test('two images have the same hash exactly when they hold the same rows', () => {
  const hashOf = new Map<string, string>()
  const contentOf = new Map<string, string>()
  eachSeed(seed => {
    const history = new History(seed)
    const image = new Image()
    for (let index = 1; index <= COMMANDS; index++) {
      apply(image, history.next(image), index)
      const { cluster, brokers, topics } = renderImage(image)
      const content = JSON.stringify({ cluster, brokers, topics })
      assert.equal(hashOf.get(content) ?? image.stateHash, image.stateHash)
      assert.equal(contentOf.get(image.stateHash) ?? content, content)
      hashOf.set(content, image.stateHash)
      contentOf.set(image.stateHash, content)
    }
  })
  assert(contentOf.size > SEEDS.length * COMMANDS * 0.3, 'the images differed')
})

test('an empty image has the hash of nothing, again after everything is gone', () => {
  eachSeed(seed => {
    const history = new History(seed)
    const image = new Image()
    let index = 0
    while (index < 60) apply(image, history.next(image), ++index)
    for (const topicName of [...image.topicNames])
      apply(image, { type: 'DeleteTopicCommand', time: 0, topicName }, ++index)
    for (const { brokerId } of image.brokers())
      apply(image, { type: 'UnregisterBrokerCommand', time: 0, brokerId, force: false }, ++index)
    const nothing = new Image()
    nothing.putCluster(image.cluster)
    assert.deepEqual([image.stateHash, image.partitionCount], [nothing.stateHash, 0])
    assert.equal(new Image().stateHash, '0000000000000000')
  })
})

function assertSame(image: Image, expected: Image, index: number): void {
  const { stateHash, version, time } = expected
  assert.deepEqual(
    { stateHash: image.stateHash, version: image.version, time: image.time },
    { stateHash, version, time },
    `index ${index}`,
  )
}

function movesOf(image: Image) {
  return image
    .reassignments()
    .map(({ topic, partition }) => [topic.name, partition.id, partition.reassignment])
}

function fromSnapshot(image: Image): Image {
  const copy = new Image()
  readImage(copy, viewOf(image))
  return copy
}

function count(type: CommandType, applied: Applied): void {
  const outcome = 'rejected' in applied ? 'rejected' : applied.changes.length > 0 ? 'accepted' : 'ignored'
  const parts = 'rejected' in applied ? [applied] : (applied.results ?? []).filter(part => part !== null)
  const keys = new Set([`${type} ${outcome}`, ...(parts.length > 0 ? [`${type} rejected`] : [])])
  for (const { rejected } of parts) keys.add(rejected === 'INTERNAL' ? rejected : `${type} ${rejected}`)
  for (const key of keys) seen.set(key, (seen.get(key) ?? 0) + 1)
}

function eachSeed(run: (seed: number) => void): void {
  for (const seed of SEEDS) {
    try {
      run(seed)
    } catch (error) {
      throw new Error(`replay with: SEED=${seed} node --test test/unit/metadata/determinism.test.ts`, {
        cause: error,
      })
    }
  }
}
