import type { FastifyInstance } from 'fastify'
import { renderTopicRow } from '../../metadata/render.ts'
import { sortedPosition } from '../../metadata/sorted-names.ts'
import {
  ListTopicsQuery,
  NotModified,
  ReadQuery,
  TopicListSchema,
  TopicParams,
  TopicSchema,
} from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context, notModified } from '../context.ts'
import { topicView } from './update-topic.ts'

const LIMIT = 1_000

export function topics(app: FastifyInstance, context: Context): void {
  const list = {
    summary: 'Topics by name, without their partitions.',
    querystring: ListTopicsQuery,
    response: { 200: TopicListSchema, 304: NotModified },
  }
  app.get<{ Querystring: ListTopicsQuery }>('/topics', { schema: list }, async ({ query }, reply) => {
    await awaitFreshness(context, query)
    if (notModified(context, reply)) return reply.status(304).send()
    const { image } = context.replica
    const start = query.after === undefined ? 0 : sortedPosition(image.topicNames, `${query.after}\0`)
    const names = image.topicNames.slice(start, start + (query.limit ?? LIMIT))
    const more = start + names.length < image.topicNames.length
    return {
      version: image.version,
      topics: names.map(name => renderTopicRow(image.topic(name)!)),
      ...(more ? { next: names.at(-1) } : {}),
    }
  })

  const one = {
    summary: 'A topic with its partitions.',
    params: TopicParams,
    querystring: ReadQuery,
    response: { 200: TopicSchema, 304: NotModified },
  }
  app.get<{ Params: TopicParams; Querystring: ReadQuery }>(
    '/topics/:name',
    { schema: one },
    async ({ params, query }, reply) => {
      await awaitFreshness(context, query)
      const view = topicView(context.replica.image, params.name)
      return notModified(context, reply) ? reply.status(304).send() : view
    },
  )
}
