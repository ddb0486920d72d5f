import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ClusterKey } from '../../src/io/cluster-key.ts'
import { Cluster, type NodeProcess } from '../cluster/processes.ts'
import {
  assertError,
  assertSound,
  RAFT,
  raftStatus,
  send,
  sendProved,
  settled,
  stateOf,
  unchanged,
} from './contract.ts'

/**
 * Raft as JSON. Who brings no proof of the cluster key hears the term and "false", and no node changes. With a proof,
 * only what a voter of this cluster could say is let in.
 */
let cluster: Cluster
let leader: NodeProcess
let follower: NodeProcess
/** The third node, in whose name messages are sent. */
let absent: NodeProcess

before(async () => {
  cluster = await Cluster.start({ metadata: 3, storage: 0, args: ['--election-timeout-ms', '5000'] })
  leader = await cluster.controller()
  const others = cluster.metadata.filter(node => node !== leader)
  follower = others[0]!
  absent = others[1]!
  const broker = { brokerId: 7, host: 'localhost', port: 19_999 }
  assert.equal((await cluster.write('POST', '/brokers', broker)).status, 201)
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

function harmless(sentence: string, action: () => Promise<void>): void {
  test(sentence, async () => {
    await unchanged(cluster.all, action)
    assertSound(cluster.all)
  })
}

const VOTE = `${RAFT}/vote`
const APPEND = `${RAFT}/append`

type Messages = { readonly vote: object; readonly append: object }

/** What the third node could say in `term`, with a log that is ahead of everybody's. */
function messages(term: number, more: object = {}): Messages {
  const { id } = absent.entry
  return {
    vote: { term, candidateId: id, lastLogIndex: 10 ** 6, lastLogTerm: term, ...more },
    append: {
      term,
      leaderId: id,
      prevLogIndex: 0,
      prevLogTerm: 0,
      entries: [],
      leaderCommit: 10 ** 6,
      ...more,
    },
  }
}

const OVERWRITE = [
  { index: 1, term: 1, commandType: 'DeleteTopicCommand', commandData: '{"time":1,"topicName":"x"}' },
]

async function assertIgnored(
  node: NodeProcess,
  path: string,
  answer: { status: number; body: any },
): Promise<void> {
  const { term } = await raftStatus(node)
  const ignored = path === VOTE ? { term, voteGranted: false } : { term, success: false, matchIndex: 0 }
  assert.deepEqual([answer.status, answer.body], [200, ignored])
}

harmless('without a proof the answer is the current term and false, whatever the term claimed', async () => {
  const { term } = await raftStatus(leader)
  for (const claimed of [0, 1, term, term + 1, 10 ** 9, 2 ** 52]) {
    const { vote, append } = messages(claimed)
    for (const node of cluster.metadata) {
      for (const more of [{}, { preVote: true }, { clusterId: 'another' }, { voterUuid: 'another' }])
        await assertIgnored(node, VOTE, await send(node, 'POST', VOTE, JSON.stringify({ ...vote, ...more })))
      for (const entries of [[], OVERWRITE])
        await assertIgnored(
          node,
          APPEND,
          await send(node, 'POST', APPEND, JSON.stringify({ ...append, entries })),
        )
    }
  }
  const bare = await send(leader, 'GET', `${RAFT}/status`)
  assertError(bare, 'UNAUTHENTICATED')
  assert.match(bare.body.error.message, /^the proof of the cluster key is missing\./)
})

harmless('a proof that is forged, expired, or of another request is none', async () => {
  const { term } = await raftStatus(leader)
  const { vote, append } = messages(term + 1)
  const now = Date.now()
  const bodies = new Map([
    [VOTE, vote],
    [APPEND, append],
  ])
  for (const [path, body] of bodies) {
    const wrong = [
      { key: new ClusterKey('another key, also of some length') },
      { key: new ClusterKey('') },
      { at: now - 6 * 60_000 },
      { at: now + 6 * 60_000 },
      { at: 0 },
      { path: path === VOTE ? APPEND : VOTE },
      { path: `${path}?x=1` },
      { path: `${path}/` },
      { method: 'GET' },
      { body: '' },
      { body: JSON.stringify({ ...body, term: term + 2 }) },
      { body: `${JSON.stringify(body)} ` },
    ]
    for (const proved of wrong)
      await assertIgnored(follower, path, await sendProved(follower, 'POST', path, body, proved))
  }
  for (const at of [now - 6 * 60_000, now + 6 * 60_000]) {
    const answer = await sendProved(follower, 'GET', `${RAFT}/status`, undefined, { at })
    assertError(answer, 'UNAUTHENTICATED')
    assert.match(
      answer.body.error.message,
      /is right, but made more than five minutes ago or ahead\. Set the clocks/,
    )
  }
  const headers = [
    '',
    'DMQ-Cluster',
    'DMQ-Cluster ',
    `DMQ-Cluster ${now}.`,
    `DMQ-Cluster ${now}.x`,
    `DMQ-Cluster ${now}`,
    `DMQ-Cluster 99999999999999999999.${'x'.repeat(43)}`,
    `DMQ-Cluster -1.${'x'.repeat(43)}`,
    `dmq-cluster ${now}.${'x'.repeat(43)}`,
    `Bearer ${'x'.repeat(43)}`,
    `DMQ-Cluster ${now}.${'x'.repeat(8_000)}`,
  ]
  for (const authorization of headers) {
    const text = JSON.stringify(vote)
    await assertIgnored(follower, VOTE, await send(follower, 'POST', VOTE, text, { authorization }))
    const answer = await send(follower, 'GET', `${RAFT}/status`, undefined, { authorization })
    assertError(answer, 'UNAUTHENTICATED')
    assert.match(
      answer.body.error.message,
      /^the proof of the cluster key is wrong: it was made with another key/,
    )
  }
})

harmless('with a proof, a message of another cluster or of no voter is 409, with the reason', async () => {
  const { term } = await raftStatus(leader)
  const foreign = messages(term + 1, { clusterId: 'another' })
  const strange = messages(term + 1, { candidateId: 9, leaderId: 9 })
  for (const node of cluster.metadata) {
    const own = messages(term + 1, { candidateId: node.entry.id, leaderId: node.entry.id })
    for (const [path, kind] of [
      [VOTE, 'vote'],
      [APPEND, 'append'],
    ] as const) {
      if (node !== absent) {
        const refused = await sendProved(node, 'POST', path, foreign[kind])
        assertError(refused, 'CLUSTER_ID_MISMATCH')
        assert.match(refused.body.error.message, /belongs to cluster another/)
      }
      assertError(await sendProved(node, 'POST', path, strange[kind]), 'VOTER_MISMATCH')
      assertError(await sendProved(node, 'POST', path, own[kind]), 'VOTER_MISMATCH')
    }
  }
})

harmless('with a proof, a message for another data directory is 409, and the process lives on', async () => {
  const { term, voters } = await raftStatus(leader)
  const uuidOf = (node: NodeProcess) =>
    voters.find((voter: { id: number }) => voter.id === node.entry.id).uuid
  for (const voterUuid of ['another', uuidOf(leader)]) {
    const { vote, append } = messages(term + 1, { voterUuid })
    assertError(await sendProved(follower, 'POST', VOTE, vote), 'VOTER_MISMATCH')
    assertError(await sendProved(follower, 'POST', APPEND, append), 'VOTER_MISMATCH')
  }
  const meant = { ...messages(term + 1, { voterUuid: uuidOf(follower) }).vote, preVote: true }
  assert.equal((await sendProved(follower, 'POST', VOTE, meant)).status, 200)
})

harmless(
  'with a proof, a vote is refused while the leader is heard, and a term too large at all times',
  async () => {
    const { term } = await raftStatus(leader)
    for (const preVote of [true, false]) {
      for (const claimed of [term, term + 1, 10 ** 9, 2 ** 52]) {
        const { vote } = messages(claimed)
        for (const node of [leader, follower]) {
          const answer = await sendProved(node, 'POST', VOTE, { ...vote, preVote })
          assert.deepEqual([answer.status, answer.body], [200, { term, voteGranted: false }])
        }
      }
    }
    for (const claimed of [2 ** 52 + 1, 2 ** 53 - 1, 2 ** 53, 1e300]) {
      const { vote, append } = messages(claimed)
      assertError(await sendProved(follower, 'POST', VOTE, vote), 'INVALID_REQUEST')
      assertError(await sendProved(follower, 'POST', APPEND, append), 'INVALID_REQUEST')
    }
  },
)

harmless(
  'with a proof, a second leader of the same term is 409, and one of an older term hears the newer',
  async () => {
    const { term, lastLogIndex, lastLogTerm } = await raftStatus(follower)
    const { append } = messages(term, { entries: OVERWRITE })
    assertError(await sendProved(follower, 'POST', APPEND, append), 'VOTER_MISMATCH')
    assertError(await sendProved(leader, 'POST', APPEND, append), 'VOTER_MISMATCH')
    const late = await sendProved(follower, 'POST', APPEND, { ...append, term: term - 1 })
    const conflict = { conflictIndex: lastLogIndex, conflictTerm: lastLogTerm }
    assert.deepEqual(late.body, { term, success: false, matchIndex: 0, ...conflict })
  },
)

harmless('with a proof, an entry that does not follow or could not be read is 400', async () => {
  const { term, lastLogIndex, lastLogTerm } = await raftStatus(follower)
  const append = (entries: object[], more: object = {}) => ({
    term,
    leaderId: leader.entry.id,
    prevLogIndex: lastLogIndex,
    prevLogTerm: lastLogTerm,
    leaderCommit: 0,
    entries,
    ...more,
  })
  const entry = {
    index: lastLogIndex + 1,
    term,
    commandType: 'DeleteTopicCommand',
    commandData: '{"time":1,"topicName":"x"}',
  }
  const founding = { ...entry, commandType: 'FoundClusterCommand' }
  const wrong = [
    append([{ ...entry, index: lastLogIndex }]),
    append([{ ...entry, index: lastLogIndex + 2 }]),
    append([entry, entry]),
    append([entry, { ...entry, index: lastLogIndex + 3 }]),
    append([{ ...entry, term: term + 1 }]),
    append([{ ...entry, term: 0 }]),
    append([{ ...entry, term: lastLogTerm - 1 }]),
    append([entry], { prevLogTerm: term + 1 }),
    append([{ ...entry, commandData: 'no JSON' }]),
    append([{ ...entry, commandData: '' }]),
    append([{ ...entry, commandData: 'null' }]),
    append([{ ...entry, commandData: '[]' }]),
    append([{ ...entry, commandData: '{}' }]),
    append([{ ...entry, commandData: '{"time":"now"}' }]),
    append([{ ...entry, commandData: '{"time":1e999}' }]),
    append([{ ...entry, commandType: 'DropEverythingCommand' }]),
    append([{ ...entry, commandType: 'toString' }]),
    append([{ ...entry, commandType: 'NoOpCommand' }]),
    append([{ ...founding, commandData: '' }]),
    append([{ ...founding, commandData: 'null' }]),
    append([{ ...founding, commandData: '{}' }]),
    append([{ ...founding, commandData: '{"clusterId":"x","voters":[null]}' }]),
    append([{ ...founding, commandData: '{"clusterId":"x","voters":[{"id":"1","uuid":"x"}]}' }]),
  ]
  for (const body of wrong) assertError(await sendProved(follower, 'POST', APPEND, body), 'INVALID_REQUEST')
})

harmless('with a proof, the leader is answered as the Raft paper says', async () => {
  const { term, lastLogIndex, lastLogTerm } = await raftStatus(follower)
  const append = { term, leaderId: leader.entry.id, entries: [], leaderCommit: 0 }
  const matching = { ...append, prevLogIndex: lastLogIndex, prevLogTerm: lastLogTerm, later: 'field' }
  const answer = await sendProved(follower, 'POST', APPEND, matching)
  assert.deepEqual(answer.body, { term, success: true, matchIndex: lastLogIndex })
  const ahead = { ...append, prevLogIndex: lastLogIndex + 100, prevLogTerm: term }
  const gap = await sendProved(follower, 'POST', APPEND, ahead)
  const hint = { conflictIndex: lastLogIndex, conflictTerm: lastLogTerm }
  assert.deepEqual(gap.body, { term, success: false, matchIndex: 0, ...hint })
})

harmless('the status of every node agrees on the voters, and the leader knows how far each is', async () => {
  const states = await Promise.all(cluster.metadata.map(raftStatus))
  const { term, lastLogIndex } = await stateOf(leader)
  for (const status of states) {
    assert.deepEqual(
      status.voters.map(({ id }: { id: number }) => id),
      [1, 2, 3],
    )
    assert.deepEqual(
      [status.term, status.lastLogIndex, status.leaderId],
      [term, lastLogIndex, leader.entry.id],
    )
    const isLeader = status.nodeId === leader.entry.id
    assert.equal(status.role, isLeader ? 'LEADER' : 'FOLLOWER')
    for (const { matchIndex, lag } of status.voters)
      assert.deepEqual([matchIndex, lag], isLeader ? [lastLogIndex, 0] : [null, null])
  }
})
