import type { FastifyInstance } from 'fastify'
import { DmqError, messageOf } from '../../base/errors.ts'
import { httpUrl } from '../../base/http-url.ts'
import type { Broker } from '../../metadata/broker.ts'
import { PushAllAnswer, PushAllBody } from '../../protocol/rest/sync-schemas.ts'
import type { Context } from '../context.ts'

export function syncPush(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'The controller sends everything to a storage node that is registered at this address.',
    body: PushAllBody,
    response: { 200: PushAllAnswer },
  }
  app.post<{ Body: PushAllBody }>('/sync', { schema }, async ({ body }) => {
    const { publisher } = context.controller.reign
    const { brokerId } = registeredAt(context, body.requestingServiceUrl)
    try {
      return { success: true, brokerId, ...(await publisher.pushAll(brokerId)) }
    } catch (error) {
      return { success: false, brokerId, version: null, stateHash: null, reason: messageOf(error) }
    }
  })
}

/** Only a registered node: nobody can have the controller send the metadata elsewhere. */
function registeredAt({ replica }: Context, given: string): Broker {
  const wanted = URL.canParse(given) ? new URL(given).origin : null
  const broker = replica.image
    .brokers()
    .find(({ host, port }) => wanted !== null && new URL(httpUrl(host, port)).origin === wanted)
  if (broker !== undefined) return broker
  throw new DmqError(
    'INVALID_REQUEST',
    `body requestingServiceUrl: no storage node is registered at ${JSON.stringify(given)}; GET /brokers lists them`,
  )
}
