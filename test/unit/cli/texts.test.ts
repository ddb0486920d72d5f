import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingsText } from '../../../src/cli/commands/explain.ts'
import { quorumText } from '../../../src/cli/commands/quorum.ts'
import type { QuorumView } from '../../../src/cli/quorum-read.ts'

const START = 'start broker 1, or look why its heartbeats do not arrive'

test('what can be done is said once, however many findings lead to it', () => {
  const away = { what: 'broker 1 is OFFLINE', remedy: START, because: [] }
  const text = findingsText([
    { what: 'orders-0 is not in sync', because: [away] },
    { what: 'orders-1 is not in sync', because: [away] },
    { what: 'orders-2 waits', remedy: 'wait', because: [] },
  ])
  assert.deepEqual(text.split('\n'), [
    'orders-0 is not in sync',
    '  because broker 1 is OFFLINE',
    `    to do: ${START}`,
    'orders-1 is not in sync',
    '  because broker 1 is OFFLINE',
    'orders-2 waits',
    '  to do: wait',
  ])
})

const MEMBERS = [
  { id: 1, uuid: 'a', matchIndex: 7, lag: 0, lastContactMs: 0 },
  { id: 2, uuid: 'b', matchIndex: 5, lag: 2, lastContactMs: 4_000 },
  { id: 3, uuid: 'c', matchIndex: null, lag: null, lastContactMs: 9_000 },
  { id: 4, uuid: 'd', matchIndex: null, lag: null, lastContactMs: 5 },
]

test('a voter that is silent is not called a follower, and of one that has told nothing nothing is told', () => {
  const view: QuorumView = {
    nodeId: 1,
    directoryUuid: 'a',
    role: 'LEADER',
    term: 3,
    leaderId: 1,
    clusterId: 'one',
    commitIndex: 1,
    lastLogIndex: 1,
    changing: false,
    voters: MEMBERS,
    learners: [{ id: 5, uuid: 'e', matchIndex: 0, lag: 7, lastContactMs: 5_000 }],
    awaited: [],
  }
  const lines = quorumText(view)
    .split('\n')
    .map(line => line.trim().replaceAll(/ {2,}/g, ' | '))
  assert.ok(lines.includes('committed | 1 of 1 entry'))
  assert.deepEqual(lines.slice(-5), [
    '1 | LEADER | 7 | 0 | 0 | a',
    '2 | UNREACHABLE | 5 | 2 | 4000 | b',
    '3 | UNREACHABLE | - | - | - | c',
    '4 | FOLLOWER | - | - | - | d',
    '5 | LEARNER, UNREACHABLE | 0 | 7 | 5000 | e',
  ])
})
