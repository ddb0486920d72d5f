import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllerStory } from '../../../src/server/metadata-events.ts'

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
