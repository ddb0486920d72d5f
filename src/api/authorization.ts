import type { FastifyRequest } from 'fastify'
import { DmqError } from '../base/errors.ts'
import type { Clock } from '../io/clock.ts'
import { type ClusterKey, isAuthorized } from '../io/cluster-key.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** A JSON body as it came: the proof of the cluster key is over it, and it is passed on like that. */
    rawBody?: string
  }
}

/** Whether the request carries a proof of the cluster key over its method, path and body. */
export function hasProof(request: FastifyRequest, key: ClusterKey, clock: Clock): boolean {
  const { method, url, headers, rawBody } = request
  return isAuthorized(key, clock.epoch(), headers.authorization, { method, path: url, body: rawBody ?? '' })
}

/** Throws UNAUTHENTICATED. */
export function requireProof(
  request: FastifyRequest,
  { key, clock }: { readonly key: ClusterKey; readonly clock: Clock },
): void {
  if (hasProof(request, key, clock)) return
  const text =
    'this endpoint needs a proof of the cluster key in the Authorization header (scheme DMQ-Cluster)'
  throw new DmqError('UNAUTHENTICATED', text)
}
