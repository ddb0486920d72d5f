import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { explainBroker } from '../../controller/explain/explain-broker.ts'
import { explainPartition } from '../../controller/explain/explain-partition.ts'
import { removalEntry } from '../../controller/explain/past.ts'
import type { TopicPartition } from '../../metadata/image.ts'
import { ExplainPartitionParams, FindingsSchema } from '../../protocol/rest/history-schemas.ts'
import { BrokerParams, ReadQuery } from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'

export function explain(app: FastifyInstance, context: Context): void {
  partition(app, context)
  const schema = {
    summary: 'What is not as it should be with a broker, since when, and why.',
    params: BrokerParams,
    querystring: ReadQuery,
    response: { 200: FindingsSchema },
  }
  type Route = { Params: BrokerParams; Querystring: ReadQuery }
  app.get<Route>('/explain/broker/:brokerId', { schema }, async ({ params, query }) => {
    await awaitFreshness(context, query)
    const { image, history } = context.replica
    const broker = image.broker(params.brokerId)
    if (broker === undefined) throw unknownBroker(context, params.brokerId)
    return {
      version: image.version,
      findings: explainBroker(image, history, broker, {
        // Heartbeats are heard at the controller alone.
        lateness: context.controller.reignOrNull?.brokers.lateness(broker) ?? null,
        resourcesOf: context.controller.resourcesOf,
      }),
    }
  })
}

function partition(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'What is not as it should be with a partition, since when, and why.',
    params: ExplainPartitionParams,
    querystring: ReadQuery,
    response: { 200: FindingsSchema },
  }
  type Route = { Params: ExplainPartitionParams; Querystring: ReadQuery }
  app.get<Route>('/explain/partition/:topic/:id', { schema }, async ({ params, query }) => {
    await awaitFreshness(context, query)
    const { image, history } = context.replica
    const place = knownPartition(context, params)
    return { version: image.version, findings: explainPartition(image, history, place) }
  })
}

function knownPartition({ replica: { image } }: Context, params: ExplainPartitionParams): TopicPartition {
  const topic = image.topic(params.topic)
  if (topic === undefined)
    throw new DmqError('UNKNOWN_TOPIC', `topic ${JSON.stringify(params.topic.slice(0, 300))} does not exist`)
  const row = topic.rows[params.id]
  if (row !== undefined) return { topic, partition: image.partition(row) }
  const last = topic.rows.length - 1
  throw new DmqError(
    'UNKNOWN_PARTITION',
    `topic ${topic.name} has no partition ${params.id}; they are 0 to ${last}`,
  )
}

function unknownBroker({ replica: { history } }: Context, brokerId: number): DmqError {
  const removed = removalEntry(history, brokerId)
  const since = removed === null ? '' : `: it was removed at version ${removed.version}`
  return new DmqError('UNKNOWN_BROKER', `broker ${brokerId} is not registered${since}`)
}
