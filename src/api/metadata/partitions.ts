import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import type { PartitionView } from '../../metadata/render.ts'
import {
  CreatePartitionsBody,
  LeaderSchema,
  NotModified,
  PartitionParams,
  PartitionSchema,
  ReadQuery,
  TopicParams,
  TopicSchema,
  WriteQuery,
} from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context, notModified } from '../context.ts'
import { writeOf } from '../write.ts'
import { topicView } from './update-topic.ts'

export function partitions(app: FastifyInstance, context: Context): void {
  const increase = {
    summary: 'Adds partitions; numPartitions is the new total.',
    params: TopicParams,
    body: CreatePartitionsBody,
    querystring: WriteQuery,
    response: { 200: TopicSchema },
  }
  type Increase = { Params: TopicParams; Body: CreatePartitionsBody; Querystring: WriteQuery }
  app.post<Increase>('/topics/:name/partitions', { schema: increase }, async (request, reply) => {
    const { params, body } = request
    const write = writeOf(request, reply, context)
    await context.controller.reign.topics.createPartitions({ topicName: params.name, ...body }, write)
    return topicView(context.replica.image, params.name)
  })

  type Read = { Params: PartitionParams; Querystring: ReadQuery }
  const one = {
    summary: 'A partition.',
    params: PartitionParams,
    querystring: ReadQuery,
    response: { 200: PartitionSchema, 304: NotModified },
  }
  app.get<Read>('/topics/:name/partitions/:id', { schema: one }, async ({ params, query }, reply) => {
    await awaitFreshness(context, query)
    const view = partitionView(context, params)
    return notModified(context, reply) ? reply.status(304).send() : view
  })

  const leader = {
    summary: 'Where the leader of a partition is.',
    params: PartitionParams,
    querystring: ReadQuery,
    response: { 200: LeaderSchema, 304: NotModified },
  }
  app.get<Read>(
    '/topics/:name/partitions/:id/leader',
    { schema: leader },
    async ({ params, query }, reply) => {
      await awaitFreshness(context, query)
      const view = leaderView(context, params)
      return notModified(context, reply) ? reply.status(304).send() : view
    },
  )
}

function partitionView({ replica }: Context, { name, id }: PartitionParams): PartitionView {
  const topic = topicView(replica.image, name)
  const partition = topic.partitions[id]
  if (partition !== undefined) return partition
  throw new DmqError(
    'UNKNOWN_PARTITION',
    `topic ${name} has no partition ${id}; it has ${topic.numPartitions}, from 0 to ${topic.numPartitions - 1}`,
  )
}

function leaderView(context: Context, params: PartitionParams) {
  const { leader, leaderEpoch, replicas, elr } = partitionView(context, params)
  const broker = leader === null ? undefined : context.replica.image.broker(leader)
  if (broker !== undefined)
    return { brokerId: broker.brokerId, host: broker.host, port: broker.port, leaderEpoch }
  const waits =
    elr.length > 0 ? `it can be led again by ${elr.join(' or ')}` : 'no replica that may lead is ONLINE'
  throw new DmqError(
    'LEADER_NOT_AVAILABLE',
    `partition ${params.name}-${params.id} has no leader: ${waits}`,
    { replicas, elr },
  )
}
