import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Leadership } from '../../../src/consensus/consensus.ts'
import { leadershipStory } from '../../../src/server/metadata-events.ts'

/** The lines of these changes: how important, and what. */
function told(...changes: Leadership[]): string[] {
  const lines: string[] = []
  const tell = leadershipStory((level, event, text) => void lines.push(`${level} ${event}: ${text}`))
  for (const change of changes) tell(change)
  return lines
}

const follows = (leader: number | null, term: number): Leadership => ({
  role: 'FOLLOWER',
  term,
  leader,
  ready: false,
})
const campaigns = (term: number): Leadership => ({ role: 'CANDIDATE', term, leader: null, ready: false })
const leads = (term: number, ready: boolean): Leadership => ({ role: 'LEADER', term, leader: 1, ready })

test('an election is one line for the silence, and one for what comes of it', () => {
  assert.deepEqual(
    told(follows(2, 5), follows(null, 5), campaigns(5), campaigns(6), leads(6, false), leads(6, true)),
    [
      'info following: follows controller 2 in term 5',
      'info campaign: hears no controller; asks for votes after term 5',
      'debug campaign: stands for election in term 6',
      'info elected: is the controller of term 6',
    ],
  )
})

test('who is handed leadership has heard the controller', () => {
  assert.deepEqual(told(follows(2, 5), campaigns(6), leads(6, true), leads(6, true)).slice(1), [
    'info campaign: is handed leadership by controller 2: stands for election in term 6',
    'info elected: is the controller of term 6',
  ])
})

test('a campaign that fails, and another one', () => {
  assert.deepEqual(told(campaigns(3), campaigns(4), follows(null, 4), campaigns(4), follows(3, 5)), [
    'info campaign: hears no controller; asks for votes after term 3',
    'debug campaign: stands for election in term 4',
    'info campaign: hears no controller; asks for votes after term 4',
    'info following: follows controller 3 in term 5',
  ])
})
