import type { FastifyInstance } from 'fastify'
import { renderTopic } from '../../metadata/render.ts'
import { ClusterSchema, ReadQuery } from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'
import { brokerViews } from './broker-view.ts'

export function cluster(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Everything: brokers, and topics with their partitions.',
    querystring: ReadQuery,
    response: { 200: ClusterSchema },
  }
  app.get<{ Querystring: ReadQuery }>('/cluster', { schema }, async request => {
    await awaitFreshness(context, request.query)
    const { image } = context.replica
    return {
      version: image.version,
      clusterId: context.consensus.status().clusterId,
      controllerId: context.consensus.leadership.leader,
      brokers: brokerViews(context),
      topics: image.topicNames.map(name => renderTopic(image, image.topic(name)!)),
    }
  })
}
