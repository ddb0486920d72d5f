import { crc32 } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { SnapshotAnswer, SnapshotBody } from '../../protocol/rest/raft-schemas.ts'
import { requireProof } from '../authorization.ts'
import type { Context } from '../context.ts'
import { envelopeOf } from './envelope.ts'

export function snapshot(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A part of a leader’s snapshot, for a node that lacks what the leader’s log no longer has.',
    body: SnapshotBody,
    response: { 200: SnapshotAnswer },
  }
  app.post<{ Body: SnapshotBody }>('/snapshot', { schema }, async request => {
    requireProof(request, context)
    const { body } = request
    const data = Buffer.from(body.data, 'base64')
    if (crc32(data) !== body.checksum)
      throw new DmqError(
        'INVALID_REQUEST',
        `body.checksum: ${crc32(data)} is that of the data, ${body.checksum} was given`,
      )
    const reply = await context.consensus.request(
      envelopeOf(context, body.leaderId, body, {
        type: 'installSnapshot',
        term: body.term,
        session: body.session ?? body.term,
        snapshot: body.snapshotId,
        offset: body.offset,
        data,
      }),
    )
    // An append reply says that this node has all of it, or follows a later term.
    const nextOffset = reply.type === 'snapshotReply' ? reply.offset : body.snapshotId.bytes
    return { term: context.consensus.status().term, nextOffset }
  })
}
