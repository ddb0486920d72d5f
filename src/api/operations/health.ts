import type { FastifyInstance } from 'fastify'
import { ReadinessSchema } from '../../protocol/rest/schemas.ts'

/** Ready, or why not. */
export type Readiness = { readonly ready: boolean; readonly reasons: readonly string[] }

export function health(app: FastifyInstance, readiness: () => Readiness): void {
  app.get('/health/live', { schema: { summary: 'The process answers.' } }, () => ({ status: 'live' }))
  const schema = {
    summary: 'The process can do its work: 200, or 503 with the reasons why not.',
    response: { 200: ReadinessSchema, 503: ReadinessSchema },
  }
  app.get('/health/ready', { schema }, (_, reply) => {
    const { ready, reasons } = readiness()
    return reply
      .status(ready ? 200 : 503)
      .send({ status: ready ? 'ready' : 'not ready', reasons: [...reasons] })
  })
}
