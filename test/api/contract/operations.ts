import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask } from '../../cluster/processes.ts'
import { cluster, controller } from './shared-cluster.ts'

test('a process says that it lives, and whether it is ready', async () => {
  for (const node of cluster.all) {
    const live = await ask('GET', `${node.url}/health/live`)
    assert.deepEqual([live.status, live.body], [200, { status: 'live' }])
    const ready = await ask('GET', `${node.url}/health/ready`)
    assert.deepEqual([ready.status, ready.body], [200, { status: 'ready', reasons: [] }])
  }
})

const BUILT = [
  'GET /api/v1/metadata/controller',
  'GET /api/v1/metadata/cluster',
  'GET /api/v1/metadata/topics',
  'POST /api/v1/metadata/topics',
  'GET /api/v1/metadata/topics/{name}',
  'PATCH /api/v1/metadata/topics/{name}',
  'DELETE /api/v1/metadata/topics/{name}',
  'POST /api/v1/metadata/topics/{name}/partitions',
  'GET /api/v1/metadata/topics/{name}/partitions/{id}',
  'GET /api/v1/metadata/topics/{name}/partitions/{id}/leader',
  'POST /api/v1/metadata/brokers',
  'GET /api/v1/metadata/brokers',
  'GET /api/v1/metadata/brokers/{brokerId}',
  'DELETE /api/v1/metadata/brokers/{brokerId}',
  'POST /api/v1/metadata/heartbeat/{brokerId}',
  'POST /api/v1/metadata/brokers/{brokerId}/drain',
  'DELETE /api/v1/metadata/brokers/{brokerId}/drain',
  'POST /api/v1/metadata/brokers/{brokerId}/decommission',
  'GET /api/v1/metadata/brokers/{brokerId}/decommission',
  'POST /api/v1/metadata/storage-controller-heartbeat',
  'POST /api/v1/metadata/isr-status-batch',
  'POST /api/v1/metadata/partitions/alter',
  'POST /api/v1/metadata/elections',
  'POST /api/v1/metadata/reassignments',
  'GET /api/v1/metadata/reassignments',
  'POST /api/v1/metadata/rebalance',
  'GET /api/v1/metadata/rebalance',
  'DELETE /api/v1/metadata/rebalance',
  'GET /api/v1/metadata/features',
  'POST /api/v1/metadata/features',
  'DELETE /api/v1/metadata/reassignments/{topic}/{partition}',
  'GET /api/v1/metadata/reassignments/throttle',
  'PATCH /api/v1/metadata/reassignments/throttle',
  'GET /api/v1/metadata/sync',
  'GET /api/v1/metadata/sync/incremental',
  'GET /api/v1/metadata/history',
  'GET /api/v1/metadata/explain/partition/{topic}/{id}',
  'GET /api/v1/metadata/explain/broker/{brokerId}',
  'POST /api/v1/metadata/plan',
  'GET /api/v1/metadata/sync/snapshot',
  'GET /api/v1/metadata/sync/status',
  'GET /api/v1/metadata/sync/consistency',
  'POST /api/v1/metadata/sync',
  'POST /api/v1/metadata/heartbeat',
  'POST /api/v1/metadata/storage-heartbeat',
  'POST /api/v1/raft/vote',
  'POST /api/v1/raft/append',
  'GET /api/v1/raft/status',
  'POST /api/v1/storage/metadata',
  'GET /api/v1/storage/status',
  'GET /api/v1/storage/features',
  'GET /api/v1/storage/partitions/{name}/{id}',
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
]

const WITHOUT_BODY = ['drain', 'decommission'].map(what => `POST /api/v1/metadata/brokers/{brokerId}/${what}`)

test('the contract is published as OpenAPI 3.1, every operation with a summary and its answers', async () => {
  const found = new Set<string>()
  for (const node of [controller, cluster.storage[0]!]) {
    const { body } = await ask('GET', `${node.url}/openapi.json`)
    assert.match(body.openapi, /^3\.1\.\d+$/)
    assert.ok(body.info.title.length > 0 && body.info.version.length > 0)
    for (const [path, methods] of Object.entries<any>(body.paths)) {
      for (const [method, operation] of Object.entries<any>(methods)) {
        const name = `${method.toUpperCase()} ${path}`
        found.add(name)
        assert.ok(operation.summary?.length > 0, name)
        const statuses = Object.keys(operation.responses)
        assert.ok(
          statuses.some(status => status.startsWith('2')),
          name,
        )
        assert.ok(statuses.includes('4XX') && statuses.includes('5XX'), name)
        for (const response of Object.values<any>(operation.responses))
          assert.ok(response.description.length > 0, name)
        const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
        const parameters = operation.parameters ?? []
        assert.deepEqual(
          parameters.filter((one: any) => one.in === 'path').map((one: any) => one.name),
          inPath,
          name,
        )
        for (const { schema, required, in: place } of parameters)
          assert.ok(schema.type.length > 0 && (place !== 'path' || required), name)
        if (['POST', 'PATCH'].includes(method.toUpperCase())) {
          const schema = operation.requestBody?.content['application/json'].schema
          if (WITHOUT_BODY.includes(name)) assert.equal(schema, undefined, name)
          else assert.equal(schema.type, name.endsWith('/reassignments') ? 'array' : 'object', name)
        } else assert.equal(operation.requestBody, undefined, name)
      }
    }
  }
  assert.deepEqual(
    BUILT.filter(name => !found.has(name)),
    [],
  )
})

test('the contract is published as a page that needs nothing else', async () => {
  for (const node of [controller, cluster.storage[0]!]) {
    const response = await fetch(`${node.url}/docs`)
    const page = await response.text()
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    const { paths } = (await ask('GET', `${node.url}/openapi.json`)).body
    for (const path of Object.keys(paths)) assert.ok(page.includes(`<code>${path}</code>`), path)
    assert.doesNotMatch(page, /<script|https?:\/\/|undefined|\[object/)
  }
})
