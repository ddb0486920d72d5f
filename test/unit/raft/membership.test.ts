import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CHANGE_MEMBERS, type Entry } from '../../../src/raft/entry.ts'
import type { Message } from '../../../src/raft/message.ts'
import { type Configuration, encodeConfiguration } from '../../../src/raft/voters.ts'
import {
  acknowledgement,
  append,
  grants,
  heartbeat,
  heartbeatReply,
  leaderOf,
  member,
  outgoingIds,
  sentTo,
  vote,
  voteRequest,
  voterIds,
} from './messages.ts'
import { CLUSTER_ID, entry, type Node, TIMING, voter } from './node.ts'

/** Changes of membership: section 6 of the paper, chapter 4 of the thesis, and what went wrong elsewhere. */

const { electionTimeoutMs, electionJitterMs, heartbeatIntervalMs } = TIMING
const ADD_4 = { kind: 'addLearner', learner: member(4) } as const
const PROMOTE_4 = { kind: 'voters', add: [4], remove: [] } as const

describe('when members may be changed', () => {
  test('not before the leader has committed an entry of its own term (T10)', () => {
    const leader = voter(1, 3, [1])
    leader.lead(2)
    leader.persist()
    assert.match(why(leader.change(ADD_4)), /has not committed anything yet/)
    leader.receive(2, acknowledgement(leader, 2))
    assert('entry' in leader.change(ADD_4))
  })

  test('two leaders on different disks never act on voters without a common majority (T10)', () => {
    const first = leaderOf(4)
    assert('entry' in first.change({ kind: 'voters', add: [], remove: [4] }))
    const second = voter(2, 4, [1, 2])
    second.lead(3, 4)
    second.persist()
    assert.match(why(second.change({ kind: 'voters', add: [], remove: [1] })), /not committed/)
  })

  test('not while another change is under way, nor while joint consensus lasts', () => {
    const leader = withLearner()
    leader.change(PROMOTE_4)
    assert.match(why(leader.change({ kind: 'removeLearner', id: 4 })), /under way/)
    commitBy(leader, 2, 4)
    assert.equal(outgoingIds(leader), null)
    assert.match(why(leader.change({ kind: 'voters', add: [], remove: [4] })), /under way/)
    commitBy(leader, 2, 4)
    assert('entry' in leader.change({ kind: 'voters', add: [], remove: [4] }))
  })

  test('not while leadership is handed over, and not by who does not lead', () => {
    const leader = leaderOf(3)
    leader.step({ type: 'transfer', target: 2 })
    assert.deepEqual(leader.change(ADD_4), { token: 0, refused: 'transferring' })
    assert.deepEqual(voter(2, 3, [1]).change(ADD_4), { token: 0, refused: 'notLeader' })
  })

  test('what makes no sense is refused, and says why', () => {
    const leader = withLearner()
    const refused: [Parameters<Node['change']>[0], RegExp][] = [
      [ADD_4, /member already/],
      [{ kind: 'addLearner', learner: { id: 4, uuid: 'another-disk' } }, /remove it before it joins/],
      [{ kind: 'addLearner', learner: member(2) }, /member already/],
      [{ kind: 'removeLearner', id: 2 }, /not a learner/],
      [{ kind: 'voters', add: [5], remove: [] }, /not a learner/],
      [{ kind: 'voters', add: [], remove: [4] }, /not a voter/],
      [{ kind: 'voters', add: [], remove: [1, 2, 3] }, /last voter/],
      [{ kind: 'voters', add: [], remove: [] }, /nothing would change/],
    ]
    for (const [change, text] of refused) assert.match(why(leader.change(change)), text)
    assert.equal(leader.status.last.index, 3)
  })

  test('a learner becomes a voter only when it answers and has nearly everything', () => {
    const leader = leaderOf(3)
    leader.change(ADD_4)
    commitBy(leader, 2)
    assert.match(why(leader.change(PROMOTE_4)), /does not answer/)
    leader.receive(4, acknowledgement(leader, 3, sessionOf(leader, 3)))
    const proposal = { type: 'Text', data: new Uint8Array(0) }
    for (let token = 1; token <= 1001; token++) leader.feed({ type: 'propose', proposal, token })
    leader.drain()
    assert.match(why(leader.change(PROMOTE_4)), /lacks 1001 entries/)
    leader.receive(4, acknowledgement(leader, 4, sessionOf(leader, 3)))
    for (let ms = 0; ms < electionTimeoutMs; ms += heartbeatIntervalMs) {
      leader.elapse(heartbeatIntervalMs)
      for (const from of [2, 3]) leader.receive(from, heartbeatReply(leader))
    }
    assert.match(why(leader.change(PROMOTE_4)), /does not answer/)
    leader.receive(4, heartbeatReply(leader, { session: sessionOf(leader, 3) }))
    assert('entry' in leader.change(PROMOTE_4))
  })
})

test('no change leaves a majority that does not answer: from the moment it is appended nothing could be written', () => {
  const leader = leaderOf(3)
  // Node 3 went silent a while ago; node 2 answers, and keeps the leader in office.
  for (let ms = 0; ms <= electionTimeoutMs; ms += heartbeatIntervalMs) {
    leader.elapse(heartbeatIntervalMs)
    leader.receive(2, heartbeatReply(leader))
  }
  assert.match(why(leader.change({ kind: 'voters', add: [], remove: [1] })), /remain, 3 does not answer/)
  assert.match(why(leader.change({ kind: 'voters', add: [], remove: [2] })), /remain, 3 does not answer/)
  assert.equal(leader.status.role, 'LEADER')
  assert('entry' in leader.change({ kind: 'voters', add: [], remove: [3] }), 'who is gone can be removed')
})

describe('what is in force', () => {
  test('a learner gets the log, and counts for nothing', () => {
    const leader = leaderOf(3)
    leader.change(ADD_4)
    leader.persist()
    leader.receive(4, acknowledgement(leader, 3, sessionOf(leader, 3)))
    assert.equal(leader.status.commit, 2)
    assert.equal(sentTo(leader, 4, 'append').length, 1)
    for (let ms = 0; ms <= electionTimeoutMs + heartbeatIntervalMs; ms += heartbeatIntervalMs) {
      leader.receive(4, heartbeatReply(leader, { session: sessionOf(leader, 3) }))
      leader.elapse(heartbeatIntervalMs)
    }
    assert.equal(leader.status.role, 'FOLLOWER', 'and does not keep it in office')
  })

  describe('a learner that a candidate counts on, and that has more of the log', () => {
    const SHORTER = { index: 2, term: 2 }
    const learner = () => follower(4, [entry(2, 2), change(3, 2, [1, 2, 3], null, [4]), entry(4, 2)])
    const isCalled = (node: Node, last = SHORTER) => node.receive(2, voteRequest(3, last, { preVote: true }))
    const runsAtItsTime = (node: Node): boolean => {
      node.now += 10 * electionTimeoutMs
      node.taken()
      node.step({ type: 'tick' })
      return node.status.role === 'CANDIDATE'
    }

    test('runs at its time, once for each call (T13)', () => {
      const node = learner()
      isCalled(node)
      assert.equal(node.status.role, 'FOLLOWER', 'not at once')
      assert.equal(runsAtItsTime(node), true)
      assert.equal(runsAtItsTime(node), false, 'nobody has answered')
      isCalled(node)
      assert.equal(runsAtItsTime(node), true)
    })

    test('does not when a leader is heard before or after (T13)', () => {
      const [before, after] = [learner(), learner()]
      before.receive(1, heartbeat(2))
      isCalled(before)
      assert.equal(runsAtItsTime(before), false)
      isCalled(after)
      after.receive(1, heartbeat(2))
      assert.equal(runsAtItsTime(after), false)
    })

    test('does not where the candidate lacks nothing, whatever else it is refused for (T13)', () => {
      const node = learner()
      node.receive(2, voteRequest(1, { index: 4, term: 2 }))
      assert.equal(runsAtItsTime(node), false)
    })
  })

  test('a learner neither campaigns nor elects, but grants its vote: it may be a voter and not know it (T13)', () => {
    const learner = follower(4, [entry(2, 2), change(3, 2, [1, 2, 3], null, [4])])
    learner.now += 10 * electionTimeoutMs
    learner.step({ type: 'tick' })
    assert.deepEqual([learner.status.role, learner.taken()], ['FOLLOWER', []])
    const promoted = change(4, 2, [1, 2, 3, 4], [1, 2, 3])
    assert.equal(grants(learner, 2, voteRequest(3, { index: 4, term: 2 })), true)

    const candidate = follower(2, [entry(2, 2), change(3, 2, [1, 2, 3], null, [4])])
    runs(candidate, 3)
    candidate.receive(4, vote(3))
    assert.equal(candidate.status.role, 'CANDIDATE', 'the vote of a learner')
    candidate.receive(1, vote(3))
    assert.equal(candidate.status.role, 'LEADER')

    const knows = follower(2, [entry(2, 2), change(3, 2, [1, 2, 3], null, [4]), promoted])
    runs(knows, 4, 1)
    knows.receive(4, vote(3))
    knows.receive(1, vote(3))
    assert.equal(knows.status.role, 'LEADER', 'of four, and of the three before')
  })

  test('from the moment it is appended, whoever commits or applies it when: a candidate needs both majorities (T11)', () => {
    const candidate = follower(1, [change(2, 2, [1, 4, 5], [1, 2, 3])])
    assert.equal(candidate.status.commit, 1)
    runs(candidate, 2, 4)
    candidate.receive(4, vote(3))
    assert.equal(candidate.status.role, 'CANDIDATE', 'two of the new')
    candidate.receive(5, vote(3))
    assert.equal(candidate.status.role, 'CANDIDATE', 'all of the new')
    candidate.receive(2, vote(3))
    assert.equal(candidate.status.role, 'LEADER')
  })

  test('after a crash as well, though it was not committed (T11)', () => {
    const node = follower(1, [change(2, 2, [1, 4], [1, 2, 3])])
    node.crash()
    node.start()
    assert.deepEqual(
      [voterIds(node), outgoingIds(node)],
      [
        [1, 4],
        [1, 2, 3],
      ],
    )
  })

  test('a change that is cut off is out of force, at once and after a restart (T15)', () => {
    const node = follower(2, [change(2, 2, [1, 2], [1, 2, 3])])
    node.receive(3, append(3, [1, 1], [entry(2, 3)]))
    assert.deepEqual([voterIds(node), outgoingIds(node)], [[1, 2, 3], null])
    node.persist()
    node.crash()
    node.start()
    assert.deepEqual([voterIds(node), outgoingIds(node)], [[1, 2, 3], null])
  })

  test('nothing commits by the new majority alone, nor by the old one alone', () => {
    for (const [answers, commits] of [
      [[4, 5], false],
      [[2, 3], false],
      [[2, 4], true],
    ] as const) {
      const leader = joint()
      for (const from of answers) leader.receive(from, acknowledgement(leader, leader.log.length))
      assert.equal(leader.status.commit === 3, commits, `${answers}`)
    }
  })

  test('a leader needs answers of both majorities to stay', () => {
    const leader = joint()
    for (let ms = 0; ms <= electionTimeoutMs + heartbeatIntervalMs; ms += heartbeatIntervalMs) {
      for (const from of [4, 5]) leader.receive(from, heartbeatReply(leader))
      leader.elapse(heartbeatIntervalMs)
    }
    assert.equal(leader.status.role, 'FOLLOWER')
  })

  test('joint consensus ends when its entry is committed, by itself, also where a new leader inherits it (T12)', () => {
    const leader = joint()
    assert.deepEqual(outgoingIds(leader), [1, 2, 3])
    leader.receive(4, acknowledgement(leader, 2))
    leader.receive(2, acknowledgement(leader, 2))
    assert.deepEqual(
      [leader.status.commit, outgoingIds(leader)],
      [0, [1, 2, 3]],
      'an entry of the term before',
    )
    leader.receive(4, acknowledgement(leader, 3))
    leader.receive(2, acknowledgement(leader, 3))
    assert.deepEqual([leader.status.commit, outgoingIds(leader), voterIds(leader)], [3, null, [1, 4, 5]])
    assert.equal(leader.status.last.index, 4)
  })
})

describe('who leaves', () => {
  test('a leader that removed itself leads until that is committed, without counting itself, and hands over (T14)', () => {
    const leader = leaderOf(3)
    leader.change({ kind: 'voters', add: [], remove: [1] })
    commitBy(leader, 2, 3)
    assert.deepEqual([leader.status.role, voterIds(leader)], ['LEADER', [2, 3]])
    leader.persist()
    leader.receive(3, acknowledgement(leader, 4))
    assert.deepEqual([leader.status.role, leader.status.commit], ['LEADER', 3], 'one of two, and itself')
    leader.taken()
    leader.receive(2, acknowledgement(leader, 4))
    assert.equal(leader.status.role, 'FOLLOWER')
    assert.deepEqual(
      leader.taken().flatMap(({ to, type }) => (type === 'timeoutNow' ? [to] : [])),
      [2],
    )
    leader.now += 10 * electionTimeoutMs
    leader.step({ type: 'tick' })
    assert.deepEqual([leader.status.role, leader.taken()], ['FOLLOWER', []], 'and never runs again')
  })

  test('a follower goes on hearing a leader that is no member any more (T14)', () => {
    const node = follower(2, [])
    node.receive(1, append(2, [1, 1], [change(2, 2, [2, 3], [1, 2, 3]), change(3, 2, [2, 3])]))
    node.receive(1, append(2, [3, 2], [entry(4, 2)], 4))
    node.receive(1, heartbeat(2))
    node.receive(1, { type: 'commitNotice', term: 2, session: 2, commit: 4 })
    assert.deepEqual([node.refusals, node.status.commit, node.log.length], [[], 4, 4])
    node.persist()
    node.receive(1, { type: 'timeoutNow', term: 2 })
    assert.deepEqual([node.status.role, node.status.term], ['CANDIDATE', 3])
  })

  test('a follower that does not know its leader yet hears all that it says, not one message in each term', () => {
    const node = follower(2, [])
    const from5 = (message: Message) => node.receive(5, message, { fromUuid: 'disk-5' })
    from5(heartbeat(4))
    from5(append(4, [1, 1], [change(2, 3, [1, 2, 5])]))
    from5(heartbeat(4))
    from5({ type: 'commitNotice', term: 4, session: 4, commit: 1 })
    assert.deepEqual([node.refusals, voterIds(node), node.status.leader], [[], [1, 2, 5], 5])
  })

  test('who leaves may run until its leave is committed, without a vote of its own: the others may lack it (T14)', () => {
    const entries = [change(2, 2, [4], [1, 2, 3]), change(3, 2, [4])]
    const leaver = follower(1, entries)
    runs(leaver, 4)
    assert.deepEqual([leaver.status.role, leaver.status.term], ['CANDIDATE', 3])
    leaver.receive(4, vote(3))
    assert.equal(leaver.status.role, 'LEADER')

    const gone = follower(1, entries, 3)
    gone.now += 10 * electionTimeoutMs
    gone.step({ type: 'tick' })
    assert.deepEqual([gone.status.role, gone.taken()], ['FOLLOWER', []])
  })

  test('who leaves is told that its leave is committed, if it has that entry', () => {
    const leader = leaderOf(4)
    leader.receive(4, acknowledgement(leader, 2))
    leader.change({ kind: 'voters', add: [], remove: [4] })
    commitBy(leader, 2, 3)
    leader.persist()
    leader.receive(4, acknowledgement(leader, 4))
    assert.deepEqual(leader.refusals, [])
    leader.taken()
    leader.receive(2, acknowledgement(leader, 4))
    assert.deepEqual(
      sentTo(leader, 4, 'commitNotice').map(({ commit }) => commit),
      [4],
    )
    leader.propose('x')
    leader.elapse(heartbeatIntervalMs)
    assert.deepEqual(
      leader.taken().filter(({ to }) => to === 4),
      [],
      'and gets nothing more',
    )
  })

  test('a removed node that campaigns is refused, and changes nobody’s term (T14)', () => {
    const node = follower(2, [change(2, 2, [1, 2])], 2)
    node.now += 10 * electionTimeoutMs
    for (const preVote of [true, false]) node.receive(3, voteRequest(9, { index: 1, term: 1 }, { preVote }))
    assert.deepEqual([node.status.term, node.taken()], [2, []])
    assert.equal(node.refusals.at(-1)?.reason, 'unknownVoter')
  })

  test('an answer from before a node was removed and added again counts for nothing (T16)', () => {
    const leader = leaderOf(3)
    leader.change(ADD_4)
    commitBy(leader, 2)
    const before = sessionOf(leader, 3)
    leader.receive(4, acknowledgement(leader, 3, before))
    leader.change({ kind: 'removeLearner', id: 4 })
    commitBy(leader, 2)
    leader.change(ADD_4)
    commitBy(leader, 2)
    leader.receive(4, acknowledgement(leader, 5, before))
    leader.receive(4, heartbeatReply(leader, { session: before }))
    const learner = () => leader.status.learners[0]!
    assert.deepEqual([learner().id, learner().match], [4, 0])
    leader.receive(4, acknowledgement(leader, 5, sessionOf(leader, 5)))
    assert.equal(learner().match, 5)
  })

  test('a member whose disk was replaced is told apart from the disk before, by all that it says and hears (T17)', () => {
    const node = follower(2, [])
    node.receive(1, append(2, [1, 1], [replaced(2, 2, 3, 'the-new-disk')]))
    node.receive(3, voteRequest(9, { index: 1, term: 1 }), { fromUuid: 'disk-3' })
    assert.equal(node.refusals.at(-1)?.reason, 'wipedSender')
    assert.equal(node.status.term, 2)
  })

  test('an answer goes to the disk that asked, though the log here records the one before it (T17)', () => {
    const node = voter(2, 3, [1])
    node.receive(3, voteRequest(3, { index: 9, term: 2 }), { fromUuid: 'the-new-disk' })
    node.persist()
    assert.deepEqual(
      node.outbox.map(({ to, toUuid }) => [to, toUuid]),
      [[3, 'the-new-disk']],
    )
  })

  test('a newcomer is not ended by what its leader said to the disk before it, nor by who was removed meanwhile (T17)', () => {
    const node = follower(2, [entry(2, 2)])
    const before = { toUuid: 'the-disk-before' }
    node.receive(1, heartbeat(2))
    node.receive(1, heartbeat(2), before)
    node.receive(1, append(2, [1, 1], [entry(2, 2)]), before)
    node.receive(3, voteRequest(9, { index: 99, term: 8 }), before)
    assert.deepEqual(
      node.refusals.map(({ reason }) => reason),
      ['unknownVoter', 'unknownVoter', 'unknownVoter'],
    )
  })

  test('a node is not ended by others who think of the disk before it and know no more than its log (T17)', () => {
    const node = follower(2, [entry(2, 2)])
    const before = { toUuid: 'the-disk-before' }
    node.receive(1, heartbeat(2))
    node.receive(3, voteRequest(4, { index: 1, term: 1 }), before)
    node.receive(3, heartbeat(2), before)
    node.receive(3, vote(3), before)
    assert.deepEqual(new Set(node.refusals.map(({ reason }) => reason)), new Set(['unknownVoter']))
    node.receive(3, heartbeat(9), before)
    assert.equal(node.refusals.at(-1)?.reason, 'wipedReceiver', 'who leads later knows better')
  })
})

function why(result: object): string {
  return 'why' in result ? String(result.why) : JSON.stringify(result)
}

/** Leads term 2 of three voters and a learner 4 that has everything. */
function withLearner(): Node {
  const leader = leaderOf(3)
  leader.change(ADD_4)
  commitBy(leader, 2)
  leader.receive(4, acknowledgement(leader, 3, sessionOf(leader, 3)))
  return leader
}

/** These and the leader have everything that is in the log by now. Node 4 joined by entry 3, unless it was there before. */
function commitBy(leader: Node, ...ids: number[]): void {
  const { index } = leader.status.last
  leader.persist()
  for (const id of ids) {
    for (const session of [leader.status.term, sessionOf(leader, 3)])
      leader.receive(id, acknowledgement(leader, index, session))
  }
}

/** Of a member that joined by the entry at this index. */
function sessionOf(leader: Node, index: number): number {
  return leader.status.term + index
}

/** Inherited the joint configuration of 1 4 5 and, before, 1 2 3; leads term 3; all is on its disk, and nowhere else. */
function joint(): Node {
  const leader = follower(1, [change(2, 2, [1, 4, 5], [1, 2, 3])], 0)
  runs(leader, 2, 4)
  for (const from of [2, 4]) leader.receive(from, vote(3))
  leader.persist()
  return leader
}

/** Wins the pre-vote of these for term 3; its vote for itself is on its disk. */
function runs(node: Node, ...supporters: number[]): void {
  node.now += 10 * electionTimeoutMs + electionJitterMs
  node.step({ type: 'tick' })
  for (const from of supporters)
    node.receive(from, { type: 'voteReply', term: 3, preVote: true, granted: true })
  node.persist()
  node.taken()
}

/** Follows in term 2; behind the founding entry of voters 1 2 3 its log has these. */
function follower(id: number, entries: Entry[], commit = 1): Node {
  const node = voter(id, 3, [1], { hardState: { term: 2, commit: Math.min(commit, 1) } })
  const { disk } = node
  disk.entries.push(...entries)
  disk.hardState = { ...disk.hardState, commit }
  node.start()
  return node
}

function change(
  index: number,
  term: number,
  voters: number[],
  outgoing: number[] | null = null,
  learners: number[] = [],
): Entry {
  const body: Configuration = {
    index,
    clusterId: CLUSTER_ID,
    recoveryEpoch: 0,
    voters: voters.map(member),
    outgoing: outgoing?.map(member) ?? null,
    learners: learners.map(member),
  }
  return { index, term, type: CHANGE_MEMBERS, data: encodeConfiguration(body) }
}

/** The configuration of voters 1 2 3, one of them on another disk. */
function replaced(index: number, term: number, id: number, uuid: string): Entry {
  const voters = [1, 2, 3].map(one => (one === id ? { id, uuid } : member(one)))
  const body = { index, clusterId: CLUSTER_ID, recoveryEpoch: 0, voters, outgoing: null, learners: [] }
  return { index, term, type: CHANGE_MEMBERS, data: encodeConfiguration(body) }
}
