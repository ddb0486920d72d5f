import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beginWith } from '../../../src/controller/first-levels.ts'
import { Stage } from './stage.ts'

const LEVELS = { 'metadata.version': 2 }
const levelOf = ({ replica: { image } }: Stage) => image.cluster.features['metadata.version']
const begin = ({ proposer }: Stage, applied: number) =>
  beginWith(LEVELS, { consensus: { applied }, proposer })

test('a cluster that was founded just now begins with the levels that its first controller is told', async () => {
  const stage = new Stage()
  await begin(stage, 2)
  assert.deepEqual([levelOf(stage), stage.log], [2, ['UpdateFeaturesCommand']])
})

test('a later controller leaves them to an operator: an earlier release may have founded the cluster', async () => {
  const stage = new Stage()
  await begin(stage, 3)
  assert.deepEqual([levelOf(stage), stage.log], [1, []])
})

test('a controller that is none any more raises nothing', async () => {
  const stage = new Stage()
  stage.proposer.end()
  await begin(stage, 2)
  assert.deepEqual([levelOf(stage), stage.log], [1, []])
})
