import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beginWith } from '../../../src/controller/first-levels.ts'
import { Stage } from './stage.ts'

const levelOf = ({ replica: { image } }: Stage) => image.cluster.features['metadata.version']

test('a new cluster begins with the levels that its first controller is told', async () => {
  const stage = new Stage()
  await beginWith({ 'metadata.version': 2 }, stage)
  assert.deepEqual([levelOf(stage), stage.log], [2, ['UpdateFeaturesCommand']])
})

test('in a cluster that lives they are for an operator to raise', async () => {
  const stage = await new Stage().withBrokers(1)
  const { version } = stage.replica.image
  await beginWith({ 'metadata.version': 2 }, stage)
  assert.deepEqual([levelOf(stage), stage.replica.image.version], [1, version])
})

test('a controller that is none any more leaves it to the next one', async () => {
  const stage = new Stage()
  stage.proposer.end()
  await beginWith({ 'metadata.version': 2 }, stage)
  assert.deepEqual([levelOf(stage), stage.log], [1, []])
})
