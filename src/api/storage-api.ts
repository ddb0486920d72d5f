import type { FastifyInstance } from 'fastify'
import { createApp } from './app.ts'
import { health } from './operations/health.ts'
import { metrics, type Scrape } from './operations/metrics.ts'
import { keepRawJson } from './raw-json.ts'
import type { RequestMeasures } from './request-measures.ts'
import { storageFeatures } from './storage/features.ts'
import { storageMetadata } from './storage/metadata.ts'
import { storagePartition } from './storage/partition.ts'
import { storagePing } from './storage/ping.ts'
import { storageStatus } from './storage/status.ts'
import type { StorageContext } from './storage-context.ts'

export type StorageApiOptions = {
  readonly version: string
  readonly requests: RequestMeasures
  readonly scrape: Scrape
  readonly onBug: (error: unknown, request: { method: string; url: string }) => void
}

/** The REST API of a storage node. */
export async function storageApi(
  context: StorageContext,
  { version, onBug, requests, scrape }: StorageApiOptions,
): Promise<FastifyInstance> {
  const metadataVersion = () => context.broker.metadataVersion
  context.doors.configure({ onBug: (error, name) => onBug(error, { method: 'SESSION', url: name }) })
  const app = await createApp({ title: 'DMQ storage node', version, metadataVersion, requests, onBug })
  await app.register(
    async scope => {
      keepRawJson(scope)
      storageMetadata(scope, context)
      storageStatus(scope, context)
      storageFeatures(scope)
      storagePing(context)
      storagePartition(scope, context)
    },
    { prefix: '/api/v1/storage' },
  )
  health(app, () => context.broker.readiness())
  metrics(app, scrape)
  return app
}
