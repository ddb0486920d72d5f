import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { MembersQuery, QuorumSchema, TransferBody } from '../../protocol/rest/raft-schemas.ts'
import { requireProof } from '../authorization.ts'
import type { Context } from '../context.ts'
import { quorumView } from './quorum-view.ts'

export function transfer(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Hands leadership to a voter, or to the one that is furthest.',
    body: TransferBody,
    querystring: MembersQuery,
    response: { 200: QuorumSchema },
  }
  app.post<{ Body: TransferBody; Querystring: MembersQuery }>('/transfer', { schema }, async request => {
    requireProof(request, context)
    const { nodeId, consensus, timeoutMs } = context
    const target = request.body.nodeId ?? null
    if (consensus.leadership.role !== 'LEADER')
      throw new DmqError('NOT_CONTROLLER', 'this node is not the controller')
    const voters = consensus.configuration?.voters ?? []
    if (target !== null && !voters.some(({ id }) => id === target)) {
      const known = voters.map(({ id }) => id).join(', ')
      throw new DmqError('INVALID_REQUEST', `body.nodeId: node ${target} is not a voter; voters are ${known}`)
    }
    if (target === null && voters.every(({ id }) => id === nodeId))
      throw new DmqError(
        'MEMBERSHIP_CHANGE_REFUSED',
        `node ${nodeId} is the only voter: there is no other that could take over`,
      )
    if (target === nodeId) return quorumView(context)
    if (await consensus.transfer(target, request.query.timeoutMs ?? timeoutMs)) return quorumView(context)
    throw new DmqError(
      'MEMBERSHIP_CHANGE_REFUSED',
      `node ${target ?? 'that is furthest'} did not take over in time; this one is still the controller`,
    )
  })
}
