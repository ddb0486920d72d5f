import type { VoterStatus } from '../../raft/io.ts'
import type { Context } from '../context.ts'

/** The Raft state of this node, as REST shows it. */
export function quorumView({ consensus }: Context) {
  const status = consensus.status()
  const { last, commit } = status
  return {
    nodeId: status.id,
    directoryUuid: status.uuid,
    role: status.role,
    term: status.term,
    leaderId: status.leader,
    clusterId: status.clusterId,
    recoveryEpoch: status.recoveryEpoch,
    commitIndex: commit,
    appliedIndex: status.applied,
    durableIndex: status.durable,
    firstLogIndex: status.first,
    lastLogIndex: last.index,
    lastLogTerm: last.term,
    snapshotIndex: status.snapshot?.index ?? null,
    changing: status.configuration?.changing ?? false,
    transferringTo: status.transferTo,
    voters: status.voters.map(voter => memberView(voter, last.index)),
    learners: status.learners.map(learner => memberView(learner, last.index)),
    awaited: [...status.awaited],
  }
}

/** How far a member is, the leader knows once the member has told it in its term. */
function memberView({ id, uuid, host, port, match, next, known, contactAgeMs }: VoterStatus, last: number) {
  const matchIndex = known ? match : null
  return {
    id,
    uuid,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    matchIndex,
    nextIndex: next,
    lag: matchIndex === null ? null : last - matchIndex,
    lastContactMs: contactAgeMs === null ? null : Math.round(contactAgeMs),
  }
}
