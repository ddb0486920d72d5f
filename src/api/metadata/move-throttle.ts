import type { FastifyInstance } from 'fastify'
import { MoveThrottleBody, MoveThrottleState } from '../../protocol/rest/move-schemas.ts'
import { WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { writeOf } from '../write.ts'

const PATH = '/reassignments/throttle'

export function moveThrottle(app: FastifyInstance, context: Context): void {
  const schema = {
    summary:
      'How many partitions are moved at a time, and how many wait. The controller answers: it is configured for it.',
    response: { 200: MoveThrottleState },
  }
  app.get(PATH, { schema }, () => context.controller.reign.throttle.state)
  change(app, context)
}

function change(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Changes how many partitions are moved at a time. Moves that have begun go on.',
    body: MoveThrottleBody,
    querystring: WriteQuery,
    response: { 200: MoveThrottleState },
  }
  app.patch<{ Body: MoveThrottleBody; Querystring: WriteQuery }>(PATH, { schema }, async (request, reply) => {
    const { throttle } = context.controller.reign
    await throttle.set(request.body.movesMax, writeOf(request, reply, context))
    return throttle.state
  })
}
