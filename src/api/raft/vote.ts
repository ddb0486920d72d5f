import type { FastifyInstance } from 'fastify'
import { assert } from '../../base/assert.ts'
import { VoteAnswer, VoteBody } from '../../protocol/rest/raft-schemas.ts'
import { hasProof } from '../authorization.ts'
import type { Context } from '../context.ts'
import { envelopeOf } from './envelope.ts'

export function vote(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A candidate asks for a vote.',
    description: 'Without proof of the cluster key the answer is the current term and false.',
    body: VoteBody,
    response: { 200: VoteAnswer },
  }
  app.post<{ Body: VoteBody }>('/vote', { schema }, async request => {
    const { consensus, key, clock } = context
    if (!hasProof(request, key, clock)) return { term: consensus.leadership.term, voteGranted: false }
    const { body } = request
    const last = { index: body.lastLogIndex, term: body.lastLogTerm }
    const preVote = body.preVote === true
    const message = { type: 'voteRequest', term: body.term, preVote, last, transfer: false } as const
    const reply = await consensus.request(envelopeOf(context, body.candidateId, body, message))
    assert(reply.type === 'voteReply', 'a vote request is answered by a vote reply')
    return { term: reply.term, voteGranted: reply.granted }
  })
}
