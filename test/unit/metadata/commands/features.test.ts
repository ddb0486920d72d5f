import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeCommand, encodeCommand } from '../../../../src/metadata/command.ts'
import { FEATURES } from '../../../../src/metadata/features.ts'
import { IdempotencyKeys } from '../../../../src/metadata/idempotency.ts'
import { Image } from '../../../../src/metadata/image.ts'
import { preview } from '../../../../src/metadata/metadata.ts'
import { readImage, renderImage } from '../../../../src/metadata/render.ts'
import { SnapshotReader, writeSnapshot } from '../../../../src/metadata/snapshot.ts'
import { type Intent, Machine, raised, viewOf } from '../machine.ts'

const rebalance = (wanted: boolean): Intent => ({ type: 'RebalanceCommand', wanted })

function refused(machine: Machine, intent: Intent): string {
  const { stateHash, version } = machine.image
  const applied = machine.apply(intent)
  assert('rejected' in applied, JSON.stringify(applied))
  assert.equal(applied.rejected, 'FEATURE_UPDATE_FAILED')
  assert.deepEqual([machine.image.stateHash, machine.image.version], [stateHash, version])
  return applied.message
}

/** Such a command never gets into a log that this release reads: it is refused before. */
function why({ image }: Machine, levels: Record<string, number>): string {
  const decided = preview(image, { type: 'UpdateFeaturesCommand', time: 1, levels })
  assert('rejected' in decided && decided.rejected === 'FEATURE_UPDATE_FAILED', JSON.stringify(decided))
  return decided.message
}

describe('the level of a feature', () => {
  test('is the first until it is raised', () => {
    const machine = new Machine()
    assert.equal(machine.image.cluster.features['metadata.version'], 1)
    machine.accept(raised(2))
    assert.equal(machine.image.cluster.features['metadata.version'], 2)
  })

  test('stays when it is raised to where it is', () => {
    const machine = new Machine()
    assert.deepEqual(machine.apply(raised(1)), { changes: [] })
    machine.accept(raised(2))
    assert.deepEqual(machine.apply(raised(2)), { changes: [] })
  })

  test('never goes down', () => {
    const machine = new Machine()
    machine.accept(raised(2))
    assert.match(refused(machine, raised(1)), /at level 2 and never goes down/)
  })

  test('is refused with a name or beyond a range that this release does not know, all or none', () => {
    const machine = new Machine()
    const beyond = why(machine, { 'metadata.version': 5 })
    assert.match(beyond, /metadata.version 5 was given, this release supports 1 to 4/)
    assert.match(why(machine, { 'metadata.version': 2, toString: 1 }), /"toString" is not known/)
  })
})

test('a release that cannot do what is in force reads neither the entry nor a snapshot', () => {
  const beyond = FEATURES['metadata.version'].max + 1
  const command = { ...raised(beyond), time: 1 } as Parameters<typeof encodeCommand>[0]
  assert.equal(decodeCommand('UpdateFeaturesCommand', encodeCommand(command)), null)
  assert.equal(decodeCommand('UpdateFeaturesCommand', '{"time":1,"levels":{"of tomorrow":1}}'), null)

  const newer = new Image()
  newer.putCluster({ features: { 'metadata.version': beyond }, rebalance: null })
  newer.advance(1, 1)
  const reader = new SnapshotReader()
  assert.throws(() => {
    for (const piece of writeSnapshot(newer, new IdempotencyKeys())) reader.take(piece)
  }, /the snapshot is at levels .* Start the release that wrote it, or a later one/)
  assert.throws(() => readImage(new Image(), renderImage(newer)), /upgrade this node/)
})

test('levels and a rebalance are part of hash, snapshot and view; where they are the first, of none', () => {
  const machine = new Machine().withBrokers(1)
  const first = machine.image.stateHash
  assert.doesNotMatch(headOf(machine.image), /"cluster"/)
  machine.accept(raised(2))
  const atTwo = machine.image.stateHash
  machine.accept({ ...rebalance(true), time: 77_000 })
  assert.equal(new Set([first, atTwo, machine.image.stateHash]).size, 3)
  assert.deepEqual(machine.image.cluster.rebalance, { since: 77_000 })

  const reader = new SnapshotReader()
  for (const piece of writeSnapshot(machine.image, new IdempotencyKeys())) reader.take(piece)
  const copy = new Image()
  readImage(copy, viewOf(machine.image))
  for (const image of [reader.finish().image, copy])
    assert.deepEqual([image.cluster, image.stateHash], [machine.image.cluster, machine.image.stateHash])
})

function headOf(image: Image): string {
  const [head] = writeSnapshot(image, new IdempotencyKeys())
  return Buffer.from(head!).toString()
}

describe('a rebalance', () => {
  test('is not kept before level 2', () => {
    assert.match(refused(new Machine(), rebalance(true)), /from metadata.version 2 on, it is 1/)
  })

  test('begins once, and ends', () => {
    const machine = new Machine()
    machine.accept(raised(2))
    assert.deepEqual(machine.apply(rebalance(false)), { changes: [] })
    machine.accept({ ...rebalance(true), time: 50_000 })
    assert.deepEqual(machine.apply({ ...rebalance(true), time: 60_000 }), { changes: [] })
    assert.deepEqual(machine.image.cluster.rebalance, { since: 50_000 })
    machine.accept(rebalance(false))
    assert.equal(machine.image.cluster.rebalance, null)
  })
})
