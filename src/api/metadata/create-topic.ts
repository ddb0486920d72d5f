import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import type { TopicRequest } from '../../controller/topics.ts'
import { renderTopic } from '../../metadata/render.ts'
import { topicNameFault } from '../../metadata/topic.ts'
import { CreateTopicBody, TopicSchema, ValidTopicSchema, WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { writeOf } from '../write.ts'
import { configOf } from './update-topic.ts'

export function createTopic(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Creates a topic.',
    description:
      'Give numPartitions and replicationFactor, or assignments. With validateOnly nothing is created.',
    body: CreateTopicBody,
    querystring: WriteQuery,
    response: { 200: ValidTopicSchema, 201: TopicSchema },
  }
  app.post<{ Body: CreateTopicBody; Querystring: WriteQuery }>(
    '/topics',
    { schema },
    async (request, reply) => {
      const topic = topicRequest(request.body)
      if (request.body.validateOnly === true) {
        context.controller.reign.topics.validate(topic)
        return reply.status(200).send({ valid: true })
      }
      await context.controller.reign.topics.create(topic, writeOf(request, reply, context))
      const { image } = context.replica
      const created = image.topic(topic.topicName)
      // Deleted again before we could look, or before the request was repeated: it was created all the same.
      if (created === undefined)
        throw new DmqError(
          'UNKNOWN_TOPIC',
          `topic ${topic.topicName} was created, and has been deleted since`,
        )
      return reply.status(201).send(renderTopic(image, created))
    },
  )
}

export function topicRequest({
  topicName,
  numPartitions,
  replicationFactor,
  assignments,
  config,
}: Omit<CreateTopicBody, 'validateOnly'>): TopicRequest {
  const fault = topicNameFault(topicName)
  if (fault !== null) throw new DmqError('INVALID_TOPIC', fault)
  const base = { topicName, config: configOf(config ?? {}) as Record<string, string> }
  if (assignments !== undefined) {
    if (numPartitions === undefined && replicationFactor === undefined) return { ...base, assignments }
    throw new DmqError(
      'INVALID_REQUEST',
      'assignments already says how many partitions and replicas there are; leave out numPartitions and replicationFactor',
    )
  }
  if (numPartitions !== undefined && replicationFactor !== undefined)
    return { ...base, numPartitions, replicationFactor }
  throw new DmqError(
    'INVALID_REQUEST',
    'numPartitions and replicationFactor are missing; give both, or assignments',
  )
}
