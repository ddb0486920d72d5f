import type { FastifyInstance } from 'fastify'
import { HashAnswer, HashQuery } from '../../protocol/rest/sync-schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'

export const HASH_PATH = '/api/v1/metadata/sync/hash'

export function syncHash(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'The state hash that this node had at a version; waits until it has reached it.',
    querystring: HashQuery,
    response: { 200: HashAnswer },
  }
  app.get<{ Querystring: HashQuery }>('/sync/hash', { schema }, async ({ query }) => {
    const { version, timeoutMs } = query
    await awaitFreshness(context, { minVersion: version, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
    return { nodeId: context.nodeId, version, stateHash: context.replica.hashes.at(version) }
  })
}
