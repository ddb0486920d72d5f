import { assert } from '../base/assert.ts'
import type { Core } from './core.ts'
import { atLeastAsUpToDate } from './entry.ts'
import type { Envelope, VoteReply, VoteRequest } from './message.ts'
import { majority } from './quorum.ts'

/**
 * Elections: Raft section 5.2 and 5.4.1, with pre-vote (thesis 9.6), vote refusal while a leader is live (thesis 4.2.3)
 * and check-quorum (thesis 6.2). All three are always on; each closes a hole that the others leave.
 */
export function campaign(core: Core): void {
  if (!core.promotable()) {
    core.becomeFollower(core.term, null)
    return
  }
  core.becomePreCandidate()
  requestVotes(core)
}

function requestVotes(core: Core): void {
  const role = core.role
  assert(role.kind === 'candidate', 'only candidates ask for votes')
  const { term, options } = core
  if (role.preVote) {
    countVote(core, options.id, true)
    for (const peer of core.role === role ? core.peers() : []) {
      core.send(peer, { type: 'voteRequest', term: term + 1, preVote: true, last: core.log.last })
    }
    return
  }
  // A candidate asks, and counts its own vote, only when that vote and the log it boasts of are on disk.
  for (const peer of core.peers()) {
    core.sendDurably(peer, { type: 'voteRequest', term, preVote: false, last: core.log.last })
  }
  core.whenDurable(() => {
    if (core.role === role && core.term === term) countVote(core, options.id, true)
  })
}

export function receiveVoteRequest(core: Core, { from, via }: Envelope, request: VoteRequest): void {
  const granted = request.preVote ? wouldVote(core, request) : vote(core, from, request)
  // A granted pre-vote names the term that the sender would campaign in; every other answer names our own.
  const term = request.preVote && granted ? request.term : core.term
  const reply: VoteReply = { type: 'voteReply', term, preVote: request.preVote, granted }
  // A vote is a promise about the log and the term on disk; a pre-vote promises nothing.
  if (request.preVote) core.sendInTerm(from, reply, via)
  else core.sendDurably(from, reply, via)
}

function wouldVote(core: Core, request: VoteRequest): boolean {
  return request.term > core.term && !leaderIsLive(core) && atLeastAsUpToDate(request.last, core.log.last)
}

function vote(core: Core, candidate: number, request: VoteRequest): boolean {
  if (request.term < core.term || (request.term > core.term && leaderIsLive(core))) return false
  if (request.term > core.term) core.becomeFollower(request.term, null)
  const free = core.votedFor === candidate || (core.votedFor === null && core.leaderId() === null)
  if (!free || !atLeastAsUpToDate(request.last, core.log.last)) return false
  // Asking around for a pre-vote commits to nothing: whoever really campaigns goes first.
  if (core.role.kind === 'candidate' && core.role.preVote) core.becomeFollower(core.term, null)
  if (core.role.kind !== 'follower') return false
  core.grantVote(candidate)
  return true
}

/** A vote for somebody else would depose a leader that works: refused for one election timeout after it was heard. */
function leaderIsLive(core: Core): boolean {
  const role = core.role
  if (role.kind === 'leader') return true
  return (
    role.kind === 'follower' &&
    role.leader !== null &&
    core.now - role.leaderHeardAt < core.options.electionTimeoutMs
  )
}

export function receiveVoteReply(core: Core, { from }: Envelope, reply: VoteReply): void {
  if (!reply.granted && reply.term > core.term) {
    core.becomeFollower(reply.term, null)
    return
  }
  const role = core.role
  if (role.kind !== 'candidate' || role.preVote !== reply.preVote) return
  const asked = role.preVote ? core.term + 1 : core.term
  if (reply.granted && reply.term !== asked) return
  if (!reply.granted && reply.term < core.term) return
  countVote(core, from, reply.granted)
}

function countVote(core: Core, voter: number, granted: boolean): void {
  const role = core.role
  assert(role.kind === 'candidate', 'votes are for candidates')
  role.votes.set(voter, granted)
  const needed = majority(core.voterCount())
  let yes = 0
  let no = 0
  for (const vote of role.votes.values()) vote ? yes++ : no++
  if (yes >= needed) won(core, role.preVote)
  else if (no >= needed) core.becomeFollower(core.term, null)
}

function won(core: Core, preVote: boolean): void {
  if (!preVote) {
    core.becomeLeader()
    return
  }
  core.becomeCandidate()
  requestVotes(core)
}
