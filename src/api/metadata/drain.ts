import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { drainProgress } from '../../controller/drain-progress.ts'
import { DrainProgressSchema } from '../../protocol/rest/move-schemas.ts'
import { BrokerParams, ReadQuery, WriteQuery } from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'
import { writeOf } from '../write.ts'

const ENDPOINTS = [
  {
    method: 'POST',
    path: 'drain',
    mode: 'DRAIN',
    summary: 'The broker hands leadership over where another can take it, and gets no new replicas.',
  },
  {
    method: 'DELETE',
    path: 'drain',
    mode: null,
    summary: 'The broker is no longer drained or decommissioned.',
  },
  {
    method: 'POST',
    path: 'decommission',
    mode: 'DECOMMISSION',
    summary: 'The broker is drained, and its replicas move to others.',
  },
] as const

export function drain(app: FastifyInstance, context: Context): void {
  type Write = { Params: BrokerParams; Querystring: WriteQuery }
  for (const { method, path, mode, summary } of ENDPOINTS) {
    const response = { 200: DrainProgressSchema }
    app.route<Write>({
      method,
      url: `/brokers/:brokerId/${path}`,
      schema: { summary, params: BrokerParams, querystring: WriteQuery, response },
      handler: async (request, reply) => {
        const { brokerId } = request.params
        assertNoFields(request.body)
        await context.controller.reign.brokers.drain(brokerId, mode, writeOf(request, reply, context))
        return progress(context, brokerId)
      },
    })
  }

  type Read = { Params: BrokerParams; Querystring: ReadQuery }
  for (const path of ['drain', 'decommission']) {
    const schema = {
      summary: 'How far a drain or decommission is, and why what is left is not moved yet.',
      params: BrokerParams,
      querystring: ReadQuery,
      response: { 200: DrainProgressSchema },
    }
    app.get<Read>(`/brokers/:brokerId/${path}`, { schema }, async ({ params, query }) => {
      await awaitFreshness(context, query)
      return progress(context, params.brokerId)
    })
  }
}

function progress({ replica: { image }, controller }: Context, brokerId: number) {
  const broker = image.broker(brokerId)
  if (broker === undefined) throw new DmqError('UNKNOWN_BROKER', `broker ${brokerId} is not registered`)
  return drainProgress(image, broker, controller.resourcesOf)
}

/** The path says all: no body, or an empty one. */
function assertNoFields(body: unknown): void {
  if (body === undefined || body === null) return
  if (typeof body !== 'object' || Array.isArray(body))
    throw new DmqError('INVALID_REQUEST', 'body must be object, or absent')
  const [name] = Object.keys(body)
  if (name !== undefined)
    throw new DmqError('INVALID_REQUEST', `body: unknown field ${JSON.stringify(name)}; no field is expected`)
}
