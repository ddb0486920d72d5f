import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { StorageHeartbeatAnswer, StorageHeartbeatBody } from '../../protocol/rest/sync-schemas.ts'
import type { Context } from '../context.ts'

export function storageHeartbeat(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A storage node says that it lives; the answer says what it has to do about its metadata.',
    body: StorageHeartbeatBody,
    response: { 200: StorageHeartbeatAnswer },
  }
  app.post<{ Body: StorageHeartbeatBody }>('/storage-heartbeat', { schema }, ({ body }) =>
    beat(context, body),
  )
}

async function beat(context: Context, body: StorageHeartbeatBody) {
  const { serviceId, metadataVersion, alive = true, brokerEpoch } = body
  const epoch = brokerEpoch === undefined ? {} : { brokerEpoch }
  const heartbeat = { metadataVersion, ...(alive ? {} : { wantFence: true }), ...epoch }
  try {
    await context.controller.reign.brokers.heartbeat(serviceId, heartbeat)
  } catch (error) {
    if (!isForgotten(error)) throw error
    return answer(context, false, 'REREGISTER')
  }
  const inSync = metadataVersion >= context.replica.image.version
  return answer(context, inSync, inSync ? 'NONE' : 'PULL_METADATA')
}

/** It is not registered, or another process registered in its place: registering again is the way back. */
function isForgotten(error: unknown): boolean {
  return error instanceof DmqError && (error.code === 'UNKNOWN_BROKER' || error.code === 'STALE_BROKER_EPOCH')
}

function answer(context: Context, inSync: boolean, instruction: 'NONE' | 'PULL_METADATA' | 'REREGISTER') {
  return {
    success: instruction !== 'REREGISTER',
    controllerMetadataVersion: context.replica.image.version,
    inSync,
    instruction,
  }
}
