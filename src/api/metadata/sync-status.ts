import type { FastifyInstance } from 'fastify'
import { DmqError } from '../../base/errors.ts'
import { httpUrl } from '../../base/http-url.ts'
import { compareCopies } from '../../controller/consistency.ts'
import type { Subscriber } from '../../controller/subscriber.ts'
import { ConsistencyAnswer, SyncStatusAnswer } from '../../protocol/rest/sync-schemas.ts'
import type { VoterStatus } from '../../raft/io.ts'
import type { Context } from '../context.ts'
import { HASH_PATH } from './sync-hash.ts'

const ASK_TIMEOUT_MS = 2_000

export function syncStatus(app: FastifyInstance, context: Context): void {
  const status = {
    summary: 'How far each node is, and when it was last brought something. At the controller.',
    response: { 200: SyncStatusAnswer },
  }
  app.get('/sync/status', { schema: status }, () => {
    const { publisher } = context.controller.reign
    const { version, stateHash } = context.replica.image
    const metadata = membersOf(context).map(member => metadataNode(context, member))
    const storage = publisher.subscribers().map(subscriber => storageNode(context, subscriber))
    return { controllerId: context.nodeId, version, stateHash, nodes: [...metadata, ...storage] }
  })
  const consistency = {
    summary: 'The state hashes of all nodes, compared at one version. At the controller.',
    response: { 200: ConsistencyAnswer },
  }
  app.get('/sync/consistency', { schema: consistency }, () =>
    compareCopies(
      context.replica,
      context.controller.reign.publisher,
      membersOf(context).map(({ id }) => id),
      (nodeId, version) => askHash(context, nodeId, version),
    ),
  )
}

function membersOf({ consensus }: Context): readonly VoterStatus[] {
  const { voters, learners } = consensus.status()
  return [...voters, ...learners]
}

async function askHash(context: Context, nodeId: number, version: number): Promise<string | null> {
  if (nodeId === context.nodeId) return context.replica.hashes.at(version)
  const url = context.urlOf(nodeId)
  if (url === undefined) throw new DmqError('NO_CONTROLLER', `the address of node ${nodeId} is not known`)
  const answer = await context.http.send({
    method: 'GET',
    url: `${url}${HASH_PATH}?version=${version}&timeoutMs=${ASK_TIMEOUT_MS}`,
    timeoutMs: ASK_TIMEOUT_MS + 500,
  })
  const { stateHash } = (answer.body ?? {}) as { stateHash?: unknown }
  if (answer.status !== 200) throw new Error(`node ${nodeId} answered ${answer.status}`)
  return typeof stateHash === 'string' ? stateHash : null
}

const NEVER = {
  session: false,
  pairedMetadataServiceId: null,
  lastPushAt: null,
  failures: 0,
  lastFailure: null,
  divergences: 0,
  lastDivergence: null,
}

/** Metadata nodes get the log itself: what is known of them is how far their log is, and what they last said. */
function metadataNode(context: Context, { id, known, contactAgeMs, ...voter }: VoterStatus) {
  const match = known ? voter.match : null
  const { image } = context.replica
  const self = id === context.nodeId
  const report = context.controller.reign.reports.of(id)
  const version = self ? image.version : (report?.version ?? null)
  const agrees = self ? true : (report?.agrees ?? null)
  // The log may hold more than the last version: what changed no metadata.
  const hasAll = match !== null && match >= image.version
  const state =
    agrees === false ? 'DIVERGED' : hasAll ? 'IN_SYNC' : match === null ? 'UNKNOWN' : 'CATCHING_UP'
  return {
    ...NEVER,
    serviceType: 'METADATA',
    serviceId: id,
    url: context.urlOf(id) ?? null,
    version,
    stateHash: self ? image.stateHash : (report?.stateHash ?? null),
    state,
    lag: match === null ? null : Math.max(0, image.version - match),
    lastAckAt: !known || contactAgeMs === null ? null : Math.round(context.clock.epoch() - contactAgeMs),
  }
}

function storageNode({ replica: { image }, links }: Context, subscriber: Readonly<Subscriber>) {
  const { broker, version, stateHash, lastPushAt, lastAckAt } = subscriber
  const { failures, lastFailure, divergences, lastDivergence } = subscriber
  return {
    serviceType: 'STORAGE',
    serviceId: broker.brokerId,
    url: httpUrl(broker.host, broker.port),
    version,
    stateHash,
    state: stateOf(subscriber, image.version),
    lag: version === null ? null : Math.max(0, image.version - version),
    session: links.of(broker.brokerId, broker.brokerEpoch) !== undefined,
    pairedMetadataServiceId: broker.pairedMetadataServiceId,
    lastPushAt,
    lastAckAt,
    failures,
    lastFailure,
    divergences,
    lastDivergence,
  }
}

function stateOf({ version, failures, repair }: Readonly<Subscriber>, newest: number): string {
  if (repair) return 'DIVERGED'
  if (failures > 0) return 'FAILING'
  if (version === null) return 'UNKNOWN'
  return version < newest ? 'CATCHING_UP' : 'IN_SYNC'
}
