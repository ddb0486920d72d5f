import { CORE, ELECTION, REPLICATION } from './files.ts'
import { type Mutation, mutation } from './mutation.ts'

/** Bugs in who may lead. */
export const ELECTIONS_BUGS: readonly Mutation[] = [
  mutation(
    'the vote leaves before it is on disk',
    'T2',
    ELECTION,
    'else core.answerDurably(envelope, reply)',
    'else core.send(envelope.from, reply, envelope.via, envelope.fromUuid)',
  ),
  mutation(
    'a candidate counts its own vote before it is on disk',
    'T2',
    ELECTION,
    `core.whenDurable(() => {
    if (core.role === role && core.term === term) countVote(core, options.id, true)
  })`,
    'if (core.role === role && core.term === term) countVote(core, options.id, true)',
  ),
  mutation(
    'stepping down within a term clears the vote',
    'T3',
    CORE,
    'if (term > this.term) {\n      this.term = term\n      this.votedFor = null',
    'if (term >= this.term) {\n      this.term = term\n      this.votedFor = null',
  ),
  mutation(
    'late pre-votes count as votes',
    'T3',
    ELECTION,
    "if (role.kind !== 'candidate' || role.preVote !== reply.preVote) return",
    "if (role.kind !== 'candidate') return",
  ),
  mutation(
    'the longer log wins, whatever its last term',
    'T4',
    'src/raft/entry.ts',
    'return a.term !== b.term ? a.term > b.term : a.index >= b.index',
    'return a.index >= b.index',
  ),
  mutation(
    'the later last term wins, whatever the length',
    'T4',
    'src/raft/entry.ts',
    'return a.term !== b.term ? a.term > b.term : a.index >= b.index',
    'return a.term >= b.term',
  ),
  mutation(
    'pre-votes are given while a leader is live',
    'T31',
    ELECTION,
    'return request.term > core.term && !leaderIsLive(core) && atLeastAsUpToDate(',
    'return request.term > core.term && atLeastAsUpToDate(',
  ),
  mutation(
    'no pre-vote',
    'T31',
    ELECTION,
    'core.becomePreCandidate()\n  requestVotes(core)',
    'core.becomeCandidate()\n  requestVotes(core)',
  ),
  mutation(
    'a leader without its majority goes on',
    'T32',
    REPLICATION,
    'if (!live) core.becomeFollower(core.term, null)',
    '',
  ),
]
