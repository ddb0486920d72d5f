import type { FastifyInstance } from 'fastify'
import type { Write } from '../../controller/proposer.ts'
import { membersOf } from '../../metadata/replication.ts'
import { AlterPartitionsAnswer, AlterPartitionsBody, WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { writeOf } from '../write.ts'

export function alterPartitions(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'The leader of partitions sets their ISRs: compare and set, a result for each.',
    body: AlterPartitionsBody,
    querystring: WriteQuery,
    response: { 200: AlterPartitionsAnswer },
  }
  type Route = { Body: AlterPartitionsBody; Querystring: WriteQuery }
  app.post<Route>('/partitions/alter', { schema }, (request, reply) =>
    alter(context, request.body, writeOf(request, reply, context)),
  )
  context.doors.add<AlterPartitionsBody>('alterPartitions', AlterPartitionsBody, body =>
    alter(context, body, { timeoutMs: context.timeoutMs, by: 'POST /partitions/alter' }),
  )
}

async function alter(context: Context, body: AlterPartitionsBody, write: Write) {
  const { brokerId, brokerEpoch, changes } = body
  const { isrs } = context.controller.reign
  const results = await isrs.alter(brokerId, brokerEpoch, changes.map(known), write)
  return {
    results: changes.map(({ topic, partition }, i) => ({
      topic,
      partition,
      ...resultOf(context, topic, partition, results[i]),
    })),
  }
}

/** Nodes may send more than this release knows; only what it knows goes into the log. */
function known(change: AlterPartitionsBody['changes'][number]) {
  const { topic, topicId, partition, leaderEpoch, partitionEpoch } = change
  const newIsr = change.newIsr.map(({ brokerId, brokerEpoch }) => ({ brokerId, brokerEpoch }))
  return {
    topic,
    ...(topicId === undefined ? {} : { topicId }),
    partition,
    leaderEpoch,
    partitionEpoch,
    newIsr,
  }
}

type Refused = { readonly rejected: string; readonly message: string } | null | undefined

function resultOf({ replica: { image } }: Context, topic: string, partition: number, refused: Refused) {
  if (refused) return { error: { code: refused.rejected, message: refused.message } }
  const row = image.topic(topic)?.rows[partition]
  if (row === undefined)
    return { error: { code: 'UNKNOWN_TOPIC', message: `topic ${topic} was deleted at the same time` } }
  const { replicas, isr, leaderEpoch, partitionEpoch } = image.partition(row)
  return { isr: membersOf(replicas, isr), leaderEpoch, partitionEpoch }
}
