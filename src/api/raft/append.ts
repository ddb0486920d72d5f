import type { FastifyInstance } from 'fastify'
import { assert } from '../../base/assert.ts'
import { DmqError, messageOf } from '../../base/errors.ts'
import { checkEntries } from '../../consensus/message-codec.ts'
import { AppendAnswer, AppendBody } from '../../protocol/rest/raft-schemas.ts'
import type { Append } from '../../raft/message.ts'
import { hasProof } from '../authorization.ts'
import { commandFault } from '../command-fault.ts'
import type { Context } from '../context.ts'
import { envelopeOf } from './envelope.ts'

export function append(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A leader replicates entries, or shows that it lives.',
    description: 'Without proof of the cluster key the answer is the current term and false.',
    body: AppendBody,
    response: { 200: AppendAnswer },
  }
  app.post<{ Body: AppendBody }>('/append', { schema }, async request => {
    const { consensus, key, clock } = context
    if (!hasProof(request, key, clock))
      return { term: consensus.leadership.term, success: false, matchIndex: 0 }
    const { body } = request
    const reply = await consensus.request(envelopeOf(context, body.leaderId, body, appendOf(body)))
    assert(reply.type === 'appendReply', 'an append is answered by an append reply')
    if (reply.success) return { term: reply.term, success: true, matchIndex: reply.matched }
    return {
      term: reply.term,
      success: false,
      matchIndex: 0,
      conflictIndex: reply.hint.index,
      conflictTerm: reply.hint.term,
    }
  })
}

function appendOf(body: AppendBody): Append {
  const prev = { index: body.prevLogIndex, term: body.prevLogTerm }
  const entries = body.entries.map(({ index, term, commandType, commandData }) => ({
    index,
    term,
    type: commandType,
    data: Buffer.from(commandData),
  }))
  checkCommands(body)
  try {
    checkEntries(body.term, prev, entries)
  } catch (error) {
    throw new DmqError('INVALID_REQUEST', `body: ${messageOf(error)}`)
  }
  return {
    type: 'append',
    term: body.term,
    session: body.session ?? body.term,
    prev,
    entries,
    commit: body.leaderCommit,
  }
}

function checkCommands({ entries }: AppendBody): void {
  for (const [i, { commandType, commandData }] of entries.entries()) {
    const fault = commandFault(commandType, commandData)
    if (fault !== null) throw new DmqError('INVALID_REQUEST', `body entries.${i}: ${fault}`)
  }
}
