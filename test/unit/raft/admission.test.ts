import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Envelope, Message } from '../../../src/raft/message.ts'
import { empty } from './founding.ts'
import { diskOf, entry, type Node, TIMING, voter } from './node.ts'

const { electionTimeoutMs } = TIMING

describe('who is let in', () => {
  test('a message of another cluster is refused and changes nothing', () => {
    refuses(voter(2, 3, [1]), { clusterId: 'another-cluster' }, 'foreignCluster')
    refuses(voter(2, 3, [1]), { clusterId: null }, 'foreignCluster')
  })

  test('a sender that the log does not record is refused', () => {
    const stranger = { from: 4, fromUuid: diskOf(4) }
    refuses(voter(2, 3, [1, 9]), stranger, 'unknownVoter')
    for (const message of ANSWERS) refuses(voter(2, 3, [1]), { ...stranger, message }, 'unknownVoter')
  })

  test('a message from this node itself, or to another one, is refused', () => {
    refuses(voter(2, 3, [1]), { from: 2, fromUuid: diskOf(2) }, 'unknownVoter')
    refuses(voter(2, 3, [1]), { to: 3 }, 'unknownVoter')
  })

  test('a recorded sender on another disk is refused', () => {
    refuses(voter(2, 3, [1, 9]), { fromUuid: 'a-new-disk' }, 'wipedSender')
    for (const message of ANSWERS)
      refuses(voter(2, 3, [1]), { fromUuid: 'a-new-disk', message }, 'wipedSender')
  })

  test('a candidate that may know members which this log lacks is heard: else the two could never come together', () => {
    const node = voter(2, 3, [1])
    const last = { index: 9, term: 8 }
    const request: Message = { type: 'voteRequest', transfer: false, term: 9, preVote: false, last }
    node.receive(4, request, { fromUuid: diskOf(4) })
    node.persist()
    assert.deepEqual(node.taken(), [{ to: 4, type: 'voteReply', term: 9, preVote: false, granted: true }])
  })

  test('so is a leader of a later term, and no other in a term whose leader is known', () => {
    const node = voter(2, 3, [1])
    const beat: Message = { type: 'heartbeat', round: 0, successors: [], term: 2, session: 2, commit: 0 }
    node.receive(4, beat, { fromUuid: diskOf(4) })
    assert.deepEqual([node.status.term, node.status.leader, node.refusals], [2, 4, []])
    node.receive(5, beat, { fromUuid: diskOf(5) })
    assert.equal(node.refusals.at(-1)?.reason, 'unknownVoter')
  })

  test('nodes of another recovery epoch do not hear each other', () => {
    refuses(voter(2, 3, [1]), { recoveryEpoch: 1 }, 'fenced')
  })

  test('a message for another disk of this node ends the process, and names the request that waits for an answer', () => {
    const message: Message = { type: 'heartbeat', round: 0, successors: [], term: 9, session: 9, commit: 0 }
    refuses(voter(2, 3, [1]), { toUuid: 'the-old-disk', message }, 'wipedReceiver')
    refuses(empty(2), { toUuid: 'the-old-disk', message }, 'wipedReceiver')
  })

  test('a candidate ends no process: it may be one that was removed, and think of the disk before', () => {
    refuses(voter(2, 3, [1]), { toUuid: 'the-old-disk' }, 'unknownVoter')
    refuses(empty(2), { toUuid: 'the-old-disk' }, 'unknownVoter')
  })

  test('an empty node takes no part in a cluster that does not name its disk', () => {
    refuses(empty(2), { toUuid: null }, 'unknownVoter')
  })

  test('a log on another disk than its own entries record never campaigns', () => {
    const copied = voter(2, 3, [1], { options: { uuid: 'a-copy' } })
    copied.elapse(10 * electionTimeoutMs)
    assert.deepEqual([copied.status.role, copied.outbox], ['FOLLOWER', []])
  })

  test('an entry that contradicts the founding entry is refused, though that one is not committed', () => {
    const node = voter(2, 3, [1])
    const entries = [entry(1, 3)]
    node.receive(1, { type: 'append', term: 3, session: 3, prev: { index: 0, term: 0 }, entries, commit: 0 })
    assert.deepEqual([node.log[0]?.term, node.refusals.at(-1)?.reason], [1, 'contradiction'])
  })
})

/** What counts where it arrives, and therefore comes from recorded members only. */
const ANSWERS: readonly Message[] = [
  { type: 'voteReply', term: 1, preVote: false, granted: true },
  { type: 'appendReply', term: 1, session: 1, success: true, matched: 1 },
  { type: 'heartbeatReply', term: 1, session: 1, round: 1 },
  {
    type: 'snapshotReply',
    term: 1,
    session: 1,
    snapshot: { index: 1, term: 1, bytes: 1, checksum: 1 },
    offset: 1,
  },
]

function refuses(node: Node, over: Partial<Envelope>, reason: string): void {
  const before = node.status
  const from = over.from ?? 1
  const last = { index: 9, term: 8 }
  node.receive(
    from,
    { type: 'voteRequest', transfer: false, term: 9, preVote: false, last },
    { via: 5, ...over },
  )
  assert.deepEqual(
    node.refusals.map(refusal => [refusal.from, refusal.reason, refusal.via]),
    [[from, reason, 5]],
  )
  assert.deepEqual([node.status, node.outbox, node.pending], [before, [], []])
}
