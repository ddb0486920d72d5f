import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { heartbeatReply } from './messages.ts'
import { TIMING } from './node.ts'
import { leaderOf, rankOf, servesWithout, servingCluster } from './paper.ts'

/**
 * Leaders that hear nobody, and links of one way. One test per rule of the Raft paper ("In search of an understandable
 * consensus algorithm", extended version), of the thesis where it says more, and of the faults that other implementations
 * had (T1 to T40 of the reference).
 */

const { electionTimeoutMs, heartbeatIntervalMs } = TIMING

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
