import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { DmqError, messageOf } from '../base/errors.ts'
import type { Context } from './context.ts'
import { IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED } from './write.ts'

const PASSED_BACK = [
  'x-metadata-version',
  'content-type',
  'etag',
  'x-controller-leader',
  'x-controller-url',
  IDEMPOTENCY_REPLAYED,
]
/** The controller may wait as long as the request allows; forwarding takes a little longer. */
const EXTRA_MS = 1_000

/**
 * `Prefer: forward` on a write at a node that is not the controller: the node asks the controller, waits until it has
 * applied the result itself (so that its own reads show it), and answers. A forwarded request is not forwarded again.
 */
export function forwardWrites(scope: FastifyInstance, context: Context): void {
  // With a callback: nearly every request passes by here, and a promise for each would be felt.
  scope.addHook('preHandler', (request, reply, done) => {
    const { leader, ready } = context.consensus.leadership
    const url = ready || leader === null || leader === context.nodeId ? undefined : context.urlOf(leader)
    if (
      url === undefined ||
      request.method === 'GET' ||
      request.method === 'HEAD' ||
      !prefersForward(request)
    )
      return done()
    // The reply is sent there: the endpoint itself is not reached.
    forward(context, url, request, reply).catch((error: unknown) => done(error as Error))
  })
}

function prefersForward({ headers }: FastifyRequest): boolean {
  const prefer = headers.prefer
  return (
    prefer !== undefined &&
    String(prefer)
      .split(',')
      .some(token => token.trim().toLowerCase() === 'forward')
  )
}

async function forward(
  context: Context,
  url: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { timeoutMs = context.timeoutMs } = request.query as { timeoutMs?: number }
  const key = request.headers[IDEMPOTENCY_KEY]
  const answer = await context.http
    .send({
      method: request.method as 'POST' | 'PATCH' | 'DELETE',
      url: `${url}${request.url}`,
      timeoutMs: timeoutMs + EXTRA_MS,
      ...(request.rawBody === undefined ? {} : { body: request.rawBody }),
      ...(typeof key === 'string' ? { headers: { [IDEMPOTENCY_KEY]: key } } : {}),
    })
    .catch((error: unknown) => {
      throw new DmqError(
        'COMMIT_TIMEOUT',
        `the controller at ${url} did not answer (${messageOf(error)}); the outcome is unknown`,
      )
    })
  const version = Number(answer.headers['x-metadata-version'] ?? 0)
  const done = answer.status < 300 && version > 0
  if (done && !(await context.replica.reached(version, timeoutMs))) {
    throw new DmqError(
      'VERSION_TIMEOUT',
      `done as version ${version}, which this node did not reach within ${timeoutMs} ms`,
    )
  }
  for (const name of PASSED_BACK) {
    const value = answer.headers[name]
    if (value !== undefined) void reply.header(name, value)
  }
  return reply.status(answer.status).send(answer.body ?? undefined)
}
