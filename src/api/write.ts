import type { FastifyReply, FastifyRequest } from 'fastify'
import { DmqError } from '../base/errors.ts'
import type { Write } from '../controller/proposer.ts'
import { fingerprint } from '../io/fingerprint.ts'
import type { Context } from './context.ts'

export const IDEMPOTENCY_KEY = 'idempotency-key'
export const IDEMPOTENCY_REPLAYED = 'idempotency-replayed'

/** How the request wants its write to be done: how long to wait for it, and under which key it may be repeated. */
export function writeOf(
  request: FastifyRequest<{ Querystring: { timeoutMs?: number } }>,
  reply: FastifyReply,
  context: Context,
): Write {
  const timeoutMs = request.query.timeoutMs ?? context.timeoutMs
  const by = operationOf(request)
  const key = request.headers[IDEMPOTENCY_KEY]
  if (key === undefined) return { timeoutMs, by }
  if (typeof key !== 'string' || !/^[\x20-\x7e]{1,64}$/.test(key))
    throw new DmqError('INVALID_REQUEST', 'Idempotency-Key has 1 to 64 printable ASCII characters')
  return {
    timeoutMs,
    by,
    idempotency: { key, request: requestOf(request) },
    onReplay: () => void reply.header(IDEMPOTENCY_REPLAYED, 'true'),
  }
}

/** Such as `PATCH /topics/:name`: what was asked for, however the objects are called. */
function operationOf({ method, routeOptions }: Pick<FastifyRequest, 'method' | 'routeOptions'>): string {
  return `${method} ${routeOptions.url?.replace(/^\/api\/v1\/metadata/, '')}`
}

/** Of everything that says what is asked for; how long to wait for it is no part of that. */
function requestOf({ method, url, rawBody }: FastifyRequest): string {
  const target = new URL(url, 'http://node')
  target.searchParams.delete('timeoutMs')
  return fingerprint(`${method} ${target.pathname}${target.search}\n${rawBody ?? ''}`)
}
