import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../src/metadata/command.ts'
import { Image } from '../../../src/metadata/image.ts'
import { apply } from '../../../src/metadata/metadata.ts'
import { PinnedImage } from '../../../src/metadata/pinned-image.ts'
import { renderImage, renderPartition, renderTopicRow } from '../../../src/metadata/render.ts'
import { History } from './history.ts'

/** What is pinned, as the image renders it; who is alive is left out, which the pinned image does not know. */
function contentOf({ version, time, stateHash, brokers, topics, partition }: Content) {
  const known = new Image()
  const views = topics.slice(0, topics.length).map(topic => ({
    ...renderTopicRow(topic),
    partitions: topic.rows.map(row => ({ ...renderPartition(known, partition(row)), offlineReplicas: null })),
  }))
  return {
    ...{ version, time, stateHash },
    brokers: brokers.toSorted((a, b) => a.brokerId - b.brokerId),
    topics: views.toSorted((a, b) => (a.topicName < b.topicName ? -1 : 1)),
  }
}

type Content = Pick<PinnedImage, 'version' | 'time' | 'stateHash' | 'brokers' | 'topics' | 'partition'>

const pinnedContent = (pinned: PinnedImage) => {
  const { version, time, stateHash, brokers, topics } = pinned
  return contentOf({ version, time, stateHash, brokers, topics, partition: row => pinned.partition(row) })
}

const imageContent = (image: Image) => {
  const { version, time, stateHash } = image
  const topics = image.topicNames.map(name => image.topic(name)!)
  return contentOf({
    ...{ version, time, stateHash, topics },
    brokers: image.brokers(),
    partition: row => image.partition(row),
  })
}

test('a pinned image stays as it was while the image goes on, and so does each of several', () => {
  const image = new Image()
  const history = new History(1)
  let index = 0
  const live = (count: number): void => {
    for (let i = 0; i < count; i++) apply(image, history.next(image) as Command, ++index)
  }
  const pins: { pinned: PinnedImage; was: unknown }[] = []
  for (let round = 0; round < 30; round++) {
    live(20)
    pins.push({ pinned: new PinnedImage(image), was: imageContent(image) })
    // The oldest of three is released while the others are read.
    if (pins.length > 3) pins.shift()!.pinned.release()
    live(20)
    for (const { pinned, was } of pins) assert.deepEqual(pinnedContent(pinned), was)
  }
  for (const { pinned } of pins) pinned.release()
  const captured = image.capture()
  assert.ok(
    captured.table.pages.every(({ page }) => page.pins === 1),
    'all were released',
  )
  assert.equal(renderImage(image).version, image.version)
})
