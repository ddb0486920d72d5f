import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { History } from '../unit/metadata/history.ts'
import {
  assertMirrors,
  contents,
  historyOf,
  type Place,
  postgresPlace,
  Source,
  sqlitePlace,
  stopAll,
  Watched,
} from '../unit/mirror/world.ts'
import { PostgresServer, postgresPrograms } from './postgres-server.ts'
import { Cluster, until } from './processes.ts'

const programs = postgresPrograms()
const postgres = programs === null ? { skip: 'PostgreSQL is not installed here' } : {}

test(
  'an outage of PostgreSQL is told once, lasts as long as it lasts, and leaves no trace',
  postgres,
  async () => {
    await using server = await PostgresServer.create(programs!)
    const source = new Source()
    const history = new History(1)
    const place = await postgresPlace(server.url)
    await place.close(false)
    const watched = new Watched(place.address, source).begin()
    try {
      for (let outage = 1; outage <= 4; outage++) {
        source.live(history, 100)
        // In the middle of a transaction, or after one.
        if (outage % 2 === 0) await watched.caughtUp()
        await server.kill()
        source.live(history, 100)
        await watched.heard('failed', outage)
        assert.equal(watched.mirror.lag()!.connected, false)
        source.live(history, 100)
        await server.start()
        await watched.heard('recovered', outage)
        await watched.caughtUp()
      }
      await watched.stop()
      assert.deepEqual([watched.count('failed'), watched.count('recovered')], [4, 4])
      assert.doesNotMatch(JSON.stringify(watched.told), /not-to-be-shown/)
      const reader = await postgresPlace(server.url, place.schema)
      await assertMirrors(reader, source)
      const versions = (await historyOf(reader)).map(({ version }) => version)
      assert.deepEqual(
        versions,
        source.accepted.map(({ version }) => version),
      )
      await reader.close()
    } finally {
      await stopAll()
    }
  },
)

const url = process.env.DMQ_TEST_POSTGRES
const PLACES: readonly [string, () => Promise<Place & { option: string }>, { skip?: string }][] = [
  [
    'SQLite',
    async () => {
      const place = sqlitePlace()
      return { ...place, option: place.address.shown }
    },
    {},
  ],
  [
    'PostgreSQL',
    async () => {
      const place = await postgresPlace(url!)
      const withPassword = url!.replace(/\/\/([^:@]+)@/, '//$1:not-to-be-shown@')
      return { ...place, option: `${withPassword}?search_path=${place.schema}` }
    },
    url === undefined ? { skip: 'DMQ_TEST_POSTGRES names no database' } : {},
  ],
]

describe('the mirror of a cluster of processes', () => {
  for (const [name, open, skip] of PLACES) {
    test(`in ${name} follows every controller, and tells no password`, skip, async () => {
      const place = await open()
      const args = ['--mirror', place.option, '--session-timeout-ms', '600000']
      try {
        await using cluster = await Cluster.start({ metadata: 3, storage: 0, args })
        await cluster.write('POST', '/brokers', { brokerId: 7, host: 'localhost', port: 19_999 })
        let topics = 0
        const create = async (): Promise<void> => {
          const assignments = Array.from({ length: 1 + (topics % 3) }, () => [7])
          const answer = await cluster.write('POST', '/topics', {
            topicName: `topic-${topics++}`,
            assignments,
          })
          assert.equal(answer.status, 201, JSON.stringify(answer.body))
        }
        for (let round = 0; round < 3; round++) {
          for (let i = 0; i < 20; i++) await create()
          const controller = await cluster.controller()
          await controller.end('SIGKILL')
          for (let i = 0; i < 5; i++) await create()
          controller.start()
          await cluster.ready()
        }
        await cluster.write('DELETE', '/topics/topic-3')
        await assertMirrorsCluster(place, cluster)
        for (const node of cluster.metadata) assert.doesNotMatch(node.output, /not-to-be-shown/)
        for (const node of cluster.metadata) await node.end('SIGTERM')
      } finally {
        await place.close()
      }
    })
  }
})

/** Once the tables are at the version of the cluster, they say what the REST API says. */
async function assertMirrorsCluster(place: Place, cluster: Cluster): Promise<void> {
  const { body: view, headers } = await cluster.read('/topics?consistency=linearizable')
  const version = Number(headers.get('x-metadata-version'))
  const tables = await until(`the mirror reaches version ${version}`, async () => {
    const found = await contents(place)
    return found.state.version === version && found
  })
  const names = view.topics.map((topic: { topicName: string } | string) =>
    typeof topic === 'string' ? topic : topic.topicName,
  )
  assert.deepEqual(tables.topics.map(({ topic }) => topic as string).sort(), names.sort())
  for (const name of names) {
    const { body } = await cluster.read(`/topics/${name}`)
    const rows = tables.partitions.filter(({ topic }) => topic === name)
    const shown = rows.map(row => [row.partition_id, row.leader, row.leader_epoch, row.replicas, row.isr])
    assert.deepEqual(
      shown,
      body.partitions.map((partition: Record<string, unknown>) =>
        ['id', 'leader', 'leaderEpoch', 'replicas', 'isr'].map(field => partition[field]),
      ),
    )
  }
  const versions = (await historyOf(place)).map(({ version }) => version as number)
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
  )
  assert.equal(versions.at(-1), version)
}
