import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Cluster } from './cluster.ts'
import { NO_FAULTS } from './faults.ts'
import { answer, empty, serves, unfounded, VOTERS } from './founding.ts'
import { CLUSTER_ID, diskOf, TIMING, voter } from './node.ts'

const { electionTimeoutMs, heartbeatIntervalMs } = TIMING

describe('founding', () => {
  test('an empty node asks every configured voter, again and again, and neither votes nor campaigns', () => {
    const node = empty(1)
    for (let i = 0; i < 100; i++) {
      node.elapse(heartbeatIntervalMs)
      assert.deepEqual(node.taken(), [
        { to: 2, type: 'foundingProbe', voters: VOTERS },
        { to: 3, type: 'foundingProbe', voters: VOTERS },
      ])
    }
    node.receive(
      2,
      { type: 'voteRequest', transfer: false, term: 9, preVote: false, last: { index: 9, term: 8 } },
      { toUuid: null },
    )
    assert.deepEqual([node.status.role, node.status.term, node.taken()], ['FOUNDING', 0, []])
    assert.deepEqual(node.status.awaited, [2, 3])
  })

  test('the lowest id founds when all are empty: entry 1 names the cluster and each voter with its disk', () => {
    const founder = empty(1)
    founder.elapse(0)
    answer(founder, 2)
    assert.equal(founder.status.role, 'FOUNDING', 'one is missing')
    answer(founder, 3)
    assert.equal(founder.status.role, 'FOLLOWER')
    founder.persist(1)
    assert.deepEqual(JSON.parse(new TextDecoder().decode(founder.disk.entries[0]!.data)), {
      clusterId: CLUSTER_ID,
      recoveryEpoch: 0,
      voters: VOTERS.map(id => ({ id, uuid: diskOf(id) })),
    })
    assert.deepEqual(founder.disk.hardState, { term: 1, votedFor: null, clusterId: CLUSTER_ID, commit: 0 })
    assert.equal(founder.status.role, 'CANDIDATE', 'and it runs for election at once')
  })

  test('nobody else founds, whatever it hears', () => {
    for (const id of [2, 3]) {
      const node = empty(id)
      for (const from of VOTERS.filter(other => other !== id)) answer(node, from)
      for (let i = 0; i < 20; i++) node.elapse(heartbeatIntervalMs)
      assert.deepEqual([node.status.role, node.status.awaited], ['FOUNDING', []])
    }
  })

  test('a voter that is not empty keeps the founder from founding, though it does not know yet who votes', () => {
    const founder = empty(1)
    answer(founder, 2)
    answer(founder, 3, { empty: false })
    answer(founder, 3, { empty: false, recordedUuid: diskOf(1) })
    assert.deepEqual([founder.status.role, founder.status.awaited], ['FOUNDING', [3]])
    answer(founder, 2, { empty: false })
    assert.deepEqual(founder.status.awaited, [2, 3], 'and one that no longer is takes back what it said')
  })

  test('nobody hears of the cluster before its first entry is on the disk of the founder', () => {
    const founder = empty(1)
    for (const from of [2, 3]) answer(founder, from)
    founder.elapse(10 * electionTimeoutMs)
    founder.receive(2, { type: 'foundingProbe', voters: VOTERS }, unfounded)
    assert.deepEqual(founder.outbox, [])
    founder.persist(1)
    assert(founder.outbox.length > 0)
  })

  test('a founder that crashes before entry 1 is on disk founds anew, and after it goes on with that one', () => {
    for (const writesDone of [0, 1]) {
      const founder = empty(1)
      for (const from of [2, 3]) answer(founder, from)
      founder.crash(writesDone)
      founder.start()
      assert.equal(founder.status.role, writesDone === 0 ? 'FOUNDING' : 'FOLLOWER')
      assert.equal(founder.log.length, writesDone)
      if (writesDone === 0) continue
      founder.elapse(2 * electionTimeoutMs)
      const [asked] = founder.outbox
      assert.deepEqual(
        [asked?.message.type, asked?.clusterId, asked?.toUuid],
        ['voteRequest', CLUSTER_ID, diskOf(2)],
      )
    }
  })

  test('a founder that crashes at either point leaves one cluster that serves', () => {
    for (const writesDone of [0, 1]) {
      const cluster = Cluster.empty(1, 3)
      const founder = cluster.node(1)
      cluster.until(() => founder.pending.length > 0, 1000, 'entry 1 is being written')
      cluster.crash(founder, writesDone)
      cluster.run(electionTimeoutMs)
      assert.equal(cluster.node(2).status.role, 'FOUNDING')
      cluster.restart(founder)
      serves(cluster)
    }
  })

  for (const size of [1, 2, 3, 4, 5]) {
    test(`${size} empty nodes found one cluster, whatever the network loses and doubles`, () => {
      for (let seed = 0; seed < 10; seed++) {
        const cluster = Cluster.empty(seed, size)
        cluster.faults = {
          ...NO_FAULTS,
          drop: 0.3,
          duplicate: 0.3,
          replay: 0.2,
          delayMs: [0, 50],
          persistMs: [0, 50],
        }
        cluster.run(500)
        cluster.faults = NO_FAULTS
        serves(cluster)
        assert.equal(new Set([...cluster.nodes.values()].map(node => node.status.clusterId)).size, 1)
      }
    })
  }

  test('while one voter is missing there is no cluster; when it comes there is', () => {
    const cluster = Cluster.empty(3, 3)
    cluster.crash(cluster.node(3))
    cluster.run(50 * electionTimeoutMs)
    assert.deepEqual([cluster.node(1).status.role, cluster.node(1).status.awaited], ['FOUNDING', [3]])
    cluster.restart(cluster.node(3))
    serves(cluster)
  })

  test('voter lists that disagree are reported on both sides, and found nothing', () => {
    const cluster = new Cluster(1)
    for (const id of VOTERS) cluster.add({ id, configuredVoters: id === 3 ? [1, 3, 4] : VOTERS })
    cluster.run(20 * electionTimeoutMs)
    for (const node of cluster.nodes.values()) assert.equal(node.status.role, 'FOUNDING')
    for (const id of [1, 3]) {
      const refusal = cluster.node(id).refusals.find(({ reason }) => reason === 'votersDisagree')
      assert.match(refusal?.text ?? '', /1, 3, 4/)
      assert.match(refusal?.text ?? '', /1, 2, 3/)
    }
    assert.deepEqual(
      cluster.node(2).refusals.filter(({ from }) => from === 1),
      [],
    )
  })

  test('the order of the list does not matter', () => {
    const founder = empty(1)
    for (const from of [2, 3]) answer(founder, from, { voters: [3, 1, 2] })
    assert.equal(founder.status.role, 'FOLLOWER')
  })

  test('a disk that is replaced before the cluster is founded is asked again, and its successor recorded', () => {
    const founder = empty(1)
    answer(founder, 2)
    founder.receive(2, { type: 'foundingProbe', voters: VOTERS }, { ...unfounded, fromUuid: 'new-disk-2' })
    assert.deepEqual(founder.status.awaited, [2, 3])
    answer(founder, 3)
    answer(founder, 2, {}, { fromUuid: 'new-disk-2' })
    assert.equal(founder.status.voters.find(({ id }) => id === 2)?.uuid, 'new-disk-2')
  })

  test('an empty node that is shown to be recorded takes part, once it saved the cluster to which it belongs', () => {
    const node = empty(2)
    node.receive(1, {
      type: 'voteRequest',
      transfer: false,
      term: 2,
      preVote: false,
      last: { index: 1, term: 1 },
    })
    assert.deepEqual([node.status.role, node.status.clusterId, node.taken()], ['FOLLOWER', CLUSTER_ID, []])
    node.persist()
    assert.deepEqual(node.disk.hardState, { term: 2, votedFor: 1, clusterId: CLUSTER_ID, commit: 0 })
    assert.equal(node.taken().length, 1)
    node.receive(3, { type: 'foundingProbe', voters: VOTERS }, unfounded)
    const [told] = node.taken()
    assert.equal(told?.type === 'foundingAnswer' && told.empty, false)
  })

  test('a voter does not campaign before the entry that makes it one is on its disk', () => {
    const node = empty(2)
    const { entries } = voter(1, 3, [1]).disk
    node.receive(1, { type: 'append', term: 2, session: 2, prev: { index: 0, term: 0 }, entries, commit: 0 })
    node.elapse(5 * electionTimeoutMs)
    assert.equal(node.status.role, 'FOLLOWER')
    node.persist()
    node.elapse(5 * electionTimeoutMs)
    assert.equal(node.status.role, 'CANDIDATE')
  })
})
