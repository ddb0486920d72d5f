import type { FastifyInstance, FastifyReply } from 'fastify'
import { remedied } from '../base/errors.ts'
import { STREAM_PATH } from '../io/node-network.ts'
import { SESSION_PATH } from '../io/session-network.ts'
import { createApp } from './app.ts'
import type { Context } from './context.ts'
import { forwardWrites } from './forward.ts'
import { alterPartitions } from './metadata/alter-partitions.ts'
import { brokers } from './metadata/brokers.ts'
import { cluster } from './metadata/cluster.ts'
import { controller } from './metadata/controller.ts'
import { createTopic } from './metadata/create-topic.ts'
import { deleteTopic } from './metadata/delete-topic.ts'
import { drain } from './metadata/drain.ts'
import { elections } from './metadata/elections.ts'
import { explain } from './metadata/explain.ts'
import { features } from './metadata/features.ts'
import { heartbeat } from './metadata/heartbeat.ts'
import { history } from './metadata/history.ts'
import { isrStatusBatch } from './metadata/isr-status-batch.ts'
import { moveThrottle } from './metadata/move-throttle.ts'
import { partitions } from './metadata/partitions.ts'
import { plan } from './metadata/plan.ts'
import { reassignments } from './metadata/reassignments.ts'
import { rebalance } from './metadata/rebalance.ts'
import { serviceHeartbeat } from './metadata/service-heartbeat.ts'
import { storageControllerHeartbeat } from './metadata/storage-controller-heartbeat.ts'
import { storageHeartbeat } from './metadata/storage-heartbeat.ts'
import { sync } from './metadata/sync.ts'
import { syncHash } from './metadata/sync-hash.ts'
import { syncPush } from './metadata/sync-push.ts'
import { syncSnapshot } from './metadata/sync-snapshot.ts'
import { syncStatus } from './metadata/sync-status.ts'
import { topics } from './metadata/topics.ts'
import { updateTopic } from './metadata/update-topic.ts'
import { health, type Readiness } from './operations/health.ts'
import { metrics, type Scrape } from './operations/metrics.ts'
import type { Problem } from './problem.ts'
import { append } from './raft/append.ts'
import { members } from './raft/members.ts'
import { snapshot } from './raft/snapshot.ts'
import { status } from './raft/status.ts'
import { timeoutNow } from './raft/timeout-now.ts'
import { transfer } from './raft/transfer.ts'
import { vote } from './raft/vote.ts'
import { keepRawJson } from './raw-json.ts'
import type { RequestMeasures } from './request-measures.ts'

const METADATA = [
  controller,
  cluster,
  topics,
  createTopic,
  updateTopic,
  deleteTopic,
  partitions,
  alterPartitions,
  brokers,
  drain,
  elections,
  reassignments,
  moveThrottle,
  rebalance,
  features,
  heartbeat,
  storageControllerHeartbeat,
  isrStatusBatch,
  serviceHeartbeat,
  storageHeartbeat,
  sync,
  history,
  explain,
  plan,
  syncHash,
  syncPush,
  syncSnapshot,
  syncStatus,
]
const RAFT = [vote, append, snapshot, timeoutNow, status, members, transfer]

export type MetadataApiOptions = {
  readonly version: string
  readonly readiness: () => Readiness
  readonly requests: RequestMeasures
  readonly scrape: Scrape
  readonly onBug: (error: unknown, request: { method: string; url: string }) => void
}

/** The REST API of a metadata node: one file per endpoint, all of them listed here. */
export async function metadataApi(context: Context, options: MetadataApiOptions): Promise<FastifyInstance> {
  const { version, onBug, readiness, requests, scrape } = options
  const onProblem = (problem: Problem, reply: FastifyReply): Problem =>
    pointToController(context, problem, (name, value) => void reply.header(name, value))
  context.doors.configure({
    onBug: (error, name) => onBug(error, { method: 'SESSION', url: name }),
    onProblem: problem => pointToController(context, problem, () => {}),
  })
  const app = await createApp({
    title: 'DMQ metadata node',
    version,
    metadataVersion: () => context.replica.image.version,
    requests,
    upgradePaths: [STREAM_PATH, SESSION_PATH],
    onBug,
    onProblem,
  })
  // An upgraded socket is in nobody's care: an error that nobody listens to would end the process.
  app.server.on('upgrade', (_, socket) => socket.on('error', () => {}))
  await app.register(
    async scope => {
      keepRawJson(scope)
      forwardWrites(scope, context)
      for (const endpoint of METADATA) endpoint(scope, context)
    },
    { prefix: '/api/v1/metadata' },
  )
  await app.register(
    async scope => {
      keepRawJson(scope)
      for (const endpoint of RAFT) endpoint(scope, context)
    },
    { prefix: '/api/v1/raft' },
  )
  health(app, readiness)
  metrics(app, scrape)
  return app
}

/** Whoever asked the wrong node learns which is the right one. */
function pointToController(
  { consensus, urlOf }: Context,
  problem: Problem,
  header: (name: string, value: string) => void,
): Problem {
  if (problem.code !== 'NOT_CONTROLLER' && problem.code !== 'NO_CONTROLLER') return problem
  const { leader, term } = consensus.leadership
  const url = leader === null ? undefined : urlOf(leader)
  if (leader === null || url === undefined) {
    return {
      code: 'NO_CONTROLLER',
      message: `no controller is known in term ${term}; an election is under way, or too few metadata nodes run`,
    }
  }
  header('x-controller-leader', String(leader))
  header('x-controller-url', url)
  const [message, details] = remedied(
    `${problem.message}: node ${leader} at ${url} is.`,
    'Ask there, or send "Prefer: forward".',
    { controllerId: leader, controllerUrl: url },
  )
  return { ...problem, code: 'NOT_CONTROLLER', message, details }
}
