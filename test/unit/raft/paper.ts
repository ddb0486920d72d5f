import assert from 'node:assert/strict'
import type { EntryId, HardState } from '../../../src/raft/entry.ts'
import type { AppendReply, Message } from '../../../src/raft/message.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import { Cluster } from './cluster.ts'
import { type Node, TIMING, voter } from './node.ts'

/** Messages, nodes and clusters of the tests that follow the Raft paper; see also `messages.ts`. */

const { electionTimeoutMs } = TIMING

export function commitNotice(term: number, commit: number) {
  return { type: 'commitNotice', term, session: term, commit } as const
}

export function rejection(
  leader: Node,
  reply: { term?: number; rejected: number; hint: EntryId },
): AppendReply {
  const { term } = leader.status
  return { type: 'appendReply', term, session: term, success: false, ...reply }
}

/** Leads term 2; its empty entry 2 is not on its disk yet, nor anywhere else. */
export function leaderOf(size: number, options: Partial<RaftOptions> = {}): Node {
  const node = voter(1, size, [1], { options })
  node.lead(...range(2, Math.floor(size / 2) + 1))
  return node
}

/** Times out and wins the pre-vote of the given peers; its vote for itself is not on disk yet. */
export function preVoteWon(node: Node, ...supporters: number[]): void {
  node.elapse(node.deadline - node.now)
  const term = node.status.term + 1
  for (const from of supporters) node.receive(from, { type: 'voteReply', term, preVote: true, granted: true })
  node.taken()
}

/** Whether the node grants this request once everything is on disk. */
export function voteOf(node: Node, from: number, request: Message): boolean {
  node.taken()
  node.receive(from, request)
  node.persist()
  const reply = node.taken().find(({ type }) => type === 'voteReply')
  assert(reply?.type === 'voteReply')
  return reply.granted
}

/** Carries messages between the two, disks at once, until both are silent. Returns how many appends it took. */
export function exchange(leader: Node, follower: Node): number {
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
export function appendsTo(leader: Node, peer: number): number[][] {
  const sent = leader.taken().filter(({ to }) => to === peer)
  return sent.flatMap(message =>
    message.type === 'append' ? [message.entries.map(({ index }) => index)] : [],
  )
}

export function matchOf(leader: Node, id: number): number | null | undefined {
  return leader.status.voters.find(one => one.id === id)?.match
}

export function rankOf(node: Node): [string, number] {
  return [node.status.role, node.status.term]
}

export function termAndVote({ disk }: Node): [HardState['term'], HardState['votedFor']] {
  return [disk.hardState.term, disk.hardState.votedFor]
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

export function servingCluster(size: number): { cluster: Cluster; leader: Node; followers: Node[] } {
  const cluster = Cluster.empty(size, size)
  const leader = cluster.untilLeader(20 * electionTimeoutMs)
  cluster.until(() => cluster.agree(), 10 * electionTimeoutMs, 'all agree')
  return { cluster, leader, followers: [...cluster.nodes.values()].filter(node => node !== leader) }
}

/** Another leader takes over and commits, and then there is peace. */
export function servesWithout(cluster: Cluster, old: Node): void {
  const isNew = () => cluster.leader() !== null && cluster.leader() !== old
  cluster.until(isNew, 20 * electionTimeoutMs, 'another leader')
  const leader = cluster.leader()!
  cluster.propose(leader, 'served')
  cluster.until(() => cluster.texts(leader).includes('served'), 5 * electionTimeoutMs, 'it commits')
  const { term } = leader.status
  cluster.run(30 * electionTimeoutMs)
  assert.deepEqual([cluster.leader(), leader.status.term], [leader, term], 'no further election')
}
