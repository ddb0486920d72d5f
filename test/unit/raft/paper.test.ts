import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Entry, EntryId, HardState } from '../../../src/raft/entry.ts'
import type { AppendReply, Message } from '../../../src/raft/message.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import { Cluster } from './cluster.ts'
import { entry, type Node, TIMING, voter } from './node.ts'

/**
 * One test per rule of the Raft paper ("In search of an understandable consensus algorithm", extended version), of the
 * thesis where it says more, and of the faults that other implementations had (T1 to T40 of the reference).
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
    node.receive(2, heartbeat(2, 0))
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

describe('check-quorum (thesis 6.2) and one-way links', () => {
  test('a leader that hears no majority for an election timeout follows, in its term', () => {
    const leader = leaderOf(5)
    for (let ms = 0; ms < 3 * electionTimeoutMs; ms += heartbeatIntervalMs) {
      leader.receive(2, heartbeatReply(leader))
      leader.receive(3, heartbeatReply(leader))
      leader.elapse(heartbeatIntervalMs)
    }
    assert.equal(leader.status.role, 'LEADER', 'with two of four others it has a majority')
    for (let ms = 0; ms <= electionTimeoutMs + heartbeatIntervalMs; ms += heartbeatIntervalMs) {
      leader.receive(2, heartbeatReply(leader))
      leader.elapse(heartbeatIntervalMs)
    }
    assert.deepEqual(rankOf(leader), ['FOLLOWER', 2])
  })

  test('a leader that is cut off steps down, and the others elect one that it follows later', () => {
    const { cluster, leader, followers } = servingCluster(3)
    cluster.partition(
      [leader.id],
      followers.map(({ id }) => id),
    )
    cluster.until(() => leader.status.role !== 'LEADER', 2 * electionTimeoutMs, 'the old leader steps down')
    const next = cluster.untilLeader(10 * electionTimeoutMs)
    cluster.propose(next, 'without the old one')
    cluster.healLinks()
    cluster.until(() => cluster.agree(), 10 * electionTimeoutMs, 'all agree')
    assert.equal(leader.status.leader, next.id)
    assert.deepEqual(cluster.texts(leader), ['without the old one'])
  })

  test('a leader that sends and cannot receive makes room (T33)', () => {
    const { cluster, leader, followers } = servingCluster(3)
    for (const { id } of followers) cluster.cutLink(id, leader.id)
    servesWithout(cluster, leader)
  })

  test('a leader that receives and cannot send makes room (T33)', () => {
    const { cluster, leader, followers } = servingCluster(3)
    for (const { id } of followers) cluster.cutLink(leader.id, id)
    servesWithout(cluster, leader)
  })

  for (const way of ['sends and cannot receive', 'receives and cannot send']) {
    test(`a follower that ${way} disturbs nobody (T33)`, () => {
      const { cluster, leader, followers } = servingCluster(3)
      const { term } = leader.status
      const [broken, other] = followers
      for (const { id } of [leader, other!]) {
        if (way.startsWith('sends')) cluster.cutLink(id, broken!.id)
        else cluster.cutLink(broken!.id, id)
      }
      cluster.run(30 * electionTimeoutMs)
      assert.deepEqual([cluster.leader(), leader.status.term], [leader, term])
    })
  }

  test('two nodes that reach one follower only disturb nobody (T31)', () => {
    const { cluster, leader, followers } = servingCluster(5)
    const { term } = leader.status
    const [second, bridge, ...far] = followers.map(({ id }) => id)
    for (const id of far) {
      for (const near of [leader.id, second!]) {
        cluster.cutLink(id, near)
        cluster.cutLink(near, id)
      }
    }
    assert(bridge !== undefined)
    cluster.run(30 * electionTimeoutMs)
    assert.deepEqual([cluster.leader(), leader.status.term], [leader, term])
  })

  test('a leader that reaches one voter only does not keep that voter from a majority that could elect (T32)', () => {
    const { cluster, leader, followers } = servingCluster(5)
    const [, second, third, dead] = followers
    cluster.crash(dead!)
    for (const { id } of [second!, third!]) {
      cluster.cutLink(leader.id, id)
      cluster.cutLink(id, leader.id)
    }
    servesWithout(cluster, leader)
  })

  test('a node that campaigned in a newer term and knows less is taken back by one more election', () => {
    const { cluster, leader, followers } = servingCluster(3)
    const lost = followers[0]!
    cluster.crash(lost)
    cluster.propose(leader, 'while it was away')
    cluster.run(electionTimeoutMs)
    lost.disk.hardState = { ...lost.disk.hardState, term: leader.status.term + 5, votedFor: lost.id }
    cluster.restart(lost)
    cluster.until(
      () => cluster.leader() !== null && cluster.agree(),
      30 * electionTimeoutMs,
      'all agree again',
    )
    assert.deepEqual(cluster.texts(lost), ['while it was away'])
  })
})

describe('replication (section 5.3)', () => {
  test('a leader starts its term with an empty entry and tells everybody at once', () => {
    const leader = leaderOf(3)
    assert.deepEqual(
      leader.log.map(({ index, term, type }) => [index, term, type]),
      [
        [1, 1, 'FoundClusterCommand'],
        [2, 2, 'NoOpCommand'],
      ],
    )
    const appends = leader.taken().filter(message => message.type === 'append')
    assert.deepEqual(
      appends.map(({ to, prev, entries }) => [to, prev, entries.length]),
      [
        [2, { index: 1, term: 1 }, 1],
        [3, { index: 1, term: 1 }, 1],
      ],
    )
  })

  test('an append whose previous entry is not here is refused with a hint, and changes nothing', () => {
    const node = voter(2, 3, [1, 1, 2, 2], { hardState: { term: 5 } })
    const reply = { to: 1, type: 'appendReply', term: 5, session: 5, success: false }
    node.receive(1, append(5, [9, 5], [entry(10, 5)]))
    assert.deepEqual(
      node.taken(),
      [{ ...reply, rejected: 9, hint: { index: 4, term: 2 } }],
      'the log is short',
    )
    node.receive(1, append(5, [4, 1], [entry(5, 5)]))
    assert.deepEqual(
      node.taken(),
      [{ ...reply, rejected: 4, hint: { index: 2, term: 1 } }],
      'the term differs',
    )
    assert.equal(node.log.length, 4)
  })

  test('entries that conflict are cut from the first conflict on, and no earlier', () => {
    const node = voter(2, 3, [1, 1, 2, 2, 2])
    node.receive(1, append(3, [1, 1], [entry(2, 1), entry(3, 2), entry(4, 3)]))
    node.persist()
    assert.deepEqual(termsOf(node), [1, 1, 2, 3])
    assert.deepEqual(node.disk.entries, node.log)
  })

  test('a doubled append changes nothing the second time and is answered alike', () => {
    const node = voter(2, 3, [1])
    for (let i = 0; i < 2; i++) {
      node.receive(1, append(2, [1, 1], [entry(2, 2), entry(3, 2)]))
      node.persist()
      assert.deepEqual(node.taken(), [
        { to: 1, type: 'appendReply', term: 2, session: 2, success: true, matched: 3 },
      ])
      assert.deepEqual(termsOf(node), [1, 2, 2])
    }
    assert.deepEqual(node.pending, [])
  })

  test('an append that is old or short cuts nothing off a longer log that matches (T6), and matches no further than it says (T7)', () => {
    const node = voter(2, 3, [1, 2, 2, 2], { hardState: { term: 2 } })
    node.receive(1, append(2, [1, 1], [entry(2, 2)]))
    node.receive(1, append(2, [1, 1], []))
    const matched = node.taken().map(reply => 'matched' in reply && reply.matched)
    assert.deepEqual(
      [matched, termsOf(node)],
      [
        [2, 1],
        [1, 2, 2, 2],
      ],
    )
  })

  test('a follower commits no further than the append verified (T5)', () => {
    const node = voter(2, 3, [1, 1, 2])
    node.receive(1, { ...append(3, [1, 1], []), commit: 3 })
    assert.equal(node.status.commit, 1)
    node.receive(1, { ...append(3, [1, 1], [entry(2, 1)]), commit: 3 })
    assert.equal(node.status.commit, 2)
  })

  test('a leader whose log contradicts a committed entry is not believed', () => {
    const node = voter(2, 3, [1, 1, 2], { hardState: { commit: 3 } })
    node.receive(1, append(3, [1, 1], [entry(2, 3)]))
    assert.deepEqual(termsOf(node), [1, 1, 2])
    assert.equal(node.refusals.at(-1)?.reason, 'contradiction')
  })

  // Figure 7: the logs that a new leader may find. Its own:
  const figure7 = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
  const followers: [string, number[]][] = [
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ]
  for (const [name, terms] of followers) {
    test(`the leader makes follower (${name}) of figure 7 like itself`, () => {
      const leader = voter(1, 7, figure7, { hardState: { term: 7 } })
      const follower = voter(7, 7, terms)
      leader.lead(2, 3, 4)
      exchange(leader, follower)
      assert.deepEqual(follower.disk.entries, leader.log)
      assert.equal(matchOf(leader, 7), leader.log.length)
    })
  }

  test('logs that diverged over many terms are reconciled in one round per term, not per entry (T8)', () => {
    // The leader wrote the even terms, the follower the odd ones, ten entries each.
    const longAgo = (first: number) => range(0, 9).flatMap(i => Array<number>(10).fill(2 * i + first))
    const leader = voter(1, 3, [1, ...longAgo(2)], { hardState: { term: 21 } })
    const follower = voter(3, 3, [1, ...longAgo(3)])
    leader.lead(2)
    const appends = exchange(leader, follower)
    assert.deepEqual(follower.disk.entries, leader.log)
    assert(appends <= 12, `${appends} appends`)
  })

  test('a late refusal moves nothing back behind what is known to match (T8)', () => {
    const leader = leaderOf(3)
    leader.propose('a')
    leader.receive(2, acknowledgement(leader, 3))
    const before = leader.status.voters
    leader.receive(2, rejection(leader, { rejected: 1, hint: { index: 0, term: 0 } }))
    leader.receive(2, rejection(leader, { rejected: 3, hint: { index: 0, term: 0 } }))
    leader.receive(2, acknowledgement(leader, 2))
    assert.deepEqual(leader.status.voters, before)
  })

  test('a refusal that overtook an acknowledgement only costs a resend', () => {
    const leader = leaderOf(3)
    leader.receive(2, acknowledgement(leader, 2))
    leader.propose('a')
    leader.propose('b')
    leader.taken()
    // The second append came first and was refused; then the first came.
    leader.receive(2, rejection(leader, { rejected: 3, hint: { index: 2, term: 2 } }))
    leader.receive(2, acknowledgement(leader, 3))
    assert.deepEqual(appendsTo(leader, 2).at(-1), [4])
    leader.receive(2, acknowledgement(leader, 4))
    assert.equal(matchOf(leader, 2), 4)
  })

  test('the commit index travels with appends, with heartbeats as far as the follower matches, and at once by itself', () => {
    const leader = leaderOf(3)
    leader.taken()
    leader.receive(2, acknowledgement(leader, 2))
    leader.persist()
    assert.equal(leader.status.commit, 2)
    const notice = leader.taken().find(message => message.type === 'commitNotice')
    assert.deepEqual([notice?.to, notice?.commit], [2, 2])
    leader.elapse(heartbeatIntervalMs)
    const told = leader.taken().flatMap(message => (message.type === 'heartbeat' ? [message.commit] : []))
    assert.deepEqual(told, [2, 0], 'node 3 is not known to have anything')
    const follower = voter(2, 3, [1, 2], { hardState: { term: 2 } })
    follower.receive(1, notice!)
    assert.equal(follower.applied, 2)
  })

  test('a commit waits for an append to ride on, and is told by itself when none comes', () => {
    const leader = leaderOf(3, { commitNoticeDelayMs: 2 })
    leader.taken()
    leader.receive(2, acknowledgement(leader, 2))
    leader.persist()
    leader.propose('a')
    assert.deepEqual(
      leader
        .taken()
        .flatMap(message => (message.type === 'append' && message.to === 2 ? [message.commit] : [])),
      [2],
    )
    leader.elapse(2)
    assert.equal(
      leader.taken().some(message => message.type === 'commitNotice'),
      false,
    )
    leader.receive(2, acknowledgement(leader, 3))
    leader.persist()
    assert.equal(leader.status.commit, 3)
    assert.equal(
      leader.taken().some(message => message.type === 'commitNotice'),
      false,
    )
    leader.elapse(2)
    const notice = leader.taken().find(message => message.type === 'commitNotice')
    assert.deepEqual([notice?.to, notice?.commit], [2, 3])
  })
})

describe('pipelining and flow control', () => {
  test('nothing follows a probe before an answer; after it, appends go out without waiting', () => {
    const leader = leaderOf(3)
    assert.deepEqual(appendsTo(leader, 2), [[2]])
    leader.propose('a')
    assert.deepEqual(appendsTo(leader, 2), [])
    leader.receive(2, acknowledgement(leader, 2))
    leader.propose('b')
    leader.propose('c')
    assert.deepEqual(appendsTo(leader, 2), [[3], [4], [5]])
  })

  test('proposals that come together share an append, up to its size', () => {
    const leader = leaderOf(3, { appendBytesMax: 100 })
    leader.receive(2, acknowledgement(leader, 2))
    leader.taken()
    for (let i = 0; i < 5; i++)
      leader.feed({ type: 'propose', proposal: { type: 'Text', data: new Uint8Array(8) }, token: i })
    leader.drain()
    assert.deepEqual(appendsTo(leader, 2), [[3, 4], [5, 6], [7]])
  })

  test('no more appends are under way than the window holds, in number', () => {
    const leader = leaderOf(3, { inflightCountMax: 2 })
    leader.receive(2, acknowledgement(leader, 2))
    for (let i = 0; i < 4; i++) leader.propose('x')
    assert.deepEqual(appendsTo(leader, 2), [[2], [3], [4]], 'the first was the probe')
    leader.receive(2, acknowledgement(leader, 3))
    assert.deepEqual(appendsTo(leader, 2), [[5, 6]])
  })

  test('no more appends are under way than the window holds, in bytes', () => {
    const leader = leaderOf(3, { inflightBytesMax: 1000 })
    leader.receive(2, acknowledgement(leader, 2))
    leader.taken()
    for (let i = 0; i < 4; i++) leader.propose('x'.repeat(600))
    assert.deepEqual(appendsTo(leader, 2), [[3], [4]], 'the second one fills the window')
    leader.receive(2, acknowledgement(leader, 3))
    assert.deepEqual(appendsTo(leader, 2), [[5, 6]])
  })

  test('a window whose appends were all lost without a trace opens again (T21)', () => {
    const leader = leaderOf(3, { inflightCountMax: 2 })
    leader.receive(2, acknowledgement(leader, 2))
    for (let i = 0; i < 3; i++) leader.propose('x')
    leader.taken()
    for (let ms = 0; ms <= electionTimeoutMs; ms += heartbeatIntervalMs) {
      leader.elapse(heartbeatIntervalMs)
      leader.receive(2, heartbeatReply(leader))
    }
    assert.deepEqual(appendsTo(leader, 2), [[3, 4, 5]])
  })

  test('a broken connection is followed by one probe from the last match, and an idle follower recovers (T38)', () => {
    const leader = leaderOf(3)
    leader.receive(2, acknowledgement(leader, 2))
    leader.propose('a')
    leader.taken()
    leader.step({ type: 'sendFailed', peer: 2 })
    assert.deepEqual(appendsTo(leader, 2), [[3]])
    leader.step({ type: 'sendFailed', peer: 2 })
    assert.deepEqual(appendsTo(leader, 2), [], 'it waits for a sign of life')
    leader.receive(2, heartbeatReply(leader))
    assert.deepEqual(appendsTo(leader, 2), [[3]])
    leader.receive(2, acknowledgement(leader, 3))
    leader.propose('b')
    assert.deepEqual(appendsTo(leader, 2), [[4]])
  })

  test('entries that left memory are read back from disk, one read at a time', () => {
    const leader = leaderOf(3, { tailBytesMax: 0 })
    for (let i = 0; i < 3; i++) leader.propose('x')
    leader.persist()
    leader.receive(2, acknowledgement(leader, 5))
    assert.equal(leader.applied, 5)
    leader.receive(3, rejection(leader, { rejected: 1, hint: { index: 0, term: 0 } }))
    leader.taken()
    const [request, ...more] = leader.reads
    assert.deepEqual([request?.peer, request?.from, request?.to, more], [3, 1, 5, []])
    leader.step({ type: 'entriesRead', request: request!, entries: leader.disk.entries.slice(0, 3) })
    assert.deepEqual(appendsTo(leader, 3), [[1, 2, 3]])
    leader.receive(3, acknowledgement(leader, 3))
    assert.deepEqual([leader.reads.at(-1)?.from, leader.reads.length], [4, 2])
  })

  test('entries that are not on the own disk stay in memory, though others have committed them', () => {
    const leader = leaderOf(3, { tailBytesMax: 0 })
    for (const from of [2, 3]) leader.receive(from, acknowledgement(leader, 2))
    assert.deepEqual([leader.status.commit, leader.status.durable], [2, 1])
    assert.equal(leader.raft.entries(1, 2, 1000), null)
    assert.equal(leader.raft.entries(2, 2, 1000)?.length, 1)
  })

  test('without a majority proposals are refused once the cap is reached, and memory stays flat (T40)', () => {
    const leader = leaderOf(3, { uncommittedBytesMax: 500 })
    const accepted = range(1, 100).filter(() => 'entry' in leader.propose('x'.repeat(50)))
    assert(accepted.length < 10, `${accepted.length} accepted`)
    assert.deepEqual(leader.propose('x'.repeat(50), 7), { token: 7, refused: 'overloaded' })
    leader.persist()
    leader.receive(2, acknowledgement(leader, leader.log.length))
    assert('entry' in leader.propose('x'.repeat(50)), 'what is committed no longer counts')
    leader.persist()
    leader.receive(2, acknowledgement(leader, leader.log.length))
    assert('entry' in leader.propose('x'.repeat(5000)), 'a large one passes alone')
  })

  test('who does not lead takes no proposals', () => {
    assert.deepEqual(voter(1, 3, [1]).propose('x', 3), { token: 3, refused: 'notLeader' })
  })
})

describe('commitment and safety (section 5.4)', () => {
  test('an entry of an older term is not committed by counting copies, but by one of the own term behind it (figure 8, T1)', () => {
    // (c): S1 leads term 4; its entry 2 of term 2 reaches S2 and S3, a majority, and still does not count.
    const s1 = voter(1, 5, [1, 2], { hardState: { term: 3 } })
    s1.lead(2, 3)
    s1.persist()
    for (const from of [2, 3]) s1.receive(from, acknowledgement(s1, 2))
    assert.deepEqual([s1.status.term, s1.status.commit], [4, 0])
    // (e): entry 3 of term 4 does, and entry 2 with it.
    for (const from of [2, 3]) s1.receive(from, acknowledgement(s1, 3))
    assert.equal(s1.status.commit, 3)
  })

  test('an entry of an older term that a majority holds may still be overwritten (figure 8 d)', () => {
    const s5 = voter(5, 5, [1, 3], { hardState: { term: 4 } })
    const s2 = voter(2, 5, [1, 2], { hardState: { term: 4 } })
    s5.lead(3, 4)
    exchange(s5, s2)
    assert.deepEqual([termsOf(s2), s2.disk.entries], [[1, 3, 5], s5.log])
  })

  test('an entry is committed when a majority holds it, and no sooner', () => {
    const leader = leaderOf(5)
    leader.persist()
    leader.receive(2, acknowledgement(leader, 2))
    assert.equal(leader.status.commit, 0)
    leader.receive(2, acknowledgement(leader, 2))
    assert.equal(leader.status.commit, 0, 'the same follower twice is one')
    leader.receive(3, acknowledgement(leader, 2))
    assert.equal(leader.status.commit, 2)
  })

  test('the leader counts itself only after its own sync, and others may be enough without it (T28)', () => {
    const leader = leaderOf(3)
    leader.receive(2, acknowledgement(leader, 2))
    assert.equal(leader.status.commit, 0)
    leader.receive(3, acknowledgement(leader, 2))
    assert.equal(leader.status.commit, 2)
    assert.equal(leader.applied, 1, 'it applies only what its own disk holds')
    leader.persist()
    assert.equal(leader.applied, 2)
  })

  test('an acknowledgement beyond the end of the own log counts as far as the log goes', () => {
    const leader = leaderOf(3)
    leader.persist()
    leader.receive(2, acknowledgement(leader, 99))
    assert.deepEqual([leader.status.commit, matchOf(leader, 2)], [2, 2])
  })

  test('an alone voter elects itself and commits, each after its own sync only (T28)', () => {
    const node = voter(1, 1, [1])
    node.elapse(electionTimeoutMs + electionJitterMs)
    assert.deepEqual(rankOf(node), ['CANDIDATE', 2])
    node.persist(1)
    assert.deepEqual([rankOf(node), node.status.commit], [['LEADER', 2], 0])
    node.persist(1)
    assert.equal(node.status.commit, 2)
    node.propose('x')
    assert.deepEqual([node.status.commit, node.applied], [2, 2])
    node.crash()
    node.start()
    assert.deepEqual(termsOf(node), [1, 2], 'what was not committed may be lost')
    node.elapse(electionTimeoutMs + electionJitterMs)
    node.persist()
    assert.deepEqual([rankOf(node), node.applied, termsOf(node)], [['LEADER', 3], 3, [1, 2, 3]])
    assert.equal(node.elapse(100 * electionTimeoutMs), undefined)
    assert.equal(node.status.role, 'LEADER', 'it is its own majority')
  })

  test('a new leader holds every committed entry, whoever fails (figure 3, leader completeness)', () => {
    for (const size of [3, 5]) {
      const { cluster, leader, followers } = servingCluster(size)
      cluster.propose(leader, 'kept')
      cluster.until(() => cluster.texts(leader).includes('kept'), electionTimeoutMs, 'it commits')
      for (const node of [leader, ...followers].slice(0, Math.floor(size / 2))) cluster.crash(node)
      const next = cluster.untilLeader(20 * electionTimeoutMs)
      assert.deepEqual(cluster.texts(next), ['kept'])
    }
  })
})

describe('what is on disk before it is said (figure 2)', () => {
  test('an acknowledgement waits for the entries, and with them goes the term in one write (T27)', () => {
    const node = voter(2, 3, [1])
    node.receive(1, append(4, [1, 1], [entry(2, 4)]))
    assert.deepEqual(node.taken(), [])
    const [first, ...more] = node.pending
    assert.deepEqual([first?.hardState.term, first?.entries.length, more], [4, 1, []])
    node.persist()
    assert.deepEqual(node.taken(), [
      { to: 1, type: 'appendReply', term: 4, session: 4, success: true, matched: 2 },
    ])
  })

  test('a doubled append is not acknowledged before the entries of the first are on disk', () => {
    const node = voter(2, 3, [1])
    node.receive(1, append(2, [1, 1], [entry(2, 2)]))
    node.receive(1, append(2, [1, 1], [entry(2, 2)]))
    assert.deepEqual(node.taken(), [])
    node.persist()
    assert.equal(node.taken().length, 2)
  })

  test('an empty append is not acknowledged before the entries that it matches are on disk', () => {
    const node = voter(2, 3, [1])
    node.receive(1, append(2, [1, 1], [entry(2, 2)]))
    node.receive(1, append(2, [2, 2], []))
    assert.deepEqual(node.taken(), [])
  })

  test('a heartbeat of a new term is answered when the term is on disk, and later ones at once, whatever the disk does', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    assert.deepEqual(node.taken(), [])
    node.persist()
    assert.equal(node.taken().length, 1)
    node.receive(1, append(2, [1, 1], [entry(2, 2)]))
    node.receive(1, heartbeat(2))
    assert.deepEqual(
      node.taken().map(({ type }) => type),
      ['heartbeatReply'],
    )
  })

  test('a refusal that shows a new term waits for that term too', () => {
    const node = voter(2, 3, [1])
    node.receive(1, append(5, [7, 4], []))
    node.receive(3, heartbeat(2))
    assert.deepEqual(node.taken(), [])
    node.persist()
    assert.deepEqual(
      node.taken().map(message => 'term' in message && message.term),
      [5, 5],
    )
  })

  test('a follower applies what is committed only when its own disk holds it (T28)', () => {
    const node = voter(2, 3, [1])
    node.receive(1, { ...append(2, [1, 1], [entry(2, 2)]), commit: 2 })
    assert.deepEqual([node.status.commit, node.applied], [2, 1])
    node.persist()
    assert.equal(node.applied, 2)
  })

  test('a crash loses what was not on disk, and what was acknowledged is there', () => {
    const node = voter(2, 3, [1])
    node.receive(1, append(2, [1, 1], [entry(2, 2)]))
    node.persist()
    node.receive(1, append(2, [2, 2], [entry(3, 2)]))
    node.crash()
    node.start()
    assert.deepEqual([termsOf(node), node.status.term], [[1, 2], 2])
  })

  test('an entry that was overwritten while it was being written never counts as durable (T26)', () => {
    const node = voter(3, 5, [1])
    // Entries 2 and 3 of A, entry 2 of B, entries 2 and 3 of A's successor: three writes under way, the same indexes.
    node.receive(1, append(2, [1, 1], [entry(2, 2), entry(3, 2)]))
    node.receive(2, append(3, [1, 1], [entry(2, 3)]))
    node.receive(1, append(4, [1, 1], [entry(2, 4), entry(3, 4)]))
    assert.equal(node.pending.length, 3)
    node.persist(1)
    assert.equal(node.status.durable, 1)
    node.persist(1)
    assert.equal(node.status.durable, 1)
    node.persist(1)
    assert.equal(node.status.durable, 3)
    assert.deepEqual(node.disk.entries, node.log)
  })

  test('a leader does not count a write of its follower days that was overwritten since (T26)', () => {
    const node = voter(3, 3, [1])
    node.receive(1, append(2, [1, 1], [entry(2, 2), entry(3, 2), entry(4, 2)]))
    node.receive(2, append(3, [1, 1], [entry(2, 3)]))
    node.persist()
    node.lead(2)
    assert.equal(node.log.length, 3)
    node.receive(2, acknowledgement(node, 3))
    assert.deepEqual([node.status.durable, node.status.commit], [2, 1])
    node.persist()
    assert.equal(node.status.commit, 3)
  })

  test('what was cut before it was written is never written', () => {
    const node = voter(3, 3, [1])
    node.feed({ type: 'message', envelope: node.envelope(1, append(2, [1, 1], [entry(2, 2), entry(3, 2)])) })
    node.feed({ type: 'message', envelope: node.envelope(2, append(3, [1, 1], [entry(2, 3)])) })
    node.drain()
    const [only, ...more] = node.pending
    assert.deepEqual([only?.truncateFrom, only?.entries.map(({ term }) => term), more], [null, [3], []])
  })

  test('two cuts before one write cut as far back as the deeper one', () => {
    const node = voter(3, 3, [1, 2, 2, 2])
    node.feed({ type: 'message', envelope: node.envelope(1, append(3, [3, 2], [entry(4, 3)])) })
    node.feed({ type: 'message', envelope: node.envelope(2, append(4, [1, 1], [entry(2, 4)])) })
    node.drain()
    node.persist()
    assert.deepEqual(node.disk.entries, node.log)
    assert.deepEqual(termsOf(node), [1, 4])
  })

  test('a vote that was never written, because a newer term came first, is still kept', () => {
    const node = voter(3, 3, [1])
    node.feed({ type: 'message', envelope: node.envelope(1, voteRequest(2)) })
    node.feed({ type: 'message', envelope: node.envelope(2, voteRequest(3)) })
    node.drain()
    node.persist()
    assert.deepEqual(
      node.taken().map(reply => 'granted' in reply && [reply.to, reply.term, reply.granted]),
      [
        [1, 2, true],
        [2, 3, true],
      ],
    )
    assert.deepEqual(termAndVote(node), [3, 2], 'no further vote of term 2 is possible')
  })

  test('a reply names the request that it answers', () => {
    const node = voter(3, 3, [1])
    node.receive(1, append(2, [1, 1], [entry(2, 2)]), { via: 41 })
    node.receive(2, voteRequest(1), { via: 42 })
    node.receive(2, append(1, [1, 1], []), { via: 43 })
    node.receive(2, append(2, [1, 1], []), { via: 44 })
    node.persist()
    assert.deepEqual(node.outbox.map(({ via }) => via).sort(), [41, 42, 43])
    assert.deepEqual(
      node.refusals.map(({ via }) => via),
      [44],
    )
  })
})

// Messages.

function voteRequest(term: number, last: EntryId = { index: 1, term: 1 }) {
  return { type: 'voteRequest', transfer: false, term, preVote: false, last } as const
}

function vote(term: number) {
  return { type: 'voteReply', term, preVote: false, granted: true } as const
}

function append(term: number, [index, prevTerm]: [number, number], entries: Entry[]) {
  return { type: 'append', term, session: term, prev: { index, term: prevTerm }, entries, commit: 1 } as const
}

function heartbeat(term: number, commit = 1) {
  return { type: 'heartbeat', round: 0, successors: [], term, session: term, commit } as const
}

function commitNotice(term: number, commit: number) {
  return { type: 'commitNotice', term, session: term, commit } as const
}

function heartbeatReply(leader: Node) {
  const { term } = leader.status
  return { type: 'heartbeatReply', round: 0, term, session: term } as const
}

function acknowledgement(leader: Node, matched: number): AppendReply {
  const { term } = leader.status
  return { type: 'appendReply', term, session: term, success: true, matched }
}

function rejection(leader: Node, reply: { term?: number; rejected: number; hint: EntryId }): AppendReply {
  const { term } = leader.status
  return { type: 'appendReply', term, session: term, success: false, ...reply }
}

// Nodes.

/** Leads term 2; its empty entry 2 is not on its disk yet, nor anywhere else. */
function leaderOf(size: number, options: Partial<RaftOptions> = {}): Node {
  const node = voter(1, size, [1], { options })
  node.lead(...range(2, Math.floor(size / 2) + 1))
  return node
}

/** Times out and wins the pre-vote of the given peers; its vote for itself is not on disk yet. */
function preVoteWon(node: Node, ...supporters: number[]): void {
  node.elapse(node.deadline - node.now)
  const term = node.status.term + 1
  for (const from of supporters) node.receive(from, { type: 'voteReply', term, preVote: true, granted: true })
  node.taken()
}

/** Whether the node grants this request once everything is on disk. */
function voteOf(node: Node, from: number, request: Message): boolean {
  node.taken()
  node.receive(from, request)
  node.persist()
  const reply = node.taken().find(({ type }) => type === 'voteReply')
  assert(reply?.type === 'voteReply')
  return reply.granted
}

/** Carries messages between the two, disks at once, until both are silent. Returns how many appends it took. */
function exchange(leader: Node, follower: Node): number {
  let appends = 0
  for (;;) {
    leader.persist()
    follower.persist()
    const there = leader.taken().filter(({ to }) => to === follower.id)
    const back = follower.taken().filter(({ to }) => to === leader.id)
    if (there.length + back.length === 0) return appends
    for (const message of there) {
      if (message.type === 'append') appends += 1
      follower.receive(leader.id, message)
    }
    for (const message of back) leader.receive(follower.id, message)
  }
}

/** Indexes of the entries in each append that went to this peer since the last look. */
function appendsTo(leader: Node, peer: number): number[][] {
  const sent = leader.taken().filter(({ to }) => to === peer)
  return sent.flatMap(message =>
    message.type === 'append' ? [message.entries.map(({ index }) => index)] : [],
  )
}

function matchOf(leader: Node, id: number): number | null | undefined {
  return leader.status.voters.find(one => one.id === id)?.match
}

function rankOf(node: Node): [string, number] {
  return [node.status.role, node.status.term]
}

function termsOf(node: Node): number[] {
  return node.log.map(({ term }) => term)
}

function termAndVote({ disk }: Node): [HardState['term'], HardState['votedFor']] {
  return [disk.hardState.term, disk.hardState.votedFor]
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

// Clusters.

function servingCluster(size: number): { cluster: Cluster; leader: Node; followers: Node[] } {
  const cluster = Cluster.empty(size, size)
  const leader = cluster.untilLeader(20 * electionTimeoutMs)
  cluster.until(() => cluster.agree(), 10 * electionTimeoutMs, 'all agree')
  return { cluster, leader, followers: [...cluster.nodes.values()].filter(node => node !== leader) }
}

/** Another leader takes over and commits, and then there is peace. */
function servesWithout(cluster: Cluster, old: Node): void {
  const isNew = () => cluster.leader() !== null && cluster.leader() !== old
  cluster.until(isNew, 20 * electionTimeoutMs, 'another leader')
  const leader = cluster.leader()!
  cluster.propose(leader, 'served')
  cluster.until(() => cluster.texts(leader).includes('served'), 5 * electionTimeoutMs, 'it commits')
  const { term } = leader.status
  cluster.run(30 * electionTimeoutMs)
  assert.deepEqual([cluster.leader(), leader.status.term], [leader, term], 'no further election')
}
