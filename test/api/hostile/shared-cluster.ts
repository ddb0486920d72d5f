import { after, before, test } from 'node:test'
import { ask, Cluster, type NodeProcess, until } from '../../cluster/processes.ts'
import { assertSound, METADATA, settled, unchanged } from '../contract.ts'

/** What all of it is sent to. */
const args = ['--session-timeout-ms', '60000']
/** Bodies with nothing wrong. */
export const TOPIC = { topicName: 'never', numPartitions: 1, replicationFactor: 1 }
export const BROKER = { brokerId: 7, host: 'localhost', port: 19_999 }
export const MIB = 1024 * 1024
export let cluster: Cluster
export let metadata: NodeProcess
export let storage: NodeProcess

before(async () => {
  cluster = await Cluster.start({ metadata: 1, storage: 1, args })
  metadata = cluster.metadata[0]!
  storage = cluster.storage[0]!
  await until('the topic is created', async () => {
    const body = { topicName: 'kept', numPartitions: 2, replicationFactor: 1 }
    return (await ask('POST', `${metadata.url}${METADATA}/topics`, body)).status === 201
  })
  await settled(cluster.all)
})
after(() => cluster[Symbol.asyncDispose]())

type Hostile = () => Promise<void>

/** A test whose requests leave everything as it was. */
export function refused(sentence: string, action: Hostile): void {
  test(sentence, async () => {
    await unchanged(cluster.all, action)
    assertSound(cluster.all)
  })
}
