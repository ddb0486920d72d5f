import { ask, type Cluster, until } from './processes.ts'

/** What the tests of operations look at, in the contract's words. */
export type PartitionState = {
  readonly topic: string
  readonly id: number
  readonly leader: number | null
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

/** All partitions, of one topic if it is named, as the controller has them. */
export async function partitionsOf(cluster: Cluster, topic?: string): Promise<PartitionState[]> {
  const { url } = await cluster.controller()
  const { status, body } = await ask('GET', `${url}/api/v1/metadata/cluster?consistency=linearizable`)
  if (status !== 200) return partitionsOf(cluster, topic)
  const topics: { topicName: string; partitions: Omit<PartitionState, 'topic'>[] }[] = body.topics
  return topics
    .filter(({ topicName }) => topic === undefined || topicName === topic)
    .flatMap(({ topicName, partitions }) => partitions.map(each => ({ topic: topicName, ...each })))
}

/** Waits until something is true of every partition; fails with those of which it is not. */
export async function everyPartition(
  cluster: Cluster,
  what: string,
  is: (partition: PartitionState) => boolean,
): Promise<PartitionState[]> {
  let not: PartitionState[] = []
  const all = until(what, async () => {
    const partitions = await partitionsOf(cluster)
    not = partitions.filter(partition => !is(partition))
    return not.length === 0 ? partitions : null
  })
  return all.catch((error: Error) => {
    throw new Error(`${error.message}; not so: ${JSON.stringify(not.slice(0, 5))}`)
  })
}

/** All replicas in sync, and led by the preferred one. */
export function isWhole({ leader, replicas, isr }: PartitionState): boolean {
  return leader === replicas[0] && isr.length === replicas.length
}

/** A broker as the controller sees it. */
export async function brokerAt(cluster: Cluster, brokerId: number): Promise<any> {
  return (await ask('GET', `${(await cluster.controller()).url}/api/v1/metadata/brokers/${brokerId}`)).body
}

/** Each time that a broker became OFFLINE, and why: what it is now says nothing of a short absence. */
export async function lossesOf(cluster: Cluster, brokerId: number): Promise<string[]> {
  const { url } = await cluster.controller()
  const { body } = await ask('GET', `${url}/api/v1/metadata/history?broker=${brokerId}&limit=1000`)
  const entries: { text: string }[] = body.entries
  return entries.map(({ text }) => text).filter(text => text.startsWith(`broker ${brokerId} OFFLINE`))
}
