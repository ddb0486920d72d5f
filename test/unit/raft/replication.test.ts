import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { acknowledgement, append, heartbeatReply, termsOf } from './messages.ts'
import { entry, TIMING, voter } from './node.ts'
import { appendsTo, exchange, leaderOf, matchOf, range, rejection } from './paper.ts'

/**
 * Replication, and how it flows. One test per rule of the Raft paper ("In search of an understandable
 * consensus algorithm", extended version), of the thesis where it says more, and of the faults that other implementations
 * had (T1 to T40 of the reference).
 */

const { electionTimeoutMs, heartbeatIntervalMs } = TIMING

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
