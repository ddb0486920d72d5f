import { type Static, Type } from 'typebox'
import { closed, Id, Nullable, open, Term, Text, Version } from './fields.ts'

/** Bodies of `/api/v1/raft`: what nodes send each other, and what operators ask of the quorum. */
export const VoteBody = Type.Object(
  {
    term: Term,
    candidateId: Id,
    lastLogIndex: Version,
    lastLogTerm: Term,
    preVote: Type.Optional(Type.Boolean()),
    clusterId: Type.Optional(Text(64)),
    voterUuid: Type.Optional(Text(64)),
  },
  open,
)
export type VoteBody = Static<typeof VoteBody>

export const AppendBody = Type.Object(
  {
    term: Term,
    leaderId: Id,
    prevLogIndex: Version,
    prevLogTerm: Term,
    entries: Type.Array(
      Type.Object({ index: Version, term: Term, commandType: Text(100), commandData: Type.String() }, open),
      { maxItems: 10_000 },
    ),
    leaderCommit: Version,
    session: Type.Optional(Version),
    clusterId: Type.Optional(Text(64)),
    voterUuid: Type.Optional(Text(64)),
  },
  open,
)
export type AppendBody = Static<typeof AppendBody>

const SnapshotId = Type.Object({ index: Version, term: Term, bytes: Version, checksum: Version }, open)
export const SnapshotBody = Type.Object(
  {
    term: Term,
    leaderId: Id,
    snapshotId: SnapshotId,
    offset: Version,
    data: Type.String({ maxLength: 1024 * 1024, description: 'base64' }),
    checksum: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1, description: 'CRC-32 of the data' }),
    done: Type.Optional(Type.Boolean()),
    session: Type.Optional(Version),
    clusterId: Type.Optional(Text(64)),
    voterUuid: Type.Optional(Text(64)),
  },
  open,
)
export type SnapshotBody = Static<typeof SnapshotBody>

export const TimeoutNowBody = Type.Object(
  { term: Term, leaderId: Id, clusterId: Type.Optional(Text(64)), voterUuid: Type.Optional(Text(64)) },
  open,
)
export type TimeoutNowBody = Static<typeof TimeoutNowBody>

export const MembersBody = Type.Object(
  {
    nodeId: Id,
    role: Type.Union([Type.Literal('LEARNER'), Type.Literal('VOTER')]),
    directoryUuid: Type.Optional(Text(64)),
    host: Type.Optional(Text(255)),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    replaces: Type.Optional(Id),
  },
  closed,
)
export type MembersBody = Static<typeof MembersBody>
export const MemberParams = Type.Object({ id: Id }, closed)
export type MemberParams = Static<typeof MemberParams>
export const TransferBody = Type.Object({ nodeId: Type.Optional(Id) }, closed)
export type TransferBody = Static<typeof TransferBody>
export const MembersQuery = Type.Object(
  { timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 600_000 })) },
  closed,
)
export type MembersQuery = Static<typeof MembersQuery>

// What is answered.

export const VoteAnswer = Type.Object({ term: Version, voteGranted: Type.Boolean() })
export const AppendAnswer = Type.Object({
  term: Version,
  success: Type.Boolean(),
  matchIndex: Version,
  conflictIndex: Type.Optional(Version),
  conflictTerm: Type.Optional(Version),
})

export const SnapshotAnswer = Type.Object({ term: Version, nextOffset: Version })
export const TermAnswer = Type.Object({ term: Version })

const Member = Type.Object({
  id: Id,
  uuid: Type.String(),
  host: Type.Optional(Type.String()),
  port: Type.Optional(Type.Integer()),
  matchIndex: Nullable(
    Type.Integer({
      description: 'null: it has not told the leader in this term, or another node than the leader answers',
    }),
  ),
  nextIndex: Nullable(Version),
  lag: Nullable(Type.Integer()),
  lastContactMs: Nullable(
    Type.Integer({
      description:
        'since it answered the leader; while matchIndex is null it may never have, and this be since the leader leads',
    }),
  ),
})
export const QuorumSchema = Type.Object({
  nodeId: Id,
  directoryUuid: Type.String(),
  role: Type.String(),
  term: Version,
  leaderId: Nullable(Id),
  clusterId: Nullable(Type.String()),
  recoveryEpoch: Version,
  commitIndex: Version,
  appliedIndex: Version,
  durableIndex: Version,
  firstLogIndex: Version,
  lastLogIndex: Version,
  lastLogTerm: Version,
  snapshotIndex: Nullable(Version),
  changing: Type.Boolean({ description: 'a change of members is under way' }),
  transferringTo: Nullable(Id),
  voters: Type.Array(Member),
  learners: Type.Array(Member),
  awaited: Type.Array(Id),
})
