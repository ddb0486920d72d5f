import { assert } from '../base/assert.ts'
import type { Core } from './core.ts'
import { atLeastAsUpToDate, type NodeId } from './entry.ts'
import type { Envelope, VoteReply, VoteRequest } from './message.ts'
import { hasQuorum } from './quorum.ts'
import type { Candidate } from './role.ts'
import { electorsOf, membersOf } from './voters.ts'

/**
 * Elections: Raft section 5.2 and 5.4.1, with pre-vote (thesis 9.6), vote refusal while a leader is live (thesis 4.2.3)
 * and check-quorum (thesis 6.2). All three are always on; each closes a hole that the others leave.
 */
export function campaign(core: Core): void {
  if (!mayRun(core)) {
    core.becomeFollower(core.term, null)
    return
  }
  const { role } = core
  if (role.kind === 'follower' && role.leader !== null) core.givenUp = role.leader
  core.tally.preVotes += 1
  core.becomePreCandidate()
  requestVotes(core)
}

/**
 * Voters run. So does a learner that a candidate counts on, and that has more of the log: in that candidate's log, which lacks
 * what is here, it has a vote, but cannot give it, and without it nobody may be elected. Its own vote counts for nothing, and once
 * what it has is committed it steps aside like a leader that was removed.
 */
function mayRun(core: Core): boolean {
  const calledUpon = core.role.kind === 'follower' && core.role.calledUpon
  return isElector(core) || (calledUpon && core.isRecorded(membersOf(core.configuration)))
}

/**
 * Only a voter that the durable log records, on this very disk. One that is leaving still is, though its own vote does not
 * count: the entry that lets it go may be on the disks of those alone who leave (thesis 4.2.2).
 */
function isElector(core: Core): boolean {
  return core.isRecorded([...electorsOf(core.configuration), ...electorsOf(core.configurationLeft())])
}

/** The leader itself asked for it: no pre-vote, for nobody is to be spared. */
export function campaignForTransfer(core: Core): void {
  if (!isElector(core)) return
  core.tally.elections += 1
  core.becomeCandidate(true)
  requestVotes(core)
}

function requestVotes(core: Core): void {
  const role = core.role
  assert(role.kind === 'candidate', 'only candidates ask for votes')
  const { term, options } = core
  const { preVote, transfer } = role
  if (preVote) {
    countVote(core, options.id, true)
    for (const peer of core.role === role ? core.electors() : []) {
      core.send(peer, { type: 'voteRequest', term: term + 1, preVote, last: core.log.last, transfer })
    }
    return
  }
  // A candidate asks, and counts its own vote, only when that vote and the log it boasts of are on disk.
  for (const peer of core.electors()) {
    core.sendDurably(peer, { type: 'voteRequest', term, preVote, last: core.log.last, transfer })
  }
  core.whenDurable(() => {
    if (core.role === role && core.term === term) countVote(core, options.id, true)
  })
}

export function receiveVoteRequest(core: Core, envelope: Envelope, request: VoteRequest): void {
  const granted = request.preVote ? wouldVote(core, request) : vote(core, envelope.from, request)
  if (request.preVote && granted) makeWay(core, envelope.from, request)
  if (!granted) noteCall(core, request)
  // A granted pre-vote names the term that the sender would campaign in; every other answer names our own.
  const term = request.preVote && granted ? request.term : core.term
  const reply: VoteReply = { type: 'voteReply', term, preVote: request.preVote, granted }
  // A vote is a promise about the log and the term on disk; a pre-vote promises nothing.
  if (request.preVote) core.answerInTerm(envelope, reply)
  else core.answerDurably(envelope, reply)
}

function wouldVote(core: Core, request: VoteRequest): boolean {
  return request.term > core.term && !leaderIsLive(core) && atLeastAsUpToDate(request.last, core.log.last)
}

/**
 * Two that ask around at the same time would both be told yes, and then split the votes. So whoever says yes lets the other
 * go first, for as long as a real vote takes; of two that both ask, the one that has less of the log, or else the higher id.
 * Only once: the other may not get on.
 */
function makeWay(core: Core, candidate: NodeId, { last }: VoteRequest): void {
  const { role } = core
  const outranked = !atLeastAsUpToDate(core.log.last, last) || candidate < core.options.id
  if (role.kind === 'candidate' && role.preVote && outranked) core.becomeFollower(core.term, null)
  if (core.role.kind !== 'follower' || core.role.madeWay) return
  core.role.madeWay = true
  core.role.campaignAt = Math.max(core.role.campaignAt, core.now + core.pace.realVoteMs())
}

function noteCall(core: Core, { last }: VoteRequest): void {
  if (core.role.kind !== 'follower' || leaderIsLive(core)) return
  if (!atLeastAsUpToDate(last, core.log.last)) core.role.calledUpon = true
}

function vote(core: Core, candidate: number, request: VoteRequest): boolean {
  const disturbs = request.term > core.term && leaderIsLive(core) && !request.transfer
  if (request.term < core.term || disturbs) return false
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
  // It is back, and its vote is waited for again: who goes without it would run anew before it can answer, for ever.
  if (from === core.givenUp) core.givenUp = null
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
  const configuration = core.configuration!
  if (hasQuorum(configuration, id => role.votes.get(id) === true)) won(core, role.preVote)
  else if (!granted && !mayStillWin(core, role)) lost(core, role.preVote)
}

/** A leader that was given up is not waited for: once others have voted for somebody else, its vote would be too late. */
function mayStillWin({ configuration, givenUp }: Core, { preVote, votes }: Candidate): boolean {
  return hasQuorum(configuration!, id => votes.get(id) ?? (preVote || id !== givenUp))
}

/** After a real vote it is asked around again soon: somebody else has won, and says so by then, or nobody has. */
function lost(core: Core, preVote: boolean): void {
  core.becomeFollower(core.term, null)
  if (!preVote && core.role.kind === 'follower') core.role.campaignAt = core.now + core.pace.soonMs()
}

function won(core: Core, preVote: boolean): void {
  if (!preVote) {
    core.tally.won += 1
    core.becomeLeader()
    return
  }
  core.tally.elections += 1
  core.becomeCandidate()
  requestVotes(core)
}
