import type { FastifyInstance } from 'fastify'
import { RebalanceAnswer, RebalanceBody, RebalanceState } from '../../protocol/rest/move-schemas.ts'
import { WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'
import { writeOf } from '../write.ts'

/** One answer shows no more; the rest is planned when these are done. */
const MOVES_MAX = 1_000

export function rebalance(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Evens out replicas and leaders: a plan with a reason for each move; without dryRun it starts.',
    body: RebalanceBody,
    querystring: WriteQuery,
    response: { 200: RebalanceAnswer },
  }
  type Route = { Body: RebalanceBody; Querystring: WriteQuery }
  app.post<Route>('/rebalance', { schema }, async (request, reply) => {
    const { automaticMoves, proposer } = context.controller.reign
    const write = writeOf(request, reply, context)
    const repeats = proposer.isRepeat(write)
    const plan = await automaticMoves.planRebalance(MOVES_MAX)
    if (request.body.dryRun === true) return { started: false, ...plan }
    if (repeats || plan.moves.length > 0) await automaticMoves.rebalance(write)
    // A repeat is not to start what was not started: that, too, is kept under the key.
    else if (write.idempotency !== undefined) await automaticMoves.noteNothingToDo(write)
    const started = automaticMoves.isRebalancing && (repeats || plan.moves.length > 0)
    return { started, ...plan }
  })
  state(app, context)
  stop(app, context)
}

function state(app: FastifyInstance, context: Context): void {
  const schema = {
    summary:
      'Whether a rebalance is under way. The controller answers: below level 2 of metadata.version only it knows.',
    response: { 200: RebalanceState },
  }
  app.get('/rebalance', { schema }, () => {
    const { automaticMoves } = context.controller.reign
    const since = automaticMoves.rebalancingSince
    const moving = automaticMoves.rebalanceMoves
    const state = since !== null ? 'RUNNING' : moving > 0 ? 'INTERRUPTED' : 'NONE'
    return { state, since, moving, outlivesController: automaticMoves.rebalanceIsKept }
  })
}

function stop(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'Ends a rebalance: moves that were begun go on, no others follow.',
    querystring: WriteQuery,
    response: { 204: { type: 'null', description: 'no rebalance is under way any more' } },
  }
  app.delete<{ Querystring: WriteQuery }>('/rebalance', { schema }, async (request, reply) => {
    await context.controller.reign.automaticMoves.stopRebalance(writeOf(request, reply, context))
    return reply.status(204).send()
  })
}
