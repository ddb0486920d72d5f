import type { FastifyInstance } from 'fastify'
import { historyPage } from '../../controller/history/history-page.ts'
import { HistoryQuery, HistorySchema } from '../../protocol/rest/history-schemas.ts'
import { awaitFreshness, type Context } from '../context.ts'

const LIMIT = 100

export function history(app: FastifyInstance, context: Context): void {
  const schema = {
    summary: 'What changed, at which version, when, and by which request: oldest first.',
    description:
      'Without from and after: the newest entries. Each node answers as far back as it knows; 410 for what is older.',
    querystring: HistoryQuery,
    response: { 200: HistorySchema },
  }
  app.get<{ Querystring: HistoryQuery }>('/history', { schema }, async ({ query }) => {
    await awaitFreshness(context, query)
    const { image, history } = context.replica
    return {
      version: image.version,
      ...historyPage(history, image, { ...query, limit: query.limit ?? LIMIT }),
    }
  })
}
