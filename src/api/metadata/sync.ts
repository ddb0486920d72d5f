import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { DmqError } from '../../base/errors.ts'
import { delta, partitionsTouched } from '../../controller/delta.ts'
import { bare, firstBytes } from '../../controller/storage-update.ts'
import { renderImage } from '../../metadata/render.ts'
import { NotModified } from '../../protocol/rest/schemas.ts'
import { SyncQuery } from '../../protocol/rest/sync-schemas.ts'
import { awaitFreshness, type Context, notModified } from '../context.ts'
import { origin, SNAPSHOT_PATH } from './sync-snapshot.ts'

/** Larger images do not go into one body: the answer is the link to the stream. */
const JSON_PARTITIONS_MAX = 10_000
/** Of commands in one answer; who wants more asks again. */
const COMMANDS_BYTES_MAX = 4 * 1024 * 1024
const LONG_POLLS_MAX = 1_000

export function sync(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'The whole metadata, or with since=V what changed after version V.',
    description:
      'commands replays on an image at fromVersion; changes shows the same as rows. waitMs makes it a long poll. ' +
      'What does not fit into one answer is a link: snapshot.',
    querystring: SyncQuery,
    response: { 200: Type.Unknown({ description: 'all of it, or the changes' }), 304: NotModified },
  }
  app.get<{ Querystring: SyncQuery }>('/sync', { schema }, async ({ query }, reply) => {
    await awaitFreshness(context, query)
    const since = query.since ?? query.sinceVersion
    if (since !== undefined) return changesSince(context, since, query)
    if (notModified(context, reply)) return reply.status(304).send()
    const { image } = context.replica
    if (image.partitionCount > JSON_PARTITIONS_MAX) return { ...now(context), snapshot: SNAPSHOT_PATH }
    return { ...origin(context), ...renderImage(image) }
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

function now(context: Context) {
  const { version, stateHash } = context.replica.image
  return { ...origin(context), version, stateHash }
}

async function changesSince(context: Context, since: number, query: SyncQuery) {
  const { waitMs = 0, recoveryEpoch } = query
  const elsewhere = recoveryEpoch !== undefined && recoveryEpoch !== origin(context).recoveryEpoch
  if (waitMs > 0 && !elsewhere) await nextVersion(context, since, waitMs)
  const { image, ring } = context.replica
  const commands = elsewhere ? null : since > image.version ? [] : ring.since(since)
  const at = { ...now(context), fromVersion: since }
  if (commands === null) return { ...at, snapshot: SNAPSHOT_PATH }
  if (query.form !== 'commands') {
    return partitionsTouched(image, commands) > JSON_PARTITIONS_MAX
      ? { ...at, snapshot: SNAPSHOT_PATH }
      : { ...at, changes: delta(image, commands), commands: commands.map(bare) }
  }
  const part = firstBytes(commands, COMMANDS_BYTES_MAX)
  if (part.length === commands.length) return { ...at, commands: part.map(bare) }
  // Short of the newest version there is no hash to compare with.
  const { stateHash: _, ...upTo } = { ...at, version: part.at(-1)!.version }
  return { ...upTo, commands: part.map(bare), more: true }
}

async function nextVersion({ replica }: Context, since: number, waitMs: number): Promise<void> {
  if (replica.waiting >= LONG_POLLS_MAX && replica.image.version <= since)
    throw new DmqError(
      'OVERLOADED',
      `${LONG_POLLS_MAX} requests wait for a new version already; ask without waitMs`,
    )
  await replica.reached(since + 1, waitMs)
}
