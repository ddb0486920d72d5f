import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { BrokerParams, HeartbeatAnswer, HeartbeatBody } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { origin } from './sync-snapshot.ts'

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
      return beat(context, body)
    },
  )
  context.doors.add<HeartbeatBody>('heartbeat', HeartbeatBody, body => beat(context, body))
}

async function beat(context: Context, body: HeartbeatBody) {
  const { brokerId, recoveryEpoch } = body
  // Versions of before a recovery say nothing of the metadata after it.
  const isOurs = recoveryEpoch === undefined || recoveryEpoch === origin(context).recoveryEpoch
  const metadataVersion = isOurs ? body.metadataVersion : 0
  const stateHash = isOurs ? body.stateHash : undefined
  const { controller } = context
  const { broker, mayStop, expandIsr } = await controller.heartbeats.of(async () => {
    const { brokers, isrs } = controller.reign
    const verdict = await brokers.heartbeat(brokerId, { ...body, metadataVersion })
    return { ...verdict, expandIsr: isrs.hintsFor(brokerId) }
  })
  const { publisher } = controller.reign
  if (!isOurs) publisher.reportedOther(brokerId)
  const agrees = stateHash === undefined || publisher.reported(brokerId, metadataVersion, stateHash)
  const { version } = context.replica.image
  const behind = metadataVersion < version ? ['PULL_METADATA'] : []
  return {
    ack: true,
    currentVersion: version,
    controllerTerm: context.consensus.leadership.term,
    timestamp: context.clock.epoch(),
    brokerStatus: broker.status,
    instructions: [...(mayStop ? ['SHUT_DOWN'] : []), ...(agrees ? behind : ['PULL_SNAPSHOT'])],
    expandIsr,
  }
}
