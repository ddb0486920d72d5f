import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { checkConfig } from '../../metadata/commands/update-topic-config.ts'
import type { Image } from '../../metadata/image.ts'
import { renderTopic, type TopicView } from '../../metadata/render.ts'
import { TopicParams, TopicSchema, UpdateTopicBody, WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { writeOf } from '../write.ts'

export function updateTopic(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Sets config keys of a topic (null returns a key to its default), or how many replicas it has.',
    params: TopicParams,
    body: UpdateTopicBody,
    querystring: WriteQuery,
    response: { 200: TopicSchema },
  }
  type Route = { Params: TopicParams; Body: UpdateTopicBody; Querystring: WriteQuery }
  app.patch<Route>('/topics/:name', { schema }, async (request, reply) => {
    const { params, body } = request
    const write = writeOf(request, reply, context)
    const { topics, moves } = context.controller.reign
    const { config, replicationFactor } = body
    if (config !== undefined && replicationFactor !== undefined)
      throw new DmqError(
        'INVALID_REQUEST',
        'config and replicationFactor are two changes: send them one by one',
      )
    if (config !== undefined) await topics.updateConfig(params.name, configOf(config), write)
    if (replicationFactor !== undefined)
      await moves.setReplicationFactor(params.name, replicationFactor, write)
    return topicView(context.replica.image, params.name)
  })
}

/** Config values are text, as in Kafka; numbers and booleans are taken too. What is wrong anyway never gets to the log. */
export function configOf(
  config: Readonly<Record<string, string | number | boolean | null>>,
): Record<string, string | null> {
  const texts = Object.entries(config).map(([key, value]) => [key, value === null ? null : String(value)])
  const update = Object.fromEntries(texts) as Record<string, string | null>
  const checked = checkConfig({}, update, Number.MAX_SAFE_INTEGER)
  if ('rejected' in checked) throw new DmqError(checked.rejected, checked.message, checked.details)
  return update
}

export function topicView(image: Image, name: string): TopicView {
  const topic = image.topic(name)
  if (topic === undefined)
    throw new DmqError('UNKNOWN_TOPIC', `topic ${JSON.stringify(name.slice(0, 300))} does not exist`)
  return renderTopic(image, topic)
}
