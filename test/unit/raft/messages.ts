import type { Entry, EntryId } from '../../../src/raft/entry.ts'
import type { AppendReply, HeartbeatReply, Message } from '../../../src/raft/message.ts'
import type { RaftOptions } from '../../../src/raft/options.ts'
import type { SnapshotId } from '../../../src/raft/snapshot.ts'
import type { Voter } from '../../../src/raft/voters.ts'
import { diskOf, type Node, voter } from './node.ts'

/** Messages and nodes of the scripted tests. A session is by default the first one of its term. */

export function append(term: number, [index, prevTerm]: [number, number], entries: Entry[], commit = 1) {
  return { type: 'append', term, session: term, prev: { index, term: prevTerm }, entries, commit } as const
}

export function heartbeat(
  term: number,
  over: { commit?: number; round?: number; successors?: number[] } = {},
) {
  return { type: 'heartbeat', round: 0, successors: [], term, session: term, commit: 1, ...over } as const
}

export function heartbeatReply(leader: Node, over: Partial<HeartbeatReply> = {}): HeartbeatReply {
  const { term } = leader.status
  return { type: 'heartbeatReply', round: 0, term, session: term, ...over }
}

export function acknowledgement(leader: Node, matched: number, session = leader.status.term): AppendReply {
  return { type: 'appendReply', term: leader.status.term, session, success: true, matched }
}

export function rejection(leader: Node, rejected: number, hint: EntryId): AppendReply {
  const { term } = leader.status
  return { type: 'appendReply', term, session: term, success: false, rejected, hint }
}

export function voteRequest(
  term: number,
  last: EntryId = { index: 1, term: 1 },
  over: { preVote?: boolean; transfer?: boolean } = {},
) {
  return { type: 'voteRequest', transfer: false, term, preVote: false, last, ...over } as const
}

export function vote(term: number) {
  return { type: 'voteReply', term, preVote: false, granted: true } as const
}

export function part(term: number, snapshot: SnapshotId, offset: number, data: Uint8Array) {
  return { type: 'installSnapshot', term, session: term, snapshot, offset, data } as const
}

export function member(id: number): Voter {
  return { id, uuid: diskOf(id) }
}

/** Leads term 2; its empty entry 2 is on the disks of a majority, and committed. */
export function leaderOf(size: number, options: Partial<RaftOptions> = {}): Node {
  const node = voter(1, size, [1], { options })
  const others = Array.from({ length: Math.floor(size / 2) }, (_, i) => i + 2)
  node.lead(...others)
  node.persist()
  for (const from of others) node.receive(from, acknowledgement(node, 2))
  node.taken()
  return node
}

/** What went to this peer since the last look, of one type. */
export function sentTo<T extends Message['type']>(
  node: Node,
  peer: number,
  type: T,
): Extract<Message, { type: T }>[] {
  const sent = node.taken().filter(message => message.to === peer && message.type === type)
  return sent as unknown as Extract<Message, { type: T }>[]
}

/** Whether the node grants this request once everything is on disk. */
export function grants(node: Node, from: number, request: Message): boolean {
  node.taken()
  node.receive(from, request)
  node.persist()
  return node.taken().some(reply => reply.type === 'voteReply' && reply.granted)
}

export function voterIds(node: Node): number[] {
  return node.raft.configuration!.voters.map(({ id }) => id)
}

export function outgoingIds(node: Node): number[] | null {
  return node.raft.configuration!.outgoing?.map(({ id }) => id) ?? null
}

export function termsOf(node: Node): number[] {
  return node.log.map(({ term }) => term)
}
