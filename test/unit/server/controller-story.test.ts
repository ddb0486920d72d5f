import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tell } from '../../../src/controller/story.ts'
import { controllerStory } from '../../../src/server/metadata-events.ts'
import { Told } from '../controller/told.ts'
import { brokerProcess } from '../metadata/machine.ts'

test('the log counts in the singular and the plural', () => {
  const lines: string[] = []
  const story = controllerStory((_level, _event, text) => void lines.push(text))
  for (const partitions of [1, 2]) {
    story.leadersElected({ electionType: 'PREFERRED', partitions })
    story.replicasAltered({ cause: 'MANUAL', partitions })
    story.isrChanged({ leader: 7, partitions })
    story.topicCreated({ topic: 't', partitions, replicationFactor: partitions })
    story.brokerStatus({ brokerId: 7, status: 'OFFLINE', reason: 'it stopped', partitionsMoved: partitions })
  }
  assert.deepEqual(lines, [
    '1 partition has a new leader (preferred election)',
    'the replicas of 1 partition move (manual)',
    'broker 7 changed the ISR of 1 partition that it leads',
    'topic t created: 1 partition, 1 replica each',
    'broker 7 is OFFLINE: it stopped; 1 partition changed with it',
    '2 partitions have a new leader (preferred election)',
    'the replicas of 2 partitions move (manual)',
    'broker 7 changed the ISR of 2 partitions that it leads',
    'topic t created: 2 partitions, 2 replicas each',
    'broker 7 is OFFLINE: it stopped; 2 partitions changed with it',
  ])
})

test('a process that amends what it says of itself is not logged as registered', () => {
  const lines: string[] = []
  const story = controllerStory((_level, event, text) => void lines.push(`${event}: ${text}`))
  const told = new Told()
  told.replica.onChange((command, changes) => tell(story, told.image, command, changes))
  const process = brokerProcess(4, 'first')
  told.accept(process)
  const epoch = told.image.broker(4)!.brokerEpoch
  told.accept({ ...process, pairedMetadataServiceId: 2 })
  told.accept({ ...process, pairedMetadataServiceId: 2, incarnationId: 'second' })
  assert.deepEqual(lines, [
    `broker.registered: broker 4 registered at localhost:9004, epoch ${epoch}`,
    `broker.amended: broker 4 goes on in epoch ${epoch}, paired with metadata node 2`,
    `broker.registered: broker 4 registered at localhost:9004, epoch ${told.image.broker(4)!.brokerEpoch}`,
  ])
})
