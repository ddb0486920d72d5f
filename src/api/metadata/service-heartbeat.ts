import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { HeartbeatAnswer } from '../../protocol/rest/schemas.ts'
import { ServiceHeartbeatBody } from '../../protocol/rest/sync-schemas.ts'
import { requireProof } from '../authorization.ts'
import type { Context } from '../context.ts'

export function serviceHeartbeat(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A node of either kind says that it lives. Metadata nodes prove the cluster key.',
    body: ServiceHeartbeatBody,
    response: { 200: HeartbeatAnswer },
  }
  app.post<{ Body: ServiceHeartbeatBody }>('/heartbeat', { schema }, async request => {
    const { body } = request
    if (body.serviceType === 'STORAGE') return ofStorage(context, body)
    // What a metadata node says is told loudly where it disagrees: not everybody may say it.
    requireProof(request, context)
    return ofMetadata(context, body)
  })
}

async function ofStorage(context: Context, body: ServiceHeartbeatBody) {
  const { serviceId, metadataVersion = 0, brokerEpoch } = body
  const epoch = brokerEpoch === undefined ? {} : { brokerEpoch }
  const { brokers, isrs } = context.controller.reign
  const { broker } = await brokers.heartbeat(serviceId, {
    metadataVersion,
    ...epoch,
  })
  return { ...answer(context, broker.status, metadataVersion), expandIsr: isrs.hintsFor(serviceId) }
}

function ofMetadata(context: Context, { serviceId, metadataVersion = 0, stateHash }: ServiceHeartbeatBody) {
  const { reports } = context.controller.reign
  const { voters, learners } = context.consensus.status()
  if (![...voters, ...learners].some(({ id }) => id === serviceId))
    throw new DmqError(
      'INVALID_REQUEST',
      `body serviceId: metadata node ${serviceId} is no member of the quorum`,
    )
  const { agrees } = reports.heard(serviceId, metadataVersion, stateHash ?? null)
  return answer(context, agrees === false ? 'DIVERGED' : 'ONLINE', metadataVersion)
}

function answer(context: Context, brokerStatus: string, metadataVersion: number) {
  const { version } = context.replica.image
  return {
    ack: true,
    currentVersion: version,
    controllerTerm: context.consensus.leadership.term,
    timestamp: context.clock.epoch(),
    brokerStatus,
    instructions: metadataVersion < version ? ['PULL_METADATA'] : [],
    expandIsr: [],
  }
}
