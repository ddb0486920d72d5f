import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lossesOf } from './partitions.ts'
import { ask, Cluster, type NodeProcess, until } from './processes.ts'

const ARGS = ['--pair-timeout-ms', '1500', '--heartbeat-interval-ms', '200', '--session-timeout-ms', '60000']
const PAIR = 2

/** By its own word. */
async function pairOf(node: NodeProcess): Promise<number | null> {
  const { body } = await ask('GET', `${node.url}/api/v1/storage/status`)
  return body?.pairedMetadataServiceId ?? null
}

type Row = { brokerId: number; brokerEpoch: number; status: string; pairedMetadataServiceId: number }

/** By the metadata. */
async function registered(cluster: Cluster): Promise<Row[]> {
  return (await cluster.read('/brokers')).body.brokers
}

/** As configured, by their own word and by the metadata. */
async function arePaired(cluster: Cluster): Promise<void> {
  await until('the configured one is the pair of both', async () => {
    const pairs = await Promise.all(cluster.storage.map(pairOf))
    const rows = await registered(cluster)
    return [...pairs, ...rows.map(row => row.pairedMetadataServiceId)].every(id => id === PAIR)
  })
}

async function topic(cluster: Cluster, topicName: string): Promise<void> {
  const answer = await cluster.write('POST', '/topics', { topicName, assignments: [[101, 102]] })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  await until(`${topicName} is everywhere`, async () => {
    const found = await Promise.all(
      cluster.storage.map(({ url }) => ask('GET', `${url}/api/v1/storage/partitions/${topicName}/0`)),
    )
    return found.every(({ status }) => status === 200)
  })
}

test('a pair that is gone is replaced, the load is spread, and the configured one is the pair again when it is back', async () => {
  await using cluster = await Cluster.start({ metadata: 3, storage: 2, pair: PAIR, args: ARGS })
  await arePaired(cluster)
  const before = await registered(cluster)
  await topic(cluster, 'before')

  const pair = cluster.metadata[PAIR - 1]!
  await pair.end('SIGKILL')
  await topic(cluster, 'meanwhile')
  const others = await until('both have another pair', async () => {
    const pairs = await Promise.all(cluster.storage.map(pairOf))
    return pairs.every(id => id !== null && id !== PAIR) && pairs
  })
  await until('it is registered', async () => {
    const rows = await registered(cluster)
    return rows.every(({ pairedMetadataServiceId }, i) => pairedMetadataServiceId === others[i])
  })
  assert.equal(new Set(others).size, 2, 'each takes the one that has fewest')
  for (const node of cluster.storage)
    assert.match(node.output, /"event":"sync.paired".*"metadataServiceId":[13]/, 'it is told')
  await topic(cluster, 'with-others')

  pair.start()
  await arePaired(cluster)
  await topic(cluster, 'after')
  const same = ({ brokerId, brokerEpoch, status }: Row) => [brokerId, brokerEpoch, status]
  assert.deepEqual((await registered(cluster)).map(same), before.map(same))
  for (const { entry } of cluster.storage)
    assert.deepEqual(await lossesOf(cluster, entry.id), [], 'nobody was fenced for it')
})
