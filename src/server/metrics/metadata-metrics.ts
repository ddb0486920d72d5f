import type { Readiness } from '../../api/operations/health.ts'
import type { RequestMeasures } from '../../api/request-measures.ts'
import type { Controller } from '../../controller/controller.ts'
import type { MetadataNode } from '../metadata-node.ts'
import { VERSION } from '../version.ts'
import { consensusMetrics } from './consensus.ts'
import { controllerMetrics } from './controller.ts'
import { Exposition } from './exposition.ts'
import type { LeadershipWatch } from './leadership-watch.ts'
import { imageMetrics } from './metadata-image.ts'
import { nodeMetrics } from './node.ts'
import { nodeProcessMetrics } from './node-process.ts'
import { quorumMetrics } from './quorum.ts'
import { requestMetrics } from './requests.ts'
import { roomMetrics } from './room.ts'

type Watched = {
  readonly id: number
  readonly node: MetadataNode
  readonly controller: Controller
  readonly leaderships: LeadershipWatch
  readonly requests: RequestMeasures
  readonly readiness: () => Readiness
}

/** Everything that a metadata node tells Prometheus. */
export function metadataMetrics(watched: Watched): Exposition {
  const { id, node, controller, leaderships, requests, readiness } = watched
  const { consensus, replica, room } = node
  const exposition = new Exposition()
  nodeMetrics(exposition, { id, kind: 'metadata', version: VERSION }, readiness)
  quorumMetrics(exposition, { consensus, leaderships, isConnected: peer => node.isConnected(peer) })
  consensusMetrics(exposition, consensus.measures)
  roomMetrics(exposition, room)
  imageMetrics(exposition, () => replica.image)
  controllerMetrics(exposition, controller, () => replica.image.version)
  requestMetrics(exposition, requests)
  nodeProcessMetrics(exposition)
  return exposition
}
