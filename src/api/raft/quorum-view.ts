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

function memberView({ id, uuid, host, port, match, next, contactAgeMs }: VoterStatus, last: number) {
  return {
    id,
    uuid,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    matchIndex: match,
    nextIndex: next,
    lag: match === null ? null : last - match,
    lastContactMs: contactAgeMs === null ? null : Math.round(contactAgeMs),
  }
}
