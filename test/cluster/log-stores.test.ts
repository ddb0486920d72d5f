import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from './processes.ts'

const POSTGRES = process.env.DMQ_TEST_POSTGRES
const STORES: readonly [string, string, { skip?: string }][] = [
  ['an SQLite table', 'sqlite:raft.db', {}],
  [
    'a PostgreSQL table',
    POSTGRES ?? '',
    POSTGRES === undefined ? { skip: 'DMQ_TEST_POSTGRES names no database' } : {},
  ],
]

for (const [name, store, skip] of STORES) {
  test(
    `a cluster whose log is in ${name} outlives kill -9 of its controller, and of everybody`,
    skip,
    async () => {
      const args = ['--log-store', store, '--session-timeout-ms', '600000', '--snapshot-bytes', '4096']
      await using cluster = await Cluster.start({ metadata: 3, storage: 0, args })
      await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
      const create = async (topicName: string): Promise<void> => {
        const { status, body } = await cluster.write('POST', '/topics', { topicName, assignments: [[7]] })
        assert.equal(status, 201, JSON.stringify(body))
      }
      for (let i = 0; i < 60; i++) await create(`before-${i}`)
      const controller = await cluster.controller()
      await controller.end('SIGKILL')
      await create('during')
      for (const node of cluster.metadata) await node.end('SIGKILL')
      for (const node of cluster.metadata) node.start()
      await cluster.ready()
      await create('after')
      for (const node of cluster.metadata) {
        const { body } = await cluster.readAt(node, '/topics?consistency=linearizable')
        assert.equal(body.topics.length, 62)
      }
    },
  )
}
