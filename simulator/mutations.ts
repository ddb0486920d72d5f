/** A bug put in on purpose: one that real systems had, as numbered in the reference (section 3.4). */
export type Mutation = {
  readonly id: string
  readonly bugClass: string
  readonly edits: readonly Edit[]
  /** The bug shows only in clusters of this size, or far more often there. */
  readonly nodes?: number
  /** The simulator does not come upon it within the limit, which is a hole to close; this test of the core does. */
  readonly foundBy?: string
}

export type Edit = {
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

function mutation(id: string, bugClass: string, file: string, find: string, replace: string): Mutation {
  return { id, bugClass, edits: [{ file, find, replace }] }
}

function open(foundBy: string, planted: Mutation): Mutation {
  return { ...planted, foundBy }
}

const RAFT = 'src/raft/raft.ts'
const CORE = 'src/raft/core.ts'
const ELECTION = 'src/raft/election.ts'
const REPLICATION = 'src/raft/replication.ts'
const LOG = 'src/log/segmented-log.ts'
const COMMITS = 'src/log/group-commit.ts'
const RECOVERY = 'src/log/recovery.ts'
const CONSENSUS = 'src/consensus/consensus.ts'
const PROPOSALS = 'src/consensus/proposals.ts'
const READS = 'src/raft/read-index.ts'
const SNAPSHOTTING = 'src/raft/snapshotting.ts'
const RESTORE = 'src/consensus/restore.ts'

/**
 * A follower may reject without saying where the logs part; then the leader starts from the first entry. With good hints
 * it never sends what a follower has already, and some bugs can't show.
 */
const NO_HINTS: Edit = {
  file: REPLICATION,
  find: 'const hint = core.log.lastWithTermAtMost(Math.min(rejected, core.log.lastIndex), append.prev.term)',
  replace: 'const hint = { index: 0, term: 0 }',
}

/** The simulator must catch each of them within a bounded number of seeds: else it would not catch the real one either. */
export const MUTATIONS: readonly Mutation[] = [
  // Elections.
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

  // Commit.
  mutation(
    'entries of earlier terms commit by counting',
    'T1',
    REPLICATION,
    'if (index <= core.commit || core.log.termAt(index) !== core.term) return',
    'if (index <= core.commit) return',
  ),
  mutation(
    'half of an even number is a majority',
    'T9',
    'src/raft/quorum.ts',
    'Math.floor(voters / 2) + 1',
    'Math.floor((voters + 1) / 2)',
  ),
  mutation(
    'one voter less is enough to commit',
    'T9',
    'src/raft/quorum.ts',
    'return descending[majority(voters.length) - 1]!',
    'return descending[Math.max(0, majority(voters.length) - 2)]!',
  ),
  {
    id: 'a follower commits past what the append verified',
    bugClass: 'T5',
    edits: [
      NO_HINTS,
      {
        file: REPLICATION,
        find: 'core.commitTo(Math.min(append.commit, matched))',
        replace: 'core.commitTo(Math.min(append.commit, core.log.lastIndex))',
      },
    ],
  },
  mutation(
    'heartbeats carry a commit index beyond the match',
    'T5',
    REPLICATION,
    'const commit = Math.min(core.commit, progress.match)\n    const { term } = core',
    'const commit = core.commit\n    const { term } = core',
  ),
  mutation(
    'a leader counts what it has not synced',
    'T28',
    REPLICATION,
    'id === core.options.id ? core.durability.durable :',
    'id === core.options.id ? core.log.lastIndex :',
  ),
  mutation(
    'entries are applied before they are durable here',
    'T28',
    CORE,
    'applyTo: Math.max(this.applied, Math.min(this.commit, this.durability.durable))',
    'applyTo: this.commit',
  ),

  // Replication.
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

  // Durability.
  mutation(
    'a write that was overtaken by a truncation still vouches for its entries',
    'T26',
    'src/raft/durability.ts',
    'for (const write of this.#writes) write.last = Math.min(write.last, index - 1)',
    '',
  ),
  mutation(
    'a truncation does not lower what is durable',
    'T26',
    'src/raft/durability.ts',
    'this.#durable = Math.min(this.#durable, index - 1)',
    '',
  ),
  mutation(
    'of two states that go to disk together the older one wins',
    'T27',
    'src/log/batch.ts',
    'const state = second.state ?? first.state',
    'const state = first.state ?? second.state',
  ),
  mutation(
    'a state overtakes the entries before it',
    'T27',
    CONSENSUS,
    'this.#parts.log.append({ resetTo, truncateFrom, firstIndex, records, state }).then(',
    `if (records.length > 0) void this.#parts.log.append({ resetTo: null, truncateFrom: null, firstIndex: 0, records: [], state }).catch(() => {})
    this.#parts.log.append({ resetTo, truncateFrom, firstIndex, records, state: records.length > 0 ? null : state }).then(`,
  ),
  mutation(
    'a failed write counts as done',
    'T34',
    COMMITS,
    'this.#failure = error\n      done.reject(error)',
    'this.#failure = error\n      done.resolve()',
  ),
  mutation(
    'a failed sync is tried again',
    'T34',
    COMMITS,
    'await this.#write(batch)\n',
    'await this.#write(batch).catch(() => this.#write(batch))\n',
  ),
  mutation(
    'a node goes on when its disk fails',
    'T34',
    CONSENSUS,
    'error => this.#fail(writeFailed(error)),',
    '() => {},',
  ),
  mutation(
    'what was read after a failed sync counts as durable',
    'T34',
    RECOVERY,
    'if (newest) await makeDurable(disk, folder, segment, bytes, lastFrame)',
    'if (newest && lastFrame < 0) await makeDurable(disk, folder, segment, bytes, lastFrame)',
  ),
  mutation(
    'writes are not synced',
    'T36',
    LOG,
    'await segment.file.writeDurably(buffer, start)',
    'await segment.file.write(buffer, start)',
  ),
  mutation(
    'the name of a new segment is not synced',
    'T36',
    LOG,
    'this.#disk.rename(join(this.#folder, PREPARED), path)\n    this.#disk.syncFolder(this.#folder)',
    'this.#disk.rename(join(this.#folder, PREPARED), path)',
  ),

  // Recovery.
  mutation(
    'a torn write is taken for damage',
    'T35',
    RECOVERY,
    "return unfinished ? null : 'the last frame is damaged, and not by a write that was cut short'",
    "return unfinished && header !== null && header.bytes > 1_000_000 ? null : 'the last frame is damaged, and not by a write that was cut short'",
  ),
  mutation(
    'damage at the end is taken for a torn write',
    'T35',
    RECOVERY,
    "return unfinished ? null : 'the last frame is damaged, and not by a write that was cut short'",
    'return unfinished ? null : null',
  ),
  mutation(
    'damage before the end is taken for a torn write',
    'T35',
    RECOVERY,
    "if (behind) return 'a frame is damaged, and it is not the last one'",
    'if (behind) return null',
  ),
  mutation(
    'what is applied is not what the image holds after a restart',
    'T37',
    CONSENSUS,
    'this.#leadership = this.#currentLeadership()\n    this.#electionTimeoutMs',
    'this.#applied = this.#raft.status(this.#now()).commit\n    this.#leadership = this.#currentLeadership()\n    this.#electionTimeoutMs',
  ),

  // Answers.
  mutation(
    'whose entry was written over is told that it is committed',
    'I20',
    PROPOSALS,
    'if (pending.term === term) pending.done.resolve({ index, result })',
    'if (pending.term > 0) pending.done.resolve({ index, result })',
  ),
  mutation(
    'a write that timed out counts as done',
    'I20',
    PROPOSALS,
    'done.reject(unknownOutcome(`not committed within ',
    'done.resolve({ index: 1, result: { changes: [] } })\n      done.reject(unknownOutcome(`not committed within ',
  ),

  open(
    'test/unit/consensus/drain-order.test.ts',
    mutation(
      'what is being written counts as not done when the node fails',
      'I20',
      CONSENSUS,
      `      for (const result of output.proposals) this.#proposals.taken(result)
      if (output.persist !== null) this.#persist(output.persist)
      this.#sendAll(output)
      for (const request of output.reads) this.#read(request)`,
      `      if (output.persist !== null) this.#persist(output.persist)
      this.#sendAll(output)
      for (const request of output.reads) this.#read(request)
      for (const result of output.proposals) this.#proposals.taken(result)`,
    ),
  ),

  // Reads.
  mutation(
    'a read is served without asking whether the leader still leads',
    'T24',
    READS,
    'for (const read of reads.confirmed(round))',
    'for (const read of reads.confirmed(round + 1_000))',
  ),
  open(
    'test/unit/raft/reads.test.ts',
    mutation(
      'an answer to an earlier round of heartbeats confirms a read',
      'T24',
      'src/raft/reads.ts',
      'round: this.round + 1 })',
      'round: this.round })',
    ),
  ),
  mutation(
    'a new leader serves reads before it has committed anything',
    'T23',
    READS,
    'core.commit >= firstIndex ? core.commit : null',
    'core.commit',
  ),
  mutation(
    'a follower reads before it has applied what it must',
    'I20',
    'src/consensus/linearizable-reads.ts',
    'if (index <= this.#applied) read.done.resolve(index)',
    'read.done.resolve(index)',
  ),

  // Snapshots.
  open(
    'test/unit/raft/snapshot.test.ts',
    mutation(
      'a snapshot over a log that parted from it keeps what follows',
      'T18',
      SNAPSHOTTING,
      'if (core.log.termAt(id.index) !== id.term) {',
      'if (core.log.lastIndex < id.index) {',
    ),
  ),
  open(
    'test/unit/raft/snapshot.test.ts',
    mutation(
      'a snapshot voids a log that agrees with it and is longer',
      'T18',
      SNAPSHOTTING,
      'if (core.log.termAt(id.index) !== id.term) {',
      'if (core.log.lastIndex >= 0) {',
    ),
  ),
  mutation(
    'the log goes behind the newer of two snapshots, and the older one is of no use',
    'T19',
    SNAPSHOTTING,
    'const index = Math.min(core.snapshots[0]!.id.index,',
    'const index = Math.min(core.snapshot!.id.index + 1,',
  ),
  mutation(
    'an install that was cut short is not finished at the start',
    'T19',
    RESTORE,
    'await log.append({ resetTo: id.index, truncateFrom: null, firstIndex: 0, records: [], state: null })',
    '',
  ),
  open(
    'test/unit/raft/snapshot.test.ts',
    mutation(
      'an append from before the snapshot is a conflict',
      'T22',
      REPLICATION,
      'if (append.prev.index >= base.index) return append',
      'if (append.prev.index >= 0) return append',
    ),
  ),
  mutation(
    'a snapshot is not durable when it gets its name',
    'T19',
    'src/log/snapshot-store.ts',
    'const written = await writeSnapshot(file, head, pieces, pause)\n      await file.sync()',
    'const written = await writeSnapshot(file, head, pieces, pause)',
  ),

  // Identity.
  mutation(
    'an empty disk joins under a recorded id',
    'T17',
    'src/raft/admission.ts',
    'if (toUuid === core.options.uuid) {\n    core.adoptCluster(clusterId)',
    'if (toUuid !== null) {\n    core.adoptCluster(clusterId)',
  ),
  {
    id: 'a wiped node founds a second cluster',
    bugClass: 'T17',
    edits: [
      { file: 'src/raft/founding.ts', find: '  if (!answer.empty) return\n', replace: '' },
      {
        file: 'src/raft/founding.ts',
        find: 'if (answer.recordedUuid !== null && answer.recordedUuid !== core.options.uuid) {',
        replace: 'if (answer.recordedUuid === core.options.uuid) {',
      },
    ],
  },
]
