import type { FastifyInstance } from 'fastify'
import { DmqError } from '../base/errors.ts'

/** Within this scope JSON bodies are parsed as everywhere, and kept as they came: to be proved, or passed on. */
export function keepRawJson(scope: FastifyInstance): void {
  const parse = scope.getDefaultJsonParser('error', 'error')
  scope.removeContentTypeParser('application/json')
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    request.rawBody = body as string
    // Some clients say "JSON" of every request, also of one that has no body.
    if (body === '' && request.method === 'DELETE') done(null, undefined)
    else if (body === '')
      done(new DmqError('INVALID_REQUEST', 'the body is empty; a JSON object is expected'), undefined)
    else void parse(request, body as string, done)
  })
}
