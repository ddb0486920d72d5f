import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { type AlterResult, movesUnderWay } from '../../controller/replica-moves.ts'
import type { Image } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import {
  ReassignmentList,
  ReassignmentParams,
  ReassignmentsAnswer,
  ReassignmentsBody,
} from '../../protocol/rest/move-schemas.ts'
import { ReadQuery, WriteQuery } from '../../protocol/rest/schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'
import { errorOf } from '../problem.ts'
import { writeOf } from '../write.ts'

export function reassignments(app: FastifyInstance, context: Context): void {
  begin(app, context)
  cancel(app, context)
  const schema = {
    summary: 'Partitions whose replicas are being moved, or are to be, and what each waits for.',
    querystring: ReadQuery,
    response: { 200: ReassignmentList },
  }
  app.get<{ Querystring: ReadQuery }>('/reassignments', { schema }, async ({ query }) => {
    await awaitFreshness(context, query)
    return { reassignments: movesUnderWay(context.replica.image) }
  })
}

function begin(app: FastifyInstance, context: Context): void {
  const schema = {
    summary:
      'Moves replicas, so many partitions at a time: those that are added first, the others go when these are in sync.',
    body: ReassignmentsBody,
    querystring: WriteQuery,
    response: { 200: ReassignmentsAnswer },
  }
  type Route = { Body: ReassignmentsBody; Querystring: WriteQuery }
  app.post<Route>('/reassignments', { schema }, async (request, reply) => {
    const { body } = request
    const write = writeOf(request, reply, context)
    const results = await context.controller.reign.moves.alter(body, write)
    return {
      results: body.map((change, i) => resultView(context.replica.image, change, results[i]!)),
    }
  })
}

/** What has become of it by now. */
function resultView(
  image: Image,
  { topic, partition, replicas }: ReassignmentsBody[number],
  { rejection, unchanged }: AlterResult,
) {
  if (rejection !== null) return { topic, partition, error: errorOf(rejection) }
  if (unchanged) return { topic, partition, outcome: 'UNCHANGED' }
  const row = image.topic(topic)?.rows[partition]
  const now = row === undefined ? null : image.partition(row)
  return { topic, partition, outcome: outcomeOf(now, replicas.join()) }
}

function outcomeOf(now: Partition | null, wanted: string): string {
  const moving = now?.reassignment
  if (moving?.target.join() === wanted) return moving.waiting ? 'WAITING' : 'MOVING'
  return now?.replicas.join() === wanted ? 'DONE' : 'GIVEN_UP'
}

function cancel(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Cancels the move of a partition: its replicas are those of before.',
    params: ReassignmentParams,
    querystring: WriteQuery,
    response: { 204: { type: 'null', description: 'cancelled' } },
  }
  type Route = { Params: ReassignmentParams; Querystring: WriteQuery }
  app.delete<Route>('/reassignments/:topic/:partition', { schema }, async (request, reply) => {
    const { topic, partition } = request.params
    const write = writeOf(request, reply, context)
    const [result] = await context.controller.reign.moves.alter([{ topic, partition, replicas: null }], write)
    const rejection = result!.rejection
    if (rejection !== null) throw new DmqError(rejection.rejected, rejection.message, rejection.details)
    return reply.status(204).send()
  })
}
