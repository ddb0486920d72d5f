import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import type { BrokerRegistration } from '../../metadata/broker.ts'
import {
  BrokerListSchema,
  BrokerParams,
  BrokerSchema,
  ListBrokersQuery,
  ReadQuery,
  RegisterBrokerBody,
  UnregisterQuery,
  WriteQuery,
} from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'
import { writeOf } from '../write.ts'
import { brokerView, brokerViews } from './broker-view.ts'

const LIMIT = 1_000

export function brokers(app: FastifyInstance, context: Context): void {
  register(app, context)
  unregister(app, context)

  const list = {
    summary: 'Brokers by id.',
    querystring: ListBrokersQuery,
    response: { 200: BrokerListSchema },
  }
  app.get<{ Querystring: ListBrokersQuery }>('/brokers', { schema: list }, async ({ query }) => {
    await awaitFreshness(context, query)
    const after = query.after ?? -1
    const views = brokerViews(context).filter(({ brokerId }) => brokerId > after)
    const page = views.slice(0, query.limit ?? LIMIT)
    const next = page.length < views.length ? { next: page.at(-1)!.brokerId } : {}
    return { version: context.replica.image.version, brokers: page, ...next }
  })

  const one = {
    summary: 'A broker.',
    params: BrokerParams,
    querystring: ReadQuery,
    response: { 200: BrokerSchema },
  }
  app.get<{ Params: BrokerParams; Querystring: ReadQuery }>(
    '/brokers/:brokerId',
    { schema: one },
    async ({ params, query }) => {
      await awaitFreshness(context, query)
      return knownBroker(context, params.brokerId)
    },
  )
}

function register(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Registers a broker.',
    description:
      'Without incarnationId it is ONLINE at once; with it, when its heartbeats show that it has caught up. 200: a repeat.',
    body: RegisterBrokerBody,
    querystring: WriteQuery,
    response: { 200: BrokerSchema, 201: BrokerSchema },
  }
  app.post<{ Body: RegisterBrokerBody; Querystring: WriteQuery }>(
    '/brokers',
    { schema },
    async (request, reply) => {
      const { body } = request
      assertSameCluster(context, body)
      const fresh = await context.controller.reign.brokers.register(
        registrationOf(body),
        body.previousBrokerEpoch ?? null,
        writeOf(request, reply, context),
      )
      return reply.status(fresh ? 201 : 200).send(knownBroker(context, body.brokerId))
    },
  )
}

/** What a storage node holds of another cluster must not be mixed with this one. */
function assertSameCluster({ consensus }: Context, { brokerId, clusterId }: RegisterBrokerBody): void {
  const ours = consensus.status().clusterId
  if (clusterId === undefined || ours === null || clusterId === ours) return
  throw new DmqError(
    'CLUSTER_ID_MISMATCH',
    `broker ${brokerId} holds data of cluster ${clusterId}, this is cluster ${ours}. ` +
      'Start it with the services.json of its own cluster, or with an empty data directory.',
  )
}

function registrationOf(body: RegisterBrokerBody): BrokerRegistration {
  return {
    brokerId: body.brokerId,
    host: body.host,
    port: body.port,
    rack: body.rack ?? null,
    resources: body.resources ?? {},
    listeners: body.listeners ?? [],
    incarnationId: body.incarnationId ?? null,
    pairedMetadataServiceId: body.pairedMetadataServiceId ?? null,
  }
}

function unregister(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Removes a broker for good; refused while it holds replicas.',
    params: BrokerParams,
    querystring: UnregisterQuery,
    response: { 204: { type: 'null', description: 'removed' } },
  }
  type Route = { Params: BrokerParams; Querystring: UnregisterQuery }
  app.delete<Route>('/brokers/:brokerId', { schema }, async (request, reply) => {
    const { params, query } = request
    const write = writeOf(request, reply, context)
    await context.controller.reign.brokers.unregister(params.brokerId, query.force === true, write)
    return reply.status(204).send()
  })
}

function knownBroker(context: Context, brokerId: number) {
  const broker = context.replica.image.broker(brokerId)
  if (broker === undefined) throw new DmqError('UNKNOWN_BROKER', `broker ${brokerId} is not registered`)
  return brokerView(context, broker)
}
