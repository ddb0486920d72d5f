import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { DmqError, messageOf } from '../base/errors.ts'
import type { Context } from './context.ts'

const PASSED_BACK = ['x-metadata-version', 'content-type', 'etag', 'x-controller-leader', 'x-controller-url']
/** The controller may wait as long as the request allows; forwarding takes a little longer. */
const EXTRA_MS = 1_000

/**
 * `Prefer: forward` on a write at a node that is not the controller: the node asks the controller, waits until it has
 * applied the result itself (so that its own reads show it), and answers. A forwarded request is not forwarded again.
 */
export function forwardWrites(scope: FastifyInstance, context: Context): void {
  scope.addHook('preHandler', async (request, reply) => {
    if (request.method === 'GET' || request.method === 'HEAD' || !prefersForward(request)) return
    const { leader, ready } = context.consensus.leadership
    const url = leader === null || leader === context.nodeId ? undefined : context.urls.get(leader)
    if (ready || url === undefined) return
    return forward(context, url, request, reply)
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
  const answer = await context.http
    .send({
      method: request.method as 'POST' | 'PATCH' | 'DELETE',
      url: `${url}${request.url}`,
      timeoutMs: timeoutMs + EXTRA_MS,
      ...(request.body === undefined || request.body === null ? {} : { body: JSON.stringify(request.body) }),
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
