import type { Cluster } from '../test/cluster/processes.ts'
import type { Write } from './writers.ts'

/** Topics `<prefix>-0` to `<prefix>-<count - 1>`; `as` says what they are besides their names. */
export async function createTopics(
  cluster: Cluster,
  prefix: string,
  count: number,
  as: object,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const topicName = `${prefix}-${i}`
    const { status, body } = await cluster.write('POST', '/topics', { topicName, ...as })
    if (status !== 201)
      throw new Error(`topic ${topicName} could not be made: ${status} ${JSON.stringify(body)}`)
  }
}

/** A write that is one small entry, if the value is another one than before. */
export function setRetention(topicName: string, value: number): Write {
  return { method: 'PATCH', path: `/topics/${topicName}`, body: { config: { 'retention.ms': value } } }
}
