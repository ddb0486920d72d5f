import type { FastifyRequest } from 'fastify'
import { DmqError, remedied } from '../base/errors.ts'
import type { Clock } from '../io/clock.ts'
import { type ClusterKey, type ProofFault, proofFault } from '../io/cluster-key.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** A JSON body as it came: the proof of the cluster key is over it, and it is passed on like that. */
    rawBody?: string
  }
}

type Door = { readonly key: ClusterKey; readonly clock: Clock }

/** Whether the request carries a proof of the cluster key over its method, path and body. */
export function hasProof(request: FastifyRequest, key: ClusterKey, clock: Clock): boolean {
  return faultOf(request, { key, clock }) === null
}

/** Throws UNAUTHENTICATED. */
export function requireProof(request: FastifyRequest, door: Door): void {
  const fault = faultOf(request, door)
  if (fault === null) return
  const [message, details] = remedied(FACTS[fault], REMEDIES[fault], { proof: fault })
  throw new DmqError('UNAUTHENTICATED', message, details)
}

function faultOf({ method, url, headers, rawBody }: FastifyRequest, { key, clock }: Door): ProofFault | null {
  return proofFault(key, clock.epoch(), headers.authorization, { method, path: url, body: rawBody ?? '' })
}

const FACTS: Readonly<Record<ProofFault, string>> = {
  missing: 'the proof of the cluster key is missing.',
  wrong: 'the proof of the cluster key is wrong: it was made with another key, or for another request.',
  'of another time': 'the proof of the cluster key is right, but made more than five minutes ago or ahead.',
}
const HEADER = 'This endpoint needs one in the Authorization header (scheme DMQ-Cluster).'
const REMEDIES: Readonly<Record<ProofFault, string>> = {
  missing: HEADER,
  wrong: HEADER,
  'of another time': 'Set the clocks of both machines.',
}
