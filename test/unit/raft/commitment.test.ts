import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { acknowledgement, append, heartbeat, termsOf, voteRequest } from './messages.ts'
import { entry, TIMING, voter } from './node.ts'
import { exchange, leaderOf, matchOf, rankOf, servingCluster, termAndVote } from './paper.ts'

/**
 * What is committed, and what is on disk before it is said. One test per rule of the Raft paper ("In search of an understandable
 * consensus algorithm", extended version), of the thesis where it says more, and of the faults that other implementations
 * had (T1 to T40 of the reference).
 */

const { electionTimeoutMs, electionJitterMs } = TIMING

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
