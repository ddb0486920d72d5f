import type { FastifyInstance } from 'fastify'
import { FEATURES } from '../../metadata/features.ts'
import { StorageFeaturesSchema } from '../../protocol/rest/feature-schemas.ts'

export function storageFeatures(app: FastifyInstance): void {
  const schema = {
    summary: 'Which levels of features this storage node supports.',
    response: { 200: StorageFeaturesSchema },
  }
  app.get('/features', { schema }, () => ({
    features: Object.entries(FEATURES).map(([feature, supported]) => ({ feature, supported })),
  }))
}
