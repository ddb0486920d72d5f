import type { FastifyInstance } from 'fastify'
import { createApp } from './app.ts'
import { health } from './operations/health.ts'
import { keepRawJson } from './raw-json.ts'
import { storageMetadata } from './storage/metadata.ts'
import { storageStatus } from './storage/status.ts'
import type { StorageContext } from './storage-context.ts'

export type StorageApiOptions = {
  readonly version: string
  readonly onBug: (error: unknown, request: { method: string; url: string }) => void
}

/** The REST API of a storage node. */
export async function storageApi(
  context: StorageContext,
  { version, onBug }: StorageApiOptions,
): Promise<FastifyInstance> {
  const metadataVersion = () => context.broker.metadataVersion
  const app = await createApp({ title: 'DMQ storage node', version, metadataVersion, onBug })
  await app.register(
    async scope => {
      keepRawJson(scope)
      storageMetadata(scope, context)
      storageStatus(scope, context)
    },
    { prefix: '/api/v1/storage' },
  )
  health(app, () => context.broker.readiness())
  return app
}
