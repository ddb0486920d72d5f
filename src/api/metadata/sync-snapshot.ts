import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DmqError } from '../../base/errors.ts'
import { encodePieces } from '../../base/piece-stream.ts'
import { byteStream, endWhenIdle } from '../../io/byte-stream.ts'
import { SnapshotQuery } from '../../protocol/rest/sync-schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'

export const SNAPSHOT_PATH = '/api/v1/metadata/sync/snapshot'
const BYTES = 'application/octet-stream'
const STREAMS_MAX = 16
/** Who takes nothing for so long is cut off: while it reads, pages that change are kept twice. */
const IDLE_MS = 30_000

/** Versions compare only within one cluster and recovery epoch. */
export function origin({ consensus }: Context) {
  const { clusterId, recoveryEpoch } = consensus.status()
  return { clusterId, recoveryEpoch, controllerTerm: consensus.leadership.term }
}

export function syncSnapshot(app: FastifyInstance, context: Context): void {
  let streams = 0
  const schema = {
    summary: 'The whole metadata at one version, as a stream of checksummed pieces.',
    description:
      'docs/sync.md tells the form. The version stands still while it is read, whatever is written meanwhile.',
    querystring: SnapshotQuery,
    response: { 200: { description: 'head, pieces, end', content: { [BYTES]: { schema: Type.String() } } } },
  }
  app.get<{ Querystring: SnapshotQuery }>('/sync/snapshot', { schema }, async (request, reply) => {
    await awaitFreshness(context, request.query)
    if (streams >= STREAMS_MAX)
      throw new DmqError(
        'OVERLOADED',
        `${STREAMS_MAX} snapshots are being read from this node; try again, or another node`,
      )
    streams += 1
    const stream = byteStream(pieces(context))
    stream.once('close', () => {
      streams -= 1
    })
    endWhenIdle(stream, request.raw.socket, IDLE_MS)
    return reply.header('connection', 'close').type(BYTES).send(stream)
  })
}

/** The image is captured when the first bytes are wanted, and released when the reader is done or gone. */
async function* pieces(context: Context): AsyncGenerator<Buffer> {
  const { replica, clock } = context
  const { version, stateHash } = replica.image
  const { clusterId, recoveryEpoch } = origin(context)
  const image = replica.captureImage()
  for (const bytes of encodePieces({ clusterId, recoveryEpoch, version, stateHash }, image)) {
    yield bytes
    await new Promise<void>(resolve => clock.afterPending(resolve))
  }
}
