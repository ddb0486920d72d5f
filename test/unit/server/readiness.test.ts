import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Status } from '../../../src/raft/io.ts'
import type { Standing } from '../../../src/raft/standing.ts'
import type { Configuration } from '../../../src/raft/voters.ts'
import { removalStory } from '../../../src/server/metadata-events.ts'
import { readiness } from '../../../src/server/readiness.ts'

const NOWHERE: Standing = { leaderHeardAgeMs: null, behind: null, quorumHeardAgeMs: null, stalledMs: null }
const LEADER: Standing = { ...NOWHERE, quorumHeardAgeMs: 10, stalledMs: 0 }
const FOLLOWER: Standing = { ...NOWHERE, leaderHeardAgeMs: 10, behind: { entries: 3, ms: 5, caughtUp: true } }

type Given = Partial<Pick<Status, 'role' | 'leader' | 'awaited' | 'standing'>> & {
  atWork?: boolean
  slow?: boolean
  low?: boolean
  configuration?: Configuration
}

/** A follower of node 2 that is well, but for what is given; the election timeout is 1,000 ms. */
function reasons(given: Given): readonly string[] {
  const { atWork = false, slow = false, low = false, configuration = null, ...rest } = given
  const status = {
    id: 1,
    uuid: 'one',
    role: 'FOLLOWER',
    leader: 2,
    term: 7,
    awaited: [],
    standing: FOLLOWER,
    commit: 10,
    last: { index: 14, term: 7 },
    ...rest,
  } as unknown as Status
  const leadership = { role: status.role, term: 7, leader: status.leader, ready: atWork }
  const answer = readiness({
    consensus: { status: () => status, leadership, configuration, diskIsSlow: slow },
    room: { isLow: low, freeBytes: 1_234 },
    electionTimeoutMs: 1_000,
  })
  assert.equal(answer.ready, answer.reasons.length === 0)
  return answer.reasons
}

const leader = (standing: Partial<Standing>, atWork = true): readonly string[] =>
  reasons({ role: 'LEADER', leader: 1, atWork, standing: { ...LEADER, ...standing } })
const follower = (standing: Partial<Standing>): readonly string[] =>
  reasons({ standing: { ...FOLLOWER, ...standing } })

test('a follower is ready when it has heard its controller lately and keeps up with it', () => {
  assert.deepEqual(follower({}), [])
  assert.deepEqual(
    follower({ leaderHeardAgeMs: 999, behind: { entries: 50_000, ms: 999, caughtUp: true } }),
    [],
  )
  assert.deepEqual(follower({ leaderHeardAgeMs: 1_000 }), ['controller 2 was last heard 1000 ms ago'])
  assert.deepEqual(follower({ leaderHeardAgeMs: null }), ['controller 2 was not heard yet'])
  assert.deepEqual(follower({ behind: null }), ['controller 2 has not told yet how far it is'])
  assert.deepEqual(follower({ behind: { entries: 2, ms: 5, caughtUp: false } }), [
    'this node is catching up with controller 2: it lacks 2 entries',
  ])
  assert.deepEqual(follower({ behind: { entries: 41, ms: 1_000, caughtUp: true } }), [
    'this node is behind controller 2: by 41 entries, for 1000 ms',
  ])
})

test('a controller is ready when it is at work, a majority answers it, and what it writes is committed', () => {
  assert.deepEqual(leader({}), [])
  assert.deepEqual(leader({}, false), ['this controller is just beginning'])
  assert.deepEqual(leader({ quorumHeardAgeMs: 999, stalledMs: 1_999 }), [])
  assert.deepEqual(leader({ quorumHeardAgeMs: 1_000 }), [
    'no majority of the metadata nodes has answered this controller for 1000 ms',
  ])
  assert.deepEqual(leader({ stalledMs: 2_000 }), [
    'nothing was committed for 2000 ms though 4 entries wait: the others answer, but write nothing',
  ])
})

test('without a controller, and before the cluster is founded, nobody is ready', () => {
  assert.deepEqual(reasons({ role: 'CANDIDATE', leader: null, standing: NOWHERE }), [
    'no controller in term 7',
  ])
  assert.deepEqual(reasons({ role: 'FOUNDING', leader: null, awaited: [2, 3], standing: NOWHERE }), [
    'the cluster is not founded yet: waiting for metadata nodes 2, 3',
  ])
})

test('a slow disk and a full one are told besides', () => {
  assert.deepEqual(reasons({ slow: true, low: true }), [
    'the disk is slow: a write of the log takes longer than half an election timeout',
    'the disk is nearly full: 1234 bytes are left; make room',
  ])
  assert.equal(reasons({ role: 'CANDIDATE', leader: null, standing: NOWHERE, slow: true }).length, 2)
})

const MEMBERS: Configuration = {
  index: 41,
  clusterId: 'c',
  recoveryEpoch: 0,
  voters: [{ id: 1, uuid: 'one' }],
  outgoing: null,
  learners: [],
}
const WITHOUT: Configuration = { ...MEMBERS, voters: [{ id: 2, uuid: 'two' }] }

test('a node that its own log has removed says so, and does not wait for a controller for ever', () => {
  const alone = { role: 'FOLLOWER', leader: null, standing: NOWHERE } as const
  const [removed, ...others] = reasons({ ...alone, configuration: WITHOUT })
  assert.match(removed!, /^by entry 41 of its own log this node is not in the quorum: it was removed/)
  assert.deepEqual(others, [])
  // Another data directory under the same id is somebody else.
  const foreign = { ...MEMBERS, voters: [{ id: 1, uuid: 'another' }] }
  assert.match(reasons({ ...alone, configuration: foreign })[0]!, /^by entry 41/)
  for (const configuration of [
    MEMBERS,
    { ...WITHOUT, learners: MEMBERS.voters },
    { ...WITHOUT, outgoing: MEMBERS.voters },
  ])
    assert.deepEqual(reasons({ ...alone, configuration }), ['no controller in term 7'])
  // It is being added, and has not come so far in the log.
  assert.deepEqual(reasons({ configuration: WITHOUT }), [])
})

test('the log tells once that the node was removed, and not of one that was never in', () => {
  const lines: string[] = []
  const told = (): string[] => lines.splice(0)
  const tell = removalStory((level, event, text) => void lines.push(`${level} ${event} ${text}`), {
    id: 1,
    uuid: 'one',
  })
  tell(WITHOUT)
  tell(MEMBERS)
  assert.deepEqual(told(), [])
  tell({ ...WITHOUT, index: 50 })
  tell({ ...WITHOUT, index: 51 })
  assert.match(told().join('\n'), /^warn quorum\.removed by entry 50 of its own log[^\n]*$/)
})
