import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DmqError } from '../../base/errors.ts'
import { delta } from '../../controller/delta.ts'
import { renderImage } from '../../metadata/render.ts'
import { NotModified, SyncQuery } from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context, notModified } from '../context.ts'

export function sync(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'The whole metadata, or with since=V what changed after version V.',
    description:
      'commands replays on an image at fromVersion; changes shows the same as rows. waitMs makes it a long poll.',
    querystring: SyncQuery,
    response: { 200: Type.Unknown({ description: 'all of it, or the changes' }), 304: NotModified },
  }
  app.get<{ Querystring: SyncQuery }>('/sync', { schema }, async ({ query }, reply) => {
    await awaitFreshness(context, query)
    const since = query.since ?? query.sinceVersion
    if (since !== undefined) return changesSince(context, since, query)
    if (notModified(context, reply)) return reply.status(304).send()
    return { ...origin(context), ...renderImage(context.replica.image) }
  })
  const incremental = { ...schema, summary: 'The same as /sync?since=V.' }
  app.get<{ Querystring: SyncQuery }>('/sync/incremental', { schema: incremental }, async ({ query }) => {
    await awaitFreshness(context, query)
    const since = query.sinceVersion ?? query.since
    if (since === undefined)
      throw new DmqError('INVALID_REQUEST', 'querystring: field "sinceVersion" is missing')
    return changesSince(context, since, query)
  })
}

async function changesSince(context: Context, since: number, { waitMs = 0, recoveryEpoch }: SyncQuery) {
  const { image, ring } = context.replica
  const elsewhere = recoveryEpoch !== undefined && recoveryEpoch !== origin(context).recoveryEpoch
  if (waitMs > 0 && !elsewhere) await context.replica.reached(since + 1, waitMs)
  const commands = elsewhere ? null : since > image.version ? [] : ring.since(since)
  const at = { ...origin(context), fromVersion: since, version: image.version, stateHash: image.stateHash }
  if (commands === null) return { ...at, snapshot: '/api/v1/metadata/sync' }
  return {
    ...at,
    changes: delta(image, commands),
    commands: commands.map(({ version, commandType, commandData }) => ({
      version,
      commandType,
      commandData,
    })),
  }
}

/** Versions compare only within one cluster and recovery epoch. */
function origin({ consensus }: Context) {
  const { clusterId, recoveryEpoch } = consensus.status()
  return { clusterId, recoveryEpoch, controllerTerm: consensus.leadership.term }
}
