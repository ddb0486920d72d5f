import type { RequestMeasures } from '../../api/request-measures.ts'
import type { StorageNode } from '../../broker/broker.ts'
import { VERSION } from '../version.ts'
import { Exposition } from './exposition.ts'
import { nodeMetrics } from './node.ts'
import { nodeProcessMetrics } from './node-process.ts'
import { requestMetrics } from './requests.ts'
import { storageNodeMetrics } from './storage-node.ts'

/** Everything that a storage node tells Prometheus. */
export function storageMetrics(id: number, node: StorageNode, requests: RequestMeasures): Exposition {
  const exposition = new Exposition()
  nodeMetrics(exposition, { id, kind: 'storage', version: VERSION }, () => node.readiness())
  storageNodeMetrics(exposition, node)
  requestMetrics(exposition, requests)
  nodeProcessMetrics(exposition)
  return exposition
}
