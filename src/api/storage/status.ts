import type { FastifyInstance } from 'fastify'
import type { StorageContext } from '../storage-context.ts'

export function storageStatus(app: FastifyInstance, { broker }: StorageContext): void {
  app.get(
    '/status',
    { schema: { summary: 'This storage node: its registration, its metadata, its partitions.' } },
    () => broker.status(),
  )
}
