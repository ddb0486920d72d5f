import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ReadIndexResult } from '../../../src/raft/io.ts'
import { PendingReads } from '../../../src/raft/reads.ts'
import { acknowledgement, heartbeat, heartbeatReply, leaderOf, sentTo } from './messages.ts'
import { type Node, TIMING, voter } from './node.ts'

/** Linearizable reads (thesis 6.4). The answer tells an index that the reader must have applied; null: ask again. */

const { electionTimeoutMs, heartbeatIntervalMs } = TIMING

describe('at the leader', () => {
  test('a read is answered when a majority has answered a heartbeat that was sent after it', () => {
    const leader = leaderOf(5)
    leader.read(7)
    assert.deepEqual(rounds(leader), [1])
    leader.receive(2, heartbeatReply(leader, { round: 1 }))
    leader.receive(2, heartbeatReply(leader, { round: 1 }))
    assert.deepEqual(leader.readIndexes, [], 'two of five')
    leader.receive(3, heartbeatReply(leader, { round: 1 }))
    assert.deepEqual(leader.readIndexes, [{ token: 7, index: 2 }])
  })

  test('an answer to an earlier heartbeat confirms nothing, however often it comes (T24)', () => {
    const leader = leaderOf(3)
    leader.read(1)
    leader.receive(2, heartbeatReply(leader, { round: 1 }))
    leader.read(2)
    for (const from of [2, 3])
      for (const round of [0, 1]) leader.receive(from, heartbeatReply(leader, { round }))
    assert.deepEqual(answers(leader), [{ token: 1, index: 2 }])
    leader.receive(3, heartbeatReply(leader, { round: 2 }))
    assert.deepEqual(answers(leader), [{ token: 2, index: 2 }])
  })

  test('answers of another session or term confirm nothing (T24)', () => {
    const leader = leaderOf(3)
    leader.read(1)
    leader.receive(2, heartbeatReply(leader, { round: 1, session: 1 }))
    leader.receive(2, heartbeatReply(leader, { round: 1, term: 1 }))
    assert.deepEqual(leader.readIndexes, [])
  })

  test('the index is that of the asking, not of the answering; reads that come together share a round', () => {
    const leader = leaderOf(3)
    for (const token of [1, 2]) leader.feed({ type: 'readIndex', token })
    leader.drain()
    assert.deepEqual(rounds(leader), [1])
    leader.propose('a')
    leader.persist()
    leader.receive(2, acknowledgement(leader, 3))
    leader.receive(2, heartbeatReply(leader, { round: 1 }))
    assert.deepEqual(answers(leader), [
      { token: 1, index: 2 },
      { token: 2, index: 2 },
    ])
  })

  test('the heartbeat of a round that is lost is followed by others of that round', () => {
    const leader = leaderOf(3)
    leader.read(1)
    leader.taken()
    leader.elapse(heartbeatIntervalMs)
    assert.deepEqual(rounds(leader), [1])
  })

  test('before the first commit of the term a read waits: earlier commits may not be known here yet (T23)', () => {
    const leader = voter(1, 3, [1])
    leader.lead(2)
    leader.read(1)
    assert.deepEqual(rounds(leader), [], 'no heartbeat goes out for it')
    for (const from of [2, 3]) leader.receive(from, heartbeatReply(leader, { round: 1 }))
    assert.deepEqual(leader.readIndexes, [])
    leader.taken()
    leader.persist()
    leader.receive(2, acknowledgement(leader, 2))
    assert.deepEqual(rounds(leader), [1])
    leader.receive(3, heartbeatReply(leader, { round: 1 }))
    assert.deepEqual(answers(leader), [{ token: 1, index: 2 }])
  })

  test('who steps down answers nothing: it cannot say any more what is committed (T24)', () => {
    const deposed = leaderOf(3)
    deposed.read(1)
    deposed.receive(3, heartbeat(5))
    assert.deepEqual(answers(deposed), [{ token: 1, index: null }])

    const early = voter(1, 3, [1])
    early.lead(2)
    early.read(1)
    early.now += 2 * electionTimeoutMs
    early.step({ type: 'tick' })
    assert.deepEqual([early.status.role, answers(early)], ['FOLLOWER', [{ token: 1, index: null }]])
  })

  test('nothing is read by the clock: a leader that was paused asks as well (T25)', () => {
    const leader = leaderOf(3)
    leader.read(1)
    leader.receive(2, heartbeatReply(leader, { round: 1 }))
    leader.now += 1
    leader.read(2)
    assert.deepEqual(answers(leader), [{ token: 1, index: 2 }])
  })

  test('an alone voter is its own majority, but for entries it has not on its disk', () => {
    const node = voter(1, 1, [1])
    node.now = node.deadline
    node.step({ type: 'tick' })
    node.persist(1)
    node.read(1)
    assert.deepEqual(answers(node), [])
    node.persist()
    assert.deepEqual(answers(node), [{ token: 1, index: 2 }])
  })

  test('only so many reads wait (I19)', () => {
    const leader = leaderOf(3, { readsMax: 3 })
    for (let token = 1; token <= 5; token++) leader.read(token)
    assert.deepEqual(answers(leader), [
      { token: 4, index: null },
      { token: 5, index: null },
    ])
  })
})

describe('at a follower', () => {
  test('it asks its leader, and tells what it is told', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    node.persist()
    node.read(9)
    assert.deepEqual(sentTo(node, 1, 'readIndexRequest'), [
      { to: 1, type: 'readIndexRequest', term: 2, token: 9 },
    ])
    node.receive(1, { type: 'readIndexReply', term: 2, token: 9, index: 5 })
    assert.deepEqual(answers(node), [{ token: 9, index: 5 }])
  })

  test('it names no term that is not on its disk', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    node.read(9)
    assert.deepEqual(node.taken(), [])
    node.persist()
    assert.equal(sentTo(node, 1, 'readIndexRequest').length, 1)
  })

  test('without a leader it says so at once, also when the leader is known to be gone', () => {
    const node = voter(2, 3, [1])
    node.read(1)
    node.receive(1, heartbeat(2))
    node.step({ type: 'peerLost', peer: 1 })
    node.read(2)
    assert.deepEqual(answers(node), [
      { token: 1, index: null },
      { token: 2, index: null },
    ])
  })

  test('the leader confirms a follower’s read like its own, and one that does not lead refuses it', () => {
    const leader = leaderOf(3)
    leader.receive(3, { type: 'readIndexRequest', term: 2, token: 4 })
    leader.receive(2, heartbeatReply(leader, { round: 1 }))
    assert.deepEqual(sentTo(leader, 3, 'readIndexReply'), [
      { to: 3, type: 'readIndexReply', term: 2, token: 4, index: 2 },
    ])
    leader.receive(3, { type: 'readIndexRequest', term: 2, token: 5 })
    leader.receive(2, heartbeat(3))
    leader.persist()
    assert.deepEqual(
      sentTo(leader, 3, 'readIndexReply').map(({ index }) => index),
      [null],
    )
    leader.receive(3, { type: 'readIndexRequest', term: 3, token: 6 })
    assert.deepEqual(
      sentTo(leader, 3, 'readIndexReply').map(({ token, index }) => [token, index]),
      [[6, null]],
    )
  })
})

test('reads of a round wait for that round, in the order of asking', () => {
  const reads = new PendingReads()
  const reader = (token: number) => ({ from: null, token })
  reads.add(reader(1), null)
  assert.deepEqual([reads.count, reads.wantRound], [1, false])
  reads.begin(5)
  assert(reads.wantRound)
  reads.round += 1
  reads.add(reader(2), 6)
  assert.deepEqual(reads.confirmed(0), [])
  const tokens = reads.confirmed(1).map(({ token, index }) => [token, index])
  assert.deepEqual([tokens, reads.count], [[[1, 5]], 1])
  assert.deepEqual(
    reads.abandon().map(({ token }) => token),
    [2],
  )
  assert.equal(reads.count, 0)
})

function answers(node: Node): ReadIndexResult[] {
  return node.readIndexes.splice(0)
}

/** Of the heartbeats that went to node 2 since the last look. */
function rounds(leader: Node): number[] {
  return sentTo(leader, 2, 'heartbeat').map(({ round }) => round)
}
