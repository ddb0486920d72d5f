import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { BrokerParams, HeartbeatAnswer, HeartbeatBody } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'

export function heartbeat(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A broker says that it lives, and how far its metadata is.',
    params: BrokerParams,
    body: HeartbeatBody,
    response: { 200: HeartbeatAnswer },
  }
  app.post<{ Params: BrokerParams; Body: HeartbeatBody }>(
    '/heartbeat/:brokerId',
    { schema },
    async ({ params, body }) => {
      if (body.brokerId !== params.brokerId) {
        throw new DmqError(
          'INVALID_REQUEST',
          `the path names broker ${params.brokerId}, the body broker ${body.brokerId}`,
        )
      }
      const { controller } = context
      const { broker, mayStop, expandIsr } = await controller.heartbeats.of(async () => {
        const { brokers, isrs } = controller.reign
        const verdict = await brokers.heartbeat(params.brokerId, body)
        return { ...verdict, expandIsr: isrs.hintsFor(params.brokerId) }
      })
      const { version } = context.replica.image
      return {
        ack: true,
        currentVersion: version,
        controllerTerm: context.consensus.leadership.term,
        timestamp: context.clock.epoch(),
        brokerStatus: broker.status,
        instructions: [
          ...(mayStop ? ['SHUT_DOWN'] : []),
          ...(body.metadataVersion < version ? ['PULL_METADATA'] : []),
        ],
        expandIsr,
      }
    },
  )
}
