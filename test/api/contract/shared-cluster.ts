import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { type Answer, Cluster, type NodeProcess } from '../../cluster/processes.ts'
import { METADATA, send, settled } from '../contract.ts'

/** What all parts of the contract are tried on: three metadata nodes and two storage nodes. */
export let cluster: Cluster
export let controller: NodeProcess
export let follower: NodeProcess
let number = 0

before(async () => {
  cluster = await Cluster.start({
    metadata: 3,
    storage: 2,
    args: ['--election-timeout-ms', '3000', '--session-timeout-ms', '60000'],
  })
  controller = await cluster.controller()
  follower = cluster.metadata.find(node => node !== controller)!
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

export const fresh = (): string => `topic-${++number}`
export const at = (
  node: NodeProcess,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  send(node, method, METADATA + path, body === undefined ? undefined : JSON.stringify(body), headers)
export const write = (method: string, path: string, body?: unknown): Promise<Answer> =>
  at(controller, method, path, body)
export const versionOf = (answer: Answer): number => Number(answer.headers.get('x-metadata-version'))

export async function created(fields: object = {}): Promise<any> {
  const body = { topicName: fresh(), numPartitions: 2, replicationFactor: 2, ...fields }
  const answer = await write('POST', '/topics', body)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

export function fieldsOf(value: object): string[] {
  return Object.keys(value).sort()
}

export const TOPIC_ROW = [
  'config',
  'createdAt',
  'modifiedAt',
  'numPartitions',
  'replicationFactor',
  'topicId',
  'topicName',
]
export const TOPIC = [...TOPIC_ROW, 'partitions'].sort()
export const PARTITION = [
  'addingReplicas',
  'createdAt',
  'elr',
  'id',
  'isr',
  'lastKnownLeader',
  'leader',
  'leaderEpoch',
  'modifiedAt',
  'offlineReplicas',
  'partitionEpoch',
  'reassignment',
  'removingReplicas',
  'replicas',
]
export const BROKER = [
  'brokerEpoch',
  'brokerId',
  'drain',
  'health',
  'host',
  'incarnationId',
  'lastHeartbeatAt',
  'leaders',
  'listeners',
  'modifiedAt',
  'pairedMetadataServiceId',
  'port',
  'rack',
  'registeredAt',
  'replicas',
  'resources',
  'status',
  'statusReason',
  'statusSince',
]
