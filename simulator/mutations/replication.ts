import { NO_HINTS } from './commit.ts'
import { RAFT, REPLICATION } from './files.ts'
import { type Mutation, mutation } from './mutation.ts'

/** Bugs in what followers hold, and what the leader thinks they do. */
export const REPLICATION_BUGS: readonly Mutation[] = [
  mutation(
    'a short append cuts what follows it',
    'T6',
    REPLICATION,
    'if (missing >= 0) appendFrom(core, append.entries.slice(missing))',
    `if (missing >= 0) appendFrom(core, append.entries.slice(missing))
  else {
    const end = append.prev.index + append.entries.length
    if (end >= core.commit && end < core.log.lastIndex) core.truncate(end + 1)
  }`,
  ),
  {
    id: 'a follower acknowledges beyond the end of the append',
    bugClass: 'T7',
    edits: [
      NO_HINTS,
      {
        file: REPLICATION,
        find: "{ type: 'appendReply', term, session, success: true, matched }",
        replace: "{ type: 'appendReply', term, session, success: true, matched: core.log.lastIndex }",
      },
    ],
  },
  mutation(
    'the hint of a rejection counts as a match',
    'T8',
    REPLICATION,
    'progress.rejected(reply.rejected, retry.index, core.now)',
    'progress.rejected(reply.rejected, retry.index, core.now)\n    progress.matched(retry.index, core.now)',
  ),
  {
    id: 'replies of earlier terms count',
    bugClass: 'T16',
    // A minority of two must have acknowledged what the others never saw.
    nodes: 5,
    edits: [
      {
        file: RAFT,
        find: '      if (message.term < core.term) return\n      return receiveFromFollower',
        replace: '      return receiveFromFollower',
      },
      {
        file: REPLICATION,
        find: 'if (progress === undefined || progress.session !== session) return undefined',
        replace: 'if (progress === undefined) return undefined',
      },
    ],
  },
  mutation(
    'appends that were lost without a trace are not sent again',
    'T21',
    REPLICATION,
    "if (progress.state === 'replicate' && stalled) progress.becomeProbe(core.now)",
    '',
  ),
  mutation(
    'an answered heartbeat does not wake a probe',
    'T38',
    REPLICATION,
    'progress.paused = false\n  progress.round =',
    'progress.round =',
  ),
  mutation(
    'an acknowledgement leaves before the entries are on disk',
    'T28',
    REPLICATION,
    "core.answerDurably(envelope, { type: 'appendReply', term, session, success: true, matched })",
    "core.answerInTerm(envelope, { type: 'appendReply', term, session, success: true, matched })",
  ),
  mutation(
    'any number of entries waits for a commit',
    'T40',
    RAFT,
    "if (full) return refuse('overloaded')",
    '',
  ),
]
