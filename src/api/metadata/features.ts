import type { FastifyInstance } from 'fastify'
import { FEATURES, type FeatureLevels } from '../../metadata/features.ts'
import { FeaturesSchema, UpdateFeaturesBody } from '../../protocol/rest/feature-schemas.ts'
import { ReadQuery, WriteQuery } from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'
import { writeOf } from '../write.ts'
import { assertSupported } from './feature-support.ts'

export function features(app: FastifyInstance, context: Context): void {
  const read = {
    summary: 'Features: which levels the node asked supports, and which is in force.',
    querystring: ReadQuery,
    response: { 200: FeaturesSchema },
  }
  app.get<{ Querystring: ReadQuery }>('/features', { schema: read }, async ({ query }) => {
    await awaitFreshness(context, query)
    return view(context)
  })

  const update = {
    summary:
      'Raises the levels of features, all or none: every node is asked first whether it supports them.',
    description: 'A level never goes down. With validateOnly nothing is changed.',
    body: UpdateFeaturesBody,
    querystring: WriteQuery,
    response: { 200: FeaturesSchema },
  }
  type Route = { Body: UpdateFeaturesBody; Querystring: WriteQuery }
  app.post<Route>('/features', { schema: update }, async (request, reply) => {
    const { features: levels, validateOnly } = request.body
    const { proposer } = context.controller.reign
    const intent = { type: 'UpdateFeaturesCommand', levels } as const
    const write = writeOf(request, reply, context)
    if (validateOnly === true || !proposer.isRepeat(write)) {
      proposer.check(intent)
      // What is in force every node does already.
      await assertSupported(context, raisedOf(context, levels))
    }
    if (validateOnly !== true) await proposer.submit(write, () => intent)
    return view(context)
  })
}

function raisedOf({ replica: { image } }: Context, levels: FeatureLevels): FeatureLevels {
  const { features } = image.cluster
  return Object.fromEntries(Object.entries(levels).filter(([name, level]) => level > features[name]!))
}

function view({ replica: { image } }: Context) {
  return {
    version: image.version,
    features: Object.entries(FEATURES).map(([feature, supported]) => ({
      feature,
      supported,
      finalized: image.cluster.features[feature]!,
    })),
  }
}
