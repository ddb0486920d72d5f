import type { FastifyInstance } from 'fastify'
import { DmqError, messageOf } from '../../base/errors.ts'
import type { StorageNode } from '../../broker/broker.ts'
import type { StorageUpdate } from '../../broker/metadata-copy.ts'
import { StorageUpdateAnswer, StorageUpdateBody } from '../../protocol/rest/schemas.ts'
import { requireProof } from '../authorization.ts'
import { commandFault } from '../command-fault.ts'
import type { StorageContext } from '../storage-context.ts'

export function storageMetadata(app: FastifyInstance, { broker, key, clock, doors }: StorageContext): void {
  const schema = {
    summary:
      'The controller brings new metadata, or says that it is the controller now. Needs proof of the cluster key.',
    body: StorageUpdateBody,
    response: { 200: StorageUpdateAnswer },
  }
  app.post<{ Body: StorageUpdateBody }>('/metadata', { schema }, request => {
    requireProof(request, { key, clock })
    return receive(broker, request.body)
  })
  doors.add<StorageUpdateBody>('metadata', StorageUpdateBody, body => receive(broker, body))
}

function receive(broker: StorageNode, body: StorageUpdateBody) {
  checkCommands(body)
  try {
    return broker.receiveUpdate(body as StorageUpdate)
  } catch (error) {
    if (error instanceof DmqError || body.snapshot === undefined) throw error
    throw new DmqError('INVALID_REQUEST', `body snapshot: ${messageOf(error)}`)
  }
}

function checkCommands({ commands = [] }: StorageUpdateBody): void {
  for (const [i, { commandType, commandData }] of commands.entries()) {
    const fault = commandFault(commandType, commandData)
    if (fault !== null) throw new DmqError('INVALID_REQUEST', `body commands.${i}: ${fault}`)
  }
}
