import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cluster } from './cluster.ts'
import {
  acknowledgement,
  append,
  grants,
  heartbeat,
  heartbeatReply,
  leaderOf,
  sentTo,
  vote,
  voteRequest,
} from './messages.ts'
import { entry, type Node, TIMING, voter } from './node.ts'

/** Who follows a leader that goes: leadership transfer (thesis 3.10), and the crash of its process. */

const { electionTimeoutMs, heartbeatIntervalMs } = TIMING
const LAST = { index: 1, term: 1 }

describe('transfer', () => {
  test('a successor that has everything is told to run at once; others get what they lack first', () => {
    const leader = leaderOf(3)
    leader.step({ type: 'transfer', target: 2 })
    assert.equal(sentTo(leader, 2, 'timeoutNow').length, 1)
    leader.step({ type: 'transfer', target: 3 })
    assert.deepEqual(sentTo(leader, 3, 'timeoutNow'), [])
    leader.receive(3, acknowledgement(leader, 2))
    assert.equal(sentTo(leader, 3, 'timeoutNow').length, 1)
  })

  test('what was proposed before goes along, and nothing is taken meanwhile (T30)', () => {
    const leader = leaderOf(3)
    leader.propose('before')
    leader.step({ type: 'transfer', target: 2 })
    assert.deepEqual(leader.propose('x', 5), { token: 5, refused: 'transferring' })
    assert.deepEqual(sentTo(leader, 2, 'timeoutNow'), [])
    leader.receive(2, acknowledgement(leader, 3))
    assert.equal(sentTo(leader, 2, 'timeoutNow').length, 1)
  })

  test('without a wish it goes to the voter that is furthest and answers', () => {
    const leader = leaderOf(5)
    leader.receive(4, acknowledgement(leader, 2))
    leader.propose('x')
    leader.receive(4, acknowledgement(leader, 3))
    leader.step({ type: 'transfer', target: null })
    assert.equal(leader.status.transferTo, 4)
  })

  test('a stranger, a learner and the leader itself are no successors', () => {
    const leader = leaderOf(3)
    leader.change({ kind: 'addLearner', learner: { id: 4, uuid: 'disk-4' } })
    for (const target of [1, 4, 9]) leader.step({ type: 'transfer', target })
    assert.equal(leader.status.transferTo, null)
    assert('entry' in leader.propose('x'))
  })

  test('a successor that does not take over in time is given up, and proposals go on (T30)', () => {
    const leader = leaderOf(3)
    leader.step({ type: 'transfer', target: 2 })
    for (let ms = 0; ms < electionTimeoutMs; ms += heartbeatIntervalMs) {
      assert('refused' in leader.propose('x'))
      leader.elapse(heartbeatIntervalMs)
      leader.receive(3, heartbeatReply(leader))
    }
    assert('entry' in leader.propose('x'))
    leader.taken()
    leader.receive(2, heartbeatReply(leader))
    leader.receive(2, acknowledgement(leader, leader.log.length))
    assert.deepEqual(sentTo(leader, 2, 'timeoutNow'), [], 'and is not told any more')
  })

  test('a transfer ends with the leadership: who leads again takes proposals (T30)', () => {
    const leader = leaderOf(3)
    leader.step({ type: 'transfer', target: 2 })
    leader.receive(3, heartbeat(5))
    leader.persist()
    leader.lead(2)
    assert.equal(leader.status.transferTo, null)
    assert('entry' in leader.propose('x'))
  })

  test('the word to run is said again as long as the successor answers, for it may be lost', () => {
    const leader = leaderOf(3)
    leader.step({ type: 'transfer', target: 2 })
    leader.taken()
    leader.receive(2, heartbeatReply(leader))
    assert.equal(sentTo(leader, 2, 'timeoutNow').length, 1)
  })

  test('the successor runs without a pre-vote, and is voted for though the leader is alive (T30)', () => {
    const successor = voter(2, 3, [1])
    successor.receive(1, heartbeat(2))
    successor.receive(1, { type: 'timeoutNow', term: 2 })
    successor.persist()
    const request = sentTo(successor, 3, 'voteRequest')
    assert.deepEqual([request.length, request[0]?.preVote, request[0]?.transfer], [1, false, true])
    const other = voter(3, 3, [1])
    other.receive(1, heartbeat(2))
    assert.equal(grants(other, 2, request[0]!), true)
    const leader = leaderOf(3)
    assert.equal(grants(leader, 2, voteRequest(3, { index: 2, term: 2 }, { transfer: true })), true)
  })

  test('only the leader that a node follows sends it into an election, and only one that may lead', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    node.receive(3, { type: 'timeoutNow', term: 2 })
    node.receive(1, { type: 'timeoutNow', term: 1 })
    assert.deepEqual([node.status.role, node.status.term], ['FOLLOWER', 2])
    const unled = voter(2, 3, [1])
    unled.receive(3, { type: 'timeoutNow', term: 1 })
    assert.deepEqual([unled.status.role, unled.status.term], ['FOLLOWER', 1])
    const foreign = voter(2, 3, [1], { options: { uuid: 'a-copy' } })
    foreign.receive(1, heartbeat(2), { toUuid: null })
    foreign.receive(1, { type: 'timeoutNow', term: 2 }, { toUuid: null })
    assert.deepEqual([foreign.status.role, foreign.status.term], ['FOLLOWER', 2])
  })

  test('a term that came between an append and its answer is the one that counts (T29)', () => {
    const leader = leaderOf(3)
    leader.propose('x')
    leader.receive(3, heartbeat(3))
    leader.persist()
    leader.receive(2, { type: 'appendReply', term: 2, session: 2, success: true, matched: 3 })
    assert.deepEqual([leader.status.role, leader.status.term, leader.status.commit], ['FOLLOWER', 3, 2])
  })
})

describe('crash of the leader', () => {
  test('the leader names its successors: voters that answer, those that have most first', () => {
    const leader = leaderOf(5)
    leader.receive(4, acknowledgement(leader, 2))
    leader.propose('x')
    leader.receive(4, acknowledgement(leader, 3))
    leader.change({ kind: 'addLearner', learner: { id: 6, uuid: 'disk-6' } })
    for (let ms = 0; ms < electionTimeoutMs; ms += heartbeatIntervalMs) {
      leader.elapse(heartbeatIntervalMs)
      for (const from of [2, 3, 4]) leader.receive(from, heartbeatReply(leader))
    }
    leader.taken()
    leader.elapse(heartbeatIntervalMs)
    assert.deepEqual(sentTo(leader, 2, 'heartbeat')[0]?.successors, [4, 2, 3])
  })

  test('they run one after the other, long before a timeout; who is not named runs last', () => {
    const delays = [2, 3, 4].map(id => {
      const node = voter(id, 4, [1])
      node.receive(1, heartbeat(2, { successors: [3, 2] }))
      node.step({ type: 'peerLost', peer: 1 })
      return node.deadline - node.now
    })
    assert.deepEqual(delays, [25, 0, 50])
  })

  test('a lost leader holds nobody back, and is no leader to callers', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    node.persist()
    assert.equal(grants(node, 3, voteRequest(3, LAST, { preVote: true })), false)
    node.step({ type: 'peerLost', peer: 1 })
    assert.equal(node.status.leader, null)
    assert.equal(grants(node, 3, voteRequest(3, LAST, { preVote: true })), true)
    assert.equal(grants(node, 3, voteRequest(3, LAST)), true)
  })

  test('its vote in the leader’s own term is gone all the same (T3)', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    node.step({ type: 'peerLost', peer: 1 })
    assert.equal(grants(node, 3, voteRequest(2, { index: 9, term: 1 })), false)
  })

  test('another peer’s end means nothing, nor that of the leader to itself', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    const before = node.status
    node.step({ type: 'peerLost', peer: 3 })
    assert.deepEqual(node.status, before)
    const leader = leaderOf(3)
    for (const peer of [1, 2]) leader.step({ type: 'peerLost', peer })
    assert.equal(leader.status.role, 'LEADER')
  })

  test('a false alarm ends with the next word of the leader', () => {
    const node = voter(2, 3, [1])
    for (const word of [heartbeat(2), append(2, [1, 1], [entry(2, 2)])]) {
      node.receive(1, heartbeat(2))
      node.step({ type: 'peerLost', peer: 1 })
      node.receive(1, word)
      assert.equal(node.status.leader, 1)
      assert(node.deadline - node.now >= electionTimeoutMs)
      assert.equal(grants(node, 3, voteRequest(3, { index: 9, term: 9 })), false)
    }
  })

  test('a refused pre-vote is tried again within milliseconds, a real vote takes its time; after a while it is over', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    node.step({ type: 'peerLost', peer: 1 })
    const began = node.now
    let tries = 0
    while (node.now < began + 2 * electionTimeoutMs) {
      node.now = node.deadline
      node.step({ type: 'tick' })
      tries += 1
      for (const from of [1, 3])
        node.receive(from, { type: 'voteReply', term: 2, preVote: true, granted: false })
    }
    assert(tries >= 4, `${tries} tries`)
    assert(node.deadline - node.now >= electionTimeoutMs, 'the usual pace')

    const real = voter(2, 3, [1])
    real.receive(1, heartbeat(2))
    real.step({ type: 'peerLost', peer: 1 })
    real.step({ type: 'tick' })
    real.receive(3, { type: 'voteReply', term: 3, preVote: true, granted: true })
    assert.equal(real.status.term, 3)
    assert(real.deadline - real.now >= electionTimeoutMs / 4)
    real.persist()
    real.receive(3, vote(3))
    assert.equal(real.status.role, 'LEADER')
  })

  test('who says yes to a pre-vote lets the other go first, once', () => {
    const node = voter(3, 3, [1])
    node.receive(1, heartbeat(2, { successors: [3, 2] }))
    node.step({ type: 'peerLost', peer: 1 })
    const began = node.now
    assert.equal(grants(node, 2, voteRequest(3, LAST, { preVote: true })), true)
    const campaignAt = node.deadline
    assert(campaignAt - began >= electionTimeoutMs / 4, 'as long as a real vote takes')
    assert(campaignAt - began < electionTimeoutMs)
    node.now += 5
    assert.equal(grants(node, 2, voteRequest(3, LAST, { preVote: true })), true)
    assert.equal(node.deadline, campaignAt, 'the other does not get on')
    node.now = campaignAt
    node.step({ type: 'tick' })
    assert.equal(node.status.role, 'CANDIDATE')
  })

  test('of two that ask around, the one with less of the log makes way, or else the higher id', () => {
    const asking = (id: number): Node => {
      const node = voter(id, 3, [1, 1])
      node.receive(1, heartbeat(2, { successors: [id] }))
      node.step({ type: 'peerLost', peer: 1 })
      node.step({ type: 'tick' })
      assert.equal(node.status.role, 'CANDIDATE')
      return node
    }
    const same = { index: 2, term: 1 }
    const roleAfter = (node: Node, from: number, last: typeof same): string => {
      assert.equal(grants(node, from, voteRequest(3, last, { preVote: true })), true)
      return node.status.role
    }
    assert.equal(roleAfter(asking(3), 2, same), 'FOLLOWER')
    assert.equal(roleAfter(asking(2), 3, same), 'CANDIDATE')
    assert.equal(roleAfter(asking(2), 3, { index: 3, term: 1 }), 'FOLLOWER')
  })

  test('a split vote is not waited out: who was refused asks around again within milliseconds, the gone leader counted out', () => {
    for (const lose of [crashNoticed, silenceNoticed]) {
      const node = voter(2, 3, [1])
      node.receive(1, heartbeat(2))
      lose(node)
      node.step({ type: 'tick' })
      node.receive(3, { type: 'voteReply', term: 3, preVote: true, granted: true })
      node.persist()
      assert.deepEqual([node.status.role, node.status.term], ['CANDIDATE', 3])
      node.receive(3, { type: 'voteReply', term: 3, preVote: false, granted: false })
      assert.deepEqual([node.status.role, node.status.term], ['FOLLOWER', 3])
      assert(node.deadline - node.now < electionTimeoutMs / 2, `${lose.name}: ${node.deadline - node.now} ms`)
      node.now = node.deadline
      node.step({ type: 'tick' })
      assert.deepEqual([node.status.role, node.status.term], ['CANDIDATE', 3], 'with a pre-vote')
    }
  })

  test('a leader that was given up and is back votes like anybody else', () => {
    const node = voter(2, 3, [1])
    node.receive(1, heartbeat(2))
    crashNoticed(node)
    node.step({ type: 'tick' })
    node.receive(1, { type: 'voteReply', term: 3, preVote: true, granted: true })
    node.persist()
    node.receive(1, vote(3))
    assert.equal(node.status.role, 'LEADER')
  })

  test('a leader that was given up and answers is waited for, though others refuse sooner', () => {
    for (const lose of [crashNoticed, silenceNoticed]) {
      const node = voter(2, 3, [1])
      node.receive(1, heartbeat(2))
      lose(node)
      node.step({ type: 'tick' })
      node.receive(3, { type: 'voteReply', term: 2, preVote: true, granted: false })
      node.receive(1, { type: 'voteReply', term: 3, preVote: true, granted: true })
      node.persist()
      node.receive(3, { type: 'voteReply', term: 3, preVote: false, granted: false })
      assert.deepEqual([node.status.role, node.status.term], ['CANDIDATE', 3], lose.name)
      node.receive(1, vote(3))
      assert.equal(node.status.role, 'LEADER', lose.name)
    }
  })

  test('a leader that is back with a slow disk, and a successor that fell at once, are no endless election', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { cluster, leader, followers } = serving(seed, 3)
      cluster.crash(leader)
      for (const node of followers) cluster.lose(node, leader.id)
      const leads = (node: Node): boolean => node.status.role === 'LEADER'
      cluster.until(() => followers.some(leads), 20 * electionTimeoutMs, 'a successor')
      const [fallen, voted] = followers.toSorted((a, b) => Number(leads(b)) - Number(leads(a))) as [
        Node,
        Node,
      ]
      // It has an entry that nobody else has, and refuses its vote to the one that gave up the first leader.
      cluster.partition([leader.id], [fallen.id], [voted.id])
      const { index } = fallen.status.last
      cluster.until(() => fallen.status.durable === index, electionTimeoutMs, 'its first entry on its disk')
      cluster.crash(fallen)
      cluster.run(heartbeatIntervalMs)
      cluster.healLinks()
      cluster.slowDisk(leader, electionTimeoutMs / 4)
      for (const node of [leader, fallen]) cluster.restart(node)
      const { term } = voted.status
      const next = cluster.untilLeader(5 * electionTimeoutMs)
      assert(next.status.term <= term + 3, `seed ${seed}: ${next.status.term - term} terms`)
    }
  })

  test('when both followers run at the same moment, one of them is elected at once: no vote is split', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const { cluster, leader, followers } = serving(seed, 3)
      const { term } = leader.status
      const [first, second] = followers as [Node, Node]
      cluster.crash(leader)
      cluster.lose(second, leader.id)
      cluster.run(second.deadline - cluster.now - 3 + (seed % 7))
      cluster.lose(first, leader.id)
      const next = cluster.untilLeader(electionTimeoutMs)
      assert.equal(next.status.term, term + 1, `seed ${seed}`)
    }
  })

  test('when a majority knows of the crash, there is a leader within a fraction of the timeout', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { cluster, leader, followers } = serving(seed, 3)
      cluster.crash(leader)
      for (const node of followers) cluster.lose(node, leader.id)
      const began = cluster.now
      cluster.untilLeader(electionTimeoutMs)
      assert(cluster.now - began < electionTimeoutMs / 2, `seed ${seed}: ${cluster.now - began} ms`)
    }
  })

  test('one node alone that is wrong about it deposes nobody; a majority that is wrong costs one election (I22)', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { cluster, leader, followers } = serving(seed, 5)
      const { term } = leader.status
      for (let i = 0; i < 5; i++) {
        cluster.lose(followers[0]!, leader.id)
        cluster.run(3 * electionTimeoutMs)
      }
      assert.deepEqual([cluster.leader(), leader.status.term], [leader, term], `seed ${seed}`)
      const { elections } = cluster.safety.counts
      for (const node of followers) cluster.lose(node, leader.id)
      cluster.run(5 * electionTimeoutMs)
      cluster.untilLeader(electionTimeoutMs)
      assert(cluster.safety.counts.elections <= elections + 1, `seed ${seed}`)
    }
  })
})

function crashNoticed(node: Node): void {
  node.step({ type: 'peerLost', peer: 1 })
  node.now = node.deadline
}

function silenceNoticed(node: Node): void {
  node.now = node.deadline
}

function serving(seed: number, size: number): { cluster: Cluster; leader: Node; followers: Node[] } {
  const cluster = Cluster.empty(seed, size)
  const leader = cluster.untilLeader(20 * electionTimeoutMs)
  cluster.until(() => cluster.agree(), 10 * electionTimeoutMs, 'all agree')
  cluster.run(2 * heartbeatIntervalMs)
  return { cluster, leader, followers: [...cluster.nodes.values()].filter(node => node !== leader) }
}
