import type { FastifyInstance } from 'fastify'
import { TermAnswer, TimeoutNowBody } from '../../protocol/rest/raft-schemas.ts'
import { requireProof } from '../authorization.ts'
import type { Context } from '../context.ts'
import { envelopeOf } from './envelope.ts'

export function timeoutNow(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'The leader tells this node to run for leadership at once.',
    body: TimeoutNowBody,
    response: { 200: TermAnswer },
  }
  app.post<{ Body: TimeoutNowBody }>('/timeout-now', { schema }, request => {
    requireProof(request, context)
    const { body } = request
    const { consensus } = context
    consensus.receive(envelopeOf(context, body.leaderId, body, { type: 'timeoutNow', term: body.term }))
    return { term: consensus.status().term }
  })
}
