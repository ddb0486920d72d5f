import type { FastifyInstance } from 'fastify'

/** The numbers of this process, in the text format that Prometheus reads. */
export type Scrape = { readonly contentType: string; text(): Promise<string> }

export function metrics(app: FastifyInstance, scrape: Scrape): void {
  const schema = {
    summary: 'Numbers of this process for Prometheus; docs/metrics.md lists them.',
    response: {
      200: { description: 'text format 0.0.4', content: { 'text/plain': { schema: { type: 'string' } } } },
    },
  }
  app.get('/metrics', { schema }, async (_, reply) =>
    reply.type(scrape.contentType).send(await scrape.text()),
  )
}
