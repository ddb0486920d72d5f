import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { PROTOCOL } from '../../consensus/message-codec.ts'
import { MemberParams, MembersBody, MembersQuery, QuorumSchema } from '../../protocol/rest/raft-schemas.ts'
import type { MemberChange } from '../../raft/io.ts'
import { requireProof } from '../authorization.ts'
import type { Context } from '../context.ts'
import { quorumView } from './quorum-view.ts'

/** Who gets the log and who votes, changed by an operator at the controller. */
export function members(app: FastifyInstance, context: Context): void {
  const post = {
    summary:
      'Adds a metadata node as learner, or makes a learner a voter, in place of another one if `replaces` says so.',
    description:
      'Resolves when the change is committed. A learner becomes a voter only when it has nearly all of the log.',
    body: MembersBody,
    querystring: MembersQuery,
    response: { 200: QuorumSchema },
  }
  app.post<{ Body: MembersBody; Querystring: MembersQuery }>('/members', { schema: post }, async request => {
    requireProof(request, context)
    return change(context, changeOf(request.body), request.query.timeoutMs)
  })

  const remove = {
    summary: 'Removes a learner or a voter.',
    params: MemberParams,
    querystring: MembersQuery,
    response: { 200: QuorumSchema },
  }
  app.delete<{ Params: MemberParams; Querystring: MembersQuery }>(
    '/members/:id',
    { schema: remove },
    async request => {
      requireProof(request, context)
      const { id } = request.params
      const learner = context.consensus.configuration?.learners.some(member => member.id === id) === true
      const wanted: MemberChange = learner
        ? { kind: 'removeLearner', id }
        : { kind: 'voters', add: [], remove: [id] }
      return change(context, wanted, request.query.timeoutMs)
    },
  )
}

function changeOf({ nodeId, role, directoryUuid, host, port, replaces }: MembersBody): MemberChange {
  if (role === 'VOTER')
    return { kind: 'voters', add: [nodeId], remove: replaces === undefined ? [] : [replaces] }
  if (replaces !== undefined)
    throw new DmqError('INVALID_REQUEST', 'body: a learner replaces nobody; give replaces with role VOTER')
  if (directoryUuid === undefined || host === undefined || port === undefined) {
    throw new DmqError('INVALID_REQUEST', 'body: a LEARNER is added with directoryUuid, host and port')
  }
  return { kind: 'addLearner', learner: { id: nodeId, uuid: directoryUuid, host, port } }
}

async function change(context: Context, wanted: MemberChange, timeoutMs = context.timeoutMs) {
  const oldest = context.oldestProtocol()
  if (oldest !== null && oldest < PROTOCOL_OF_CHANGES) {
    throw new DmqError(
      'MEMBERSHIP_CHANGE_REFUSED',
      `a connected metadata node speaks Raft protocol ${oldest}, which knows no changes of members (this node: ` +
        `${PROTOCOL.newest}). Upgrade all metadata nodes first.`,
    )
  }
  await context.consensus.changeMembers(wanted, timeoutMs)
  return quorumView(context)
}

/** Older releases could not read the entry, and would stop. */
const PROTOCOL_OF_CHANGES = 2
