import type { FastifyInstance } from 'fastify'
import { TopicParams, WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { writeOf } from '../write.ts'

export function deleteTopic(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Deletes a topic.',
    params: TopicParams,
    querystring: WriteQuery,
    response: { 204: { type: 'null', description: 'deleted' } },
  }
  app.delete<{ Params: TopicParams; Querystring: WriteQuery }>(
    '/topics/:name',
    { schema },
    async (request, reply) => {
      await context.controller.reign.topics.delete(request.params.name, writeOf(request, reply, context))
      return reply.status(204).send()
    },
  )
}
