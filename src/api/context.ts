import type { FastifyReply } from 'fastify'
import { DmqError } from '../base/errors.ts'
import type { Consensus } from '../consensus/consensus.ts'
import type { BrokerLinks } from '../controller/broker-links.ts'
import type { Controller } from '../controller/controller.ts'
import type { Replica } from '../controller/replica.ts'
import type { Clock } from '../io/clock.ts'
import type { ClusterKey } from '../io/cluster-key.ts'
import type { HttpClient } from '../io/http-client.ts'
import type { SessionDoors } from './session-doors.ts'

/** What the endpoints of a metadata node work with. */
export type Context = {
  readonly nodeId: number
  readonly consensus: Consensus
  readonly controller: Controller
  readonly replica: Replica
  readonly clock: Clock
  readonly key: ClusterKey
  readonly http: HttpClient
  /** What storage nodes reach on their sessions. */
  readonly doors: SessionDoors
  readonly links: BrokerLinks
  /** REST address of a metadata node, if it is known. */
  readonly urlOf: (nodeId: number) => string | undefined
  /** The oldest Raft protocol that a connected metadata node speaks; null while none is connected. */
  readonly oldestProtocol: () => number | null
  /** Waits so long for a commit or a version when the request does not say. */
  readonly timeoutMs: number
}

/** Waits until this node is as fresh as the reader asked. Throws VERSION_TIMEOUT and NO_CONTROLLER. */
export async function awaitFreshness(
  context: Context,
  query: { minVersion?: number; consistency?: 'local' | 'linearizable'; timeoutMs?: number },
): Promise<void> {
  const timeoutMs = query.timeoutMs ?? context.timeoutMs
  if (query.consistency === 'linearizable') await context.consensus.readIndex(timeoutMs)
  if (query.minVersion === undefined) return
  if (await context.replica.reached(query.minVersion, timeoutMs)) return
  const { version } = context.replica.image
  throw new DmqError(
    'VERSION_TIMEOUT',
    `version ${query.minVersion} was not reached within ${timeoutMs} ms; this node has version ${version}`,
  )
}

/** Marks an answer that depends on the image alone. True: the client has it already, and gets 304. */
export function notModified(context: Context, reply: FastifyReply): boolean {
  const tag = `"${context.replica.image.version}"`
  void reply.header('etag', tag)
  const given = reply.request.headers['if-none-match']
  if (given === undefined) return false
  return given === '*' || given.split(',').some(candidate => candidate.trim().replace(/^W\//, '') === tag)
}
