import type { FastifyInstance } from 'fastify'
import { RebalanceAnswer, RebalanceBody } from '../../protocol/rest/move-schemas.ts'
import { WriteQuery } from '../../protocol/rest/schemas.ts'
import type { Context } from '../context.ts'

/** One answer shows no more; the rest is planned when these are done. */
const MOVES_MAX = 1_000

export function rebalance(app: FastifyInstance, { controller }: Context): void {
  const schema = {
    summary: 'Evens out replicas and leaders: a plan with a reason for each move; without dryRun it starts.',
    body: RebalanceBody,
    querystring: WriteQuery,
    response: { 200: RebalanceAnswer },
  }
  type Route = { Body: RebalanceBody; Querystring: WriteQuery }
  app.post<Route>('/rebalance', { schema }, async ({ body }) => {
    const { automaticMoves } = controller.reign
    const plan = await automaticMoves.planRebalance(MOVES_MAX)
    const started = body.dryRun !== true && plan.moves.length > 0
    if (started) automaticMoves.rebalance()
    return { started, ...plan }
  })
}
