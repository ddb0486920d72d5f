import { DmqError, messageOf } from '../../base/errors.ts'
import { httpUrl } from '../../base/http-url.ts'
import type { FeatureLevels, FeatureRange } from '../../metadata/features.ts'
import type { Context } from '../context.ts'

const TIMEOUT_MS = 3_000

type Asked = { readonly name: string; readonly url: string | undefined }
type Ranges = ReadonlyMap<string, FeatureRange>

/**
 * Every node that applies commands is asked whether it supports these levels: the members of the quorum, and the storage
 * nodes that replay (those that are OFFLINE as well: they come back). Throws FEATURE_UPDATE_FAILED, naming who does not.
 */
export async function assertSupported(context: Context, levels: FeatureLevels): Promise<void> {
  if (Object.keys(levels).length === 0) return
  const asked = othersOf(context)
  const found = await Promise.all(asked.map(each => whyNot(context, each, levels)))
  const against = found.filter(why => why !== null)
  if (against.length === 0) return
  const wanted = Object.entries(levels)
    .map(([name, level]) => `${name} ${level}`)
    .join(', ')
  throw new DmqError(
    'FEATURE_UPDATE_FAILED',
    `${wanted} cannot be in force: ${against.slice(0, 10).join('; ')}. Every node must run a release that supports it; ` +
      'upgrade and start them, or remove them from the cluster',
    { nodes: asked.filter((_, i) => found[i] !== null).map(({ name }) => name) },
  )
}

function othersOf({ nodeId, consensus, replica, urlOf }: Context): Asked[] {
  const { voters, learners } = consensus.status()
  const metadata = [...voters, ...learners]
    .filter(({ id }) => id !== nodeId)
    .map(({ id }) => ({ name: `metadata node ${id}`, url: withPath(urlOf(id), 'metadata') }))
  // A plain client keeps no copy of the metadata.
  const storage = replica.image
    .brokers()
    .filter(({ incarnationId }) => incarnationId !== null)
    .map(({ brokerId, host, port }) => ({
      name: `storage node ${brokerId}`,
      url: withPath(httpUrl(host, port), 'storage'),
    }))
  return [...metadata, ...storage]
}

function withPath(url: string | undefined, kind: 'metadata' | 'storage'): string | undefined {
  return url === undefined ? undefined : `${url}/api/v1/${kind}/features`
}

async function whyNot(context: Context, { name, url }: Asked, levels: FeatureLevels): Promise<string | null> {
  if (url === undefined) return `the address of ${name} is not known`
  const ranges = await ask(context, url).catch(messageOf)
  if (typeof ranges === 'string') return `${name} does not tell what it supports (${ranges})`
  for (const [feature, level] of Object.entries(levels)) {
    const range = ranges.get(feature)
    if (range === undefined) return `${name} does not know ${feature}`
    if (level > range.max || level < range.min)
      return `${name} supports ${feature} ${range.min} to ${range.max}`
  }
  return null
}

/** Throws when no answer comes, or it is not one of a release that knows features. */
async function ask({ http }: Context, url: string): Promise<Ranges> {
  const { status, body } = await http.send({ method: 'GET', url, timeoutMs: TIMEOUT_MS })
  if (status === 404) throw new Error('its release is from before there were levels')
  if (status !== 200) throw new Error(`it answered ${status}`)
  const { features = [] } = body as { features?: { feature: string; supported: FeatureRange }[] }
  return new Map(features.map(({ feature, supported }) => [feature, supported]))
}
