import type { FastifyInstance } from 'fastify'
import type { ElectionResult } from '../../controller/leader-elections.ts'
import type { Image } from '../../metadata/image.ts'
import { ElectionsAnswer, ElectionsBody } from '../../protocol/rest/move-schemas.ts'
import { WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { errorOf } from '../problem.ts'
import { writeOf } from '../write.ts'

export function elections(app: FastifyInstance, context: Context): void {
  const schema = {
    summary:
      'Elects leaders: the preferred ones, or any live replica where nobody leads (UNCLEAN: data may be lost).',
    body: ElectionsBody,
    querystring: WriteQuery,
    response: { 200: ElectionsAnswer },
  }
  type Route = { Body: ElectionsBody; Querystring: WriteQuery }
  app.post<Route>('/elections', { schema }, async (request, reply) => {
    const { type, partitions } = request.body
    const write = writeOf(request, reply, context)
    const results = await context.controller.reign.elections.elect(type, partitions ?? null, write)
    return { results: results.map(result => resultView(context.replica.image, result)) }
  })
}

function resultView(image: Image, { topic, partition, rejection }: ElectionResult) {
  const error = rejection === null ? {} : { error: errorOf(rejection) }
  const row = image.topic(topic)?.rows[partition]
  if (row === undefined) return { topic, partition, ...error }
  const { leader, leaderEpoch } = image.partition(row)
  return { topic, partition, leader, leaderEpoch, ...error }
}
