import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { acknowledgement, append, heartbeat, heartbeatReply, leaderOf } from './messages.ts'
import { TIMING, voter } from './node.ts'

const { electionTimeoutMs, heartbeatIntervalMs } = TIMING

describe('a leader', () => {
  test('knows when a quorum last answered it: of five, the second of the others counts', () => {
    const leader = leaderOf(5)
    leader.elapse(heartbeatIntervalMs)
    leader.receive(2, heartbeatReply(leader))
    leader.elapse(heartbeatIntervalMs)
    leader.receive(3, heartbeatReply(leader))
    const { standing, voters } = leader.status
    assert.equal(standing.quorumHeardAgeMs, heartbeatIntervalMs)
    assert.equal(standing.quorumHeardAgeMs, voters.find(({ id }) => id === 2)!.contactAgeMs)
    assert.deepEqual([standing.leaderHeardAgeMs, standing.behind], [null, null])
  })

  test('knows how far a member is when that has told it in this term, and not before', () => {
    const leader = leaderOf(3)
    const known = () => leader.status.voters.map(voter => voter.known)
    assert.deepEqual(known(), [true, true, false], 'one other has its first entry')
    leader.receive(3, heartbeatReply(leader))
    assert.deepEqual(known(), [true, true, false], 'a sign of life says nothing of the log')
    leader.receive(3, acknowledgement(leader, 1))
    assert.deepEqual(known(), [true, true, true])
  })

  test('alone in its cluster, answers itself', () => {
    const leader = voter(1, 1, [1])
    leader.elapse(3 * electionTimeoutMs)
    leader.persist()
    leader.persist()
    leader.elapse(5 * electionTimeoutMs)
    assert.equal(leader.status.role, 'LEADER')
    assert.deepEqual([leader.status.standing.quorumHeardAgeMs, leader.status.standing.stalledMs], [0, 0])
  })

  test('is stalled from the first entry that waits, and no more when one is committed', () => {
    const leader = leaderOf(3)
    assert.equal(leader.status.standing.stalledMs, 0)
    leader.elapse(heartbeatIntervalMs)
    leader.propose('a')
    leader.elapse(7)
    leader.propose('b')
    leader.persist()
    leader.elapse(8)
    assert.equal(leader.status.standing.stalledMs, 15)
    leader.receive(2, acknowledgement(leader, 3))
    assert.equal(leader.status.standing.stalledMs, 0)
    leader.elapse(9)
    assert.equal(leader.status.standing.stalledMs, 9, 'b still waits')
    leader.receive(2, acknowledgement(leader, 4))
    leader.elapse(20)
    assert.equal(leader.status.standing.stalledMs, 0)
  })
})

describe('a follower', () => {
  test('knows how long its leader has been silent, and what it lacks of it', () => {
    const node = voter(2, 3, [1])
    assert.deepEqual(node.status.standing.behind, null)
    node.receive(1, append(3, [1, 1], [], 9))
    node.elapse(12)
    const { leaderHeardAgeMs, behind } = node.status.standing
    assert.equal(leaderHeardAgeMs, 12)
    assert.deepEqual(behind, { entries: 9 - node.applied, ms: 12, caughtUp: false })
  })

  test('does not take what the leader knows it to have for what the leader has', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(3, { commit: 1 }))
    assert.deepEqual(node.status.standing.behind, null)
    assert.equal(node.status.standing.leaderHeardAgeMs, 0)
  })

  test('has no standing with a leader that is gone', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(3))
    node.step({ type: 'peerLost', peer: 1 })
    assert.deepEqual([node.status.leader, node.status.standing.leaderHeardAgeMs], [null, null])
  })
})

test('what a node did is counted: whom it asked, what it began, what it won', () => {
  const node = voter(1, 3, [1])
  assert.deepEqual(node.status.tally, { preVotes: 0, elections: 0, won: 0, readRounds: 0 })
  node.lead(2)
  const { preVotes, elections, won } = node.status.tally
  assert.ok(preVotes >= 1)
  assert.deepEqual([elections, won], [1, 1])
})

test('a round that confirms reads is counted once, however many reads share it', () => {
  const leader = leaderOf(3)
  leader.read(1)
  leader.feed({ type: 'readIndex', token: 2 })
  leader.feed({ type: 'readIndex', token: 3 })
  leader.drain()
  assert.equal(leader.status.tally.readRounds, 2)
})
