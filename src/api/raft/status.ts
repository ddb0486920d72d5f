import type { FastifyInstance } from 'fastify'
import { QuorumSchema } from '../../protocol/rest/raft-schemas.ts'
import { requireProof } from '../authorization.ts'
import type { Context } from '../context.ts'
import { quorumView } from './quorum-view.ts'

export function status(app: FastifyInstance, context: Context): void {
  const schema = {
    summary:
      'The Raft state of this node; the leader also knows how far each member is. Needs proof of the cluster key.',
    response: { 200: QuorumSchema },
  }
  app.get('/status', { schema }, request => {
    requireProof(request, context)
    return quorumView(context)
  })
}
