import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { hasProof } from '../authorization.ts'
import type { Context } from '../context.ts'

export function status(app: FastifyInstance, context: Context): void {
  const schema = {
    summary:
      'The Raft state of this node; the leader also knows how far each voter is. Needs proof of the cluster key.',
  }
  app.get('/status', { schema }, request => {
    if (!hasProof(request, context.key, context.clock)) {
      throw new DmqError(
        'UNAUTHENTICATED',
        'this endpoint needs a proof of the cluster key in the Authorization header (scheme DMQ-Cluster)',
      )
    }
    const {
      id,
      role,
      term,
      leader,
      clusterId,
      recoveryEpoch,
      commit,
      applied,
      durable,
      last,
      voters,
      awaited,
    } = context.consensus.status()
    return {
      nodeId: id,
      role,
      term,
      leaderId: leader,
      clusterId,
      recoveryEpoch,
      commitIndex: commit,
      appliedIndex: applied,
      durableIndex: durable,
      firstLogIndex: 1,
      lastLogIndex: last.index,
      lastLogTerm: last.term,
      voters: voters.map(({ id, uuid, match, next, contactAgeMs }) => ({
        id,
        uuid,
        matchIndex: match,
        nextIndex: next,
        lag: match === null ? null : last.index - match,
        lastContactMs: contactAgeMs === null ? null : Math.round(contactAgeMs),
      })),
      awaited,
    }
  })
}
