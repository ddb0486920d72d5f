import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EntryId } from '../../../src/raft/entry.ts'
import { acknowledgement, append, heartbeat, vote, voteRequest } from './messages.ts'
import { entry, TIMING, voter } from './node.ts'
import {
  commitNotice,
  leaderOf,
  preVoteWon,
  range,
  rankOf,
  rejection,
  servingCluster,
  termAndVote,
  voteOf,
} from './paper.ts'

/**
 * Terms, elections, votes and pre-votes. One test per rule of the Raft paper ("In search of an understandable
 * consensus algorithm", extended version), of the thesis where it says more, and of the faults that other implementations
 * had (T1 to T40 of the reference).
 */

const { electionTimeoutMs, electionJitterMs, heartbeatIntervalMs } = TIMING

describe('terms (section 5.1)', () => {
  test('a newer term ends a leadership', () => {
    const leader = leaderOf(3)
    leader.receive(2, rejection(leader, { term: 7, rejected: 0, hint: { index: 1, term: 1 } }))
    assert.deepEqual(rankOf(leader), ['FOLLOWER', 7])
  })

  test('a message of an older leader changes nothing and is answered with the newer term, which deposes it', () => {
    const old = leaderOf(3)
    const follower = voter(3, 3, [1], { hardState: { term: 9 } })
    for (const message of [heartbeat(2), append(2, [1, 1], [entry(2, 2)]), commitNotice(2, 1)]) {
      follower.receive(1, message)
      assert.deepEqual([rankOf(follower), follower.log.length], [['FOLLOWER', 9], 1])
      const [answer] = follower.taken()
      assert.deepEqual([answer?.to, answer?.type, 'term' in answer! && answer.term], [1, 'appendReply', 9])
      old.receive(3, answer!)
    }
    assert.deepEqual(rankOf(old), ['FOLLOWER', 9])
  })

  test('replies of an older term count for nothing', () => {
    const leader = leaderOf(3)
    const before = leader.status
    leader.receive(2, { ...acknowledgement(leader, 2), term: leader.status.term - 1 })
    leader.receive(2, { ...acknowledgement(leader, 2), session: 0 })
    assert.deepEqual(leader.status, before)
  })
})

describe('elections (section 5.2)', () => {
  test('a follower that hears nothing for an election timeout asks for pre-votes, and one that hears its leader does not', () => {
    const silent = voter(2, 3, [1])
    const led = voter(3, 3, [1])
    for (let ms = 0; ms < electionTimeoutMs + electionJitterMs; ms += heartbeatIntervalMs) {
      led.receive(1, heartbeat(1))
      silent.elapse(heartbeatIntervalMs)
      led.elapse(heartbeatIntervalMs)
    }
    assert.equal(silent.status.role, 'CANDIDATE')
    assert.equal(led.status.role, 'FOLLOWER')
  })

  test('the timeout lies between once and twice itself and is drawn anew each time', () => {
    const node = voter(1, 3, [1])
    const drawn = new Set<number>()
    for (let i = 0; i < 50; i++) {
      node.receive(2, heartbeat(1))
      const ms = node.deadline - node.now
      assert(ms >= electionTimeoutMs && ms < electionTimeoutMs + electionJitterMs)
      drawn.add(ms)
    }
    assert(drawn.size > 10)
  })

  test('a candidate raises its term, votes for itself and asks all others, with the end of its log', () => {
    const node = voter(1, 3, [1, 1, 2])
    preVoteWon(node, 2)
    assert.deepEqual(rankOf(node), ['CANDIDATE', 3])
    node.persist()
    const request = {
      type: 'voteRequest',
      transfer: false,
      term: 3,
      preVote: false,
      last: { index: 3, term: 2 },
    }
    assert.deepEqual(
      node.taken().filter(message => message.type === 'voteRequest' && !message.preVote),
      [
        { to: 2, ...request },
        { to: 3, ...request },
      ],
    )
    assert.equal(node.disk.hardState.votedFor, 1)
  })

  for (const size of [2, 3, 4, 5, 6, 7]) {
    test(`of ${size} voters, ${Math.floor(size / 2) + 1} votes elect and one less does not`, () => {
      const node = voter(1, size, [1])
      const others = Math.floor(size / 2)
      preVoteWon(node, ...range(2, others + 1))
      node.persist()
      for (let from = 2; from <= others; from++) {
        node.receive(from, vote(2))
        node.receive(from, vote(2))
        assert.equal(node.status.role, 'CANDIDATE')
      }
      node.receive(others + 1, vote(2))
      assert.equal(node.status.role, 'LEADER')
    })
  }

  test('votes of another term, refusals and pre-votes do not elect', () => {
    const node = voter(1, 5, [1])
    preVoteWon(node, 2, 3)
    node.persist()
    node.receive(2, vote(1))
    node.receive(3, { ...vote(2), granted: false })
    node.receive(4, { ...vote(2), preVote: true })
    node.receive(5, vote(2))
    assert.equal(node.status.role, 'CANDIDATE')
  })

  test('a candidate that a majority refuses follows, and asks again later', () => {
    const node = voter(1, 3, [1])
    preVoteWon(node, 2)
    node.persist()
    for (const from of [2, 3]) node.receive(from, { ...vote(2), granted: false })
    assert.deepEqual(rankOf(node), ['FOLLOWER', 2])
    node.elapse(electionTimeoutMs + electionJitterMs)
    assert.deepEqual(rankOf(node), ['CANDIDATE', 2])
  })

  test('a split vote ends by timeout, and the next election is in the next term', () => {
    const node = voter(1, 3, [1])
    preVoteWon(node, 2)
    node.persist()
    preVoteWon(node, 3)
    assert.deepEqual(rankOf(node), ['CANDIDATE', 3])
  })

  test('a candidate that hears the leader of its term follows it', () => {
    const node = voter(1, 3, [1])
    preVoteWon(node, 2)
    node.receive(3, heartbeat(2))
    assert.deepEqual([node.status.role, node.status.leader], ['FOLLOWER', 3])
  })

  test('a second leader of one term is not believed', () => {
    const node = voter(1, 3, [1])
    node.receive(2, heartbeat(2))
    node.receive(3, append(2, [1, 1], [entry(2, 2)]))
    assert.deepEqual([node.status.leader, node.log.length], [2, 1])
    assert.equal(node.refusals.at(-1)?.reason, 'contradiction')
  })
})

describe('votes (sections 5.2 and 5.4.1)', () => {
  test('there is one vote in a term: first come, first served, and the same answer again', () => {
    const node = voter(3, 3, [1])
    assert.equal(voteOf(node, 1, voteRequest(2)), true)
    assert.equal(voteOf(node, 2, voteRequest(2)), false)
    assert.equal(voteOf(node, 1, voteRequest(2)), true)
    assert.equal(voteOf(node, 2, voteRequest(3)), true)
  })

  test('a request of an older term is refused with the newer one', () => {
    const node = voter(3, 3, [1], { hardState: { term: 4 } })
    node.receive(1, voteRequest(3))
    node.persist()
    assert.deepEqual(node.taken(), [{ to: 1, type: 'voteReply', term: 4, preVote: false, granted: false }])
  })

  test('a vote is on disk before it is given (T2)', () => {
    const node = voter(3, 3, [1])
    node.receive(1, voteRequest(2))
    assert.deepEqual(node.taken(), [])
    node.persist()
    assert.deepEqual(node.taken(), [{ to: 1, type: 'voteReply', term: 2, preVote: false, granted: true }])
    assert.deepEqual(termAndVote(node), [2, 1])
  })

  for (const writesDone of [0, 1]) {
    test(`a crash ${writesDone === 0 ? 'before' : 'after'} the vote reached the disk leaves one vote in that term (T2)`, () => {
      const node = voter(3, 3, [1])
      node.receive(1, voteRequest(2))
      node.crash(writesDone)
      node.start()
      assert.equal(voteOf(node, 2, voteRequest(2)), writesDone === 0)
      assert.equal(voteOf(node, 1, voteRequest(2)), writesDone === 1)
    })
  }

  test('a newer term does not inherit the vote, and the same term keeps it through every change of role (T3)', () => {
    const candidate = voter(1, 3, [1])
    preVoteWon(candidate, 2)
    candidate.receive(3, heartbeat(2))
    assert.equal(voteOf(candidate, 2, voteRequest(2)), false, 'it heard the leader of its term')

    const refused = voter(1, 3, [1])
    preVoteWon(refused, 2)
    for (const from of [2, 3]) refused.receive(from, { ...vote(2), granted: false })
    assert.equal(voteOf(refused, 2, voteRequest(2)), false, 'it lost the election')

    const deposed = leaderOf(3)
    deposed.elapse(electionTimeoutMs)
    assert.deepEqual(rankOf(deposed), ['FOLLOWER', 2])
    assert.equal(voteOf(deposed, 2, voteRequest(2, { index: 9, term: 2 })), false, 'it lost its quorum')
    assert.equal(voteOf(deposed, 2, voteRequest(3, { index: 9, term: 2 })), true)
  })

  test('who follows a leader without having voted votes for nobody else in that term (T3)', () => {
    const node = voter(3, 3, [1])
    node.receive(1, heartbeat(2))
    node.now += 10 * electionTimeoutMs
    assert.equal(voteOf(node, 2, voteRequest(2)), false)
  })

  // The voter's log ends with entry 3 of term 2.
  const orderings: [what: string, last: EntryId, granted: boolean][] = [
    ['an older term, a shorter log', { index: 2, term: 1 }, false],
    ['an older term, the same length', { index: 3, term: 1 }, false],
    ['an older term, a longer log', { index: 4, term: 1 }, false],
    ['the same term, a shorter log', { index: 2, term: 2 }, false],
    ['the same term, the same length', { index: 3, term: 2 }, true],
    ['the same term, a longer log', { index: 4, term: 2 }, true],
    ['a newer term, a shorter log', { index: 2, term: 3 }, true],
    ['a newer term, the same length', { index: 3, term: 3 }, true],
    ['a newer term, a longer log', { index: 4, term: 3 }, true],
  ]
  for (const [what, last, granted] of orderings) {
    test(`a candidate whose log ends with ${what} is ${granted ? 'granted' : 'refused'} vote and pre-vote (T4)`, () => {
      const node = voter(3, 3, [1, 1, 2], { hardState: { term: 4 } })
      assert.equal(voteOf(node, 1, { ...voteRequest(5, last), preVote: true }), granted)
      assert.equal(voteOf(node, 1, voteRequest(5, last)), granted)
      assert.equal(node.status.term, 5, 'the newer term counts either way')
    })
  }

  test('a candidate asks, and counts its own vote, only when that vote is on disk', () => {
    const node = voter(1, 2, [1])
    preVoteWon(node, 2)
    node.taken()
    assert.deepEqual(node.taken(), [])
    // A vote that comes too early, by whatever way, elects nobody without our own.
    node.receive(2, vote(2))
    assert.equal(node.status.role, 'CANDIDATE')
    node.persist()
    assert.equal(node.status.role, 'LEADER')
    assert.equal(node.disk.hardState.votedFor, 1)
  })
})

describe('pre-vote (thesis 9.6) and the refusal of votes while a leader is live (thesis 4.2.3)', () => {
  test('asking for pre-votes and granting them changes no term and no vote, and writes nothing', () => {
    const node = voter(1, 3, [1])
    const other = voter(2, 3, [1])
    node.elapse(electionTimeoutMs + electionJitterMs)
    const request = {
      type: 'voteRequest',
      transfer: false,
      term: 2,
      preVote: true,
      last: { index: 1, term: 1 },
    } as const
    assert.deepEqual(node.taken(), [
      { to: 2, ...request },
      { to: 3, ...request },
    ])
    other.receive(1, request)
    assert.deepEqual(other.taken(), [{ to: 1, type: 'voteReply', term: 2, preVote: true, granted: true }])
    for (const one of [node, other]) {
      assert.equal(one.status.term, 1)
      assert.deepEqual(one.pending, [])
    }
    assert.equal(voteOf(other, 3, voteRequest(2)), true, 'a pre-vote given leaves the vote free')
  })

  test('a pre-vote for a term that is not newer is refused', () => {
    const node = voter(2, 3, [1], { hardState: { term: 4 } })
    assert.equal(voteOf(node, 1, { ...voteRequest(4), preVote: true }), false)
  })

  test('while a leader is live, votes and pre-votes are refused and the term stays; one silent timeout later not', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    node.persist()
    node.now += electionTimeoutMs - 1
    assert.equal(voteOf(node, 3, { ...voteRequest(3), preVote: true }), false)
    assert.equal(voteOf(node, 3, voteRequest(3)), false)
    assert.equal(node.status.term, 2)
    node.now += 1
    assert.equal(voteOf(node, 3, { ...voteRequest(3), preVote: true }), true)
    assert.equal(voteOf(node, 3, voteRequest(3)), true)
  })

  test('a leader refuses votes too', () => {
    const leader = leaderOf(3)
    assert.equal(voteOf(leader, 3, voteRequest(9, { index: 9, term: 8 })), false)
    assert.deepEqual(rankOf(leader), ['LEADER', 2])
  })

  test('who asks for pre-votes yields to who really campaigns in its term', () => {
    const node = voter(1, 3, [1])
    node.elapse(electionTimeoutMs + electionJitterMs)
    node.receive(2, heartbeat(2, { commit: 0 }))
    node.elapse(2 * (electionTimeoutMs + electionJitterMs))
    assert.deepEqual(rankOf(node), ['CANDIDATE', 2])
    node.receive(3, voteRequest(3))
    assert.deepEqual(rankOf(node), ['FOLLOWER', 3])
  })

  test('a node that was cut off does not disturb the others when it comes back (I22)', () => {
    const { cluster, leader, followers } = servingCluster(3)
    const { term } = leader.status
    cluster.partition([leader.id, followers[0]!.id], [followers[1]!.id])
    cluster.run(20 * electionTimeoutMs)
    cluster.healLinks()
    cluster.run(20 * electionTimeoutMs)
    assert.deepEqual(
      [...cluster.nodes.values()].map(node => node.status.term),
      [term, term, term],
    )
    assert.equal(cluster.leader(), leader)
  })
})
