import type { FastifyInstance } from 'fastify'
import type { Write } from '../../controller/proposer.ts'
import { IsrStatusBatchAnswer, IsrStatusBatchBody } from '../../protocol/rest/isr-schemas.ts'
import { WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { writeOf } from '../write.ts'

export function isrStatusBatch(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'A storage node reports replicas that lag or caught up, and the roles it has taken up.',
    description:
      'A breach removes the member. A recovery expands the ISR only when the current leader reports it with its epochs; else it is passed to that leader. BECAME_* compares with the metadata.',
    body: IsrStatusBatchBody,
    querystring: WriteQuery,
    response: { 200: IsrStatusBatchAnswer },
  }
  type Route = { Body: IsrStatusBatchBody; Querystring: WriteQuery }
  app.post<Route>('/isr-status-batch', { schema }, async (request, reply) =>
    report(context, request.body, writeOf(request, reply, context)),
  )
  context.doors.add<IsrStatusBatchBody>('isrStatusBatch', IsrStatusBatchBody, body =>
    report(context, body, { timeoutMs: context.timeoutMs, by: 'POST /isr-status-batch' }),
  )
}

async function report(context: Context, body: IsrStatusBatchBody, write: Write) {
  const { nodeId, brokerEpoch, metadataVersion, isrUpdates } = body
  const sender = { metadataVersion, ...(brokerEpoch === undefined ? {} : { brokerEpoch }) }
  const results = await context.controller.reign.isrs.report(nodeId, sender, isrUpdates, write)
  const { version } = context.replica.image
  return {
    success: results.every(({ outcome }) => outcome !== 'REFUSED'),
    results: isrUpdates.map(({ topic, partition, brokerId }, i) => ({
      topic,
      partition,
      brokerId,
      ...results[i],
    })),
    controllerMetadataVersion: version,
    instructions: metadataVersion < version ? ['PULL_METADATA'] : [],
  }
}
