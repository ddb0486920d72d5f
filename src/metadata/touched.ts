import type { Change } from './change.ts'
import type { Image } from './image.ts'

/** What a command is about. */
export type Touched = {
  /** Names: of all, or where there are very many of the first of them. */
  readonly topics: readonly string[]
  readonly brokers: readonly number[]
  readonly many?: ManyTopics
}

/** Topics of which not all are named. */
export type ManyTopics = {
  /** Of all topics, the named ones as well. */
  readonly count: number
  /**
   * Those that may lack a name here. A number that has meanwhile become another topic's is no loss: a later command names the
   * topic that went.
   */
  readonly numbers: Int32Array
}

/** So many topics of one command are named at least. */
export const TOPICS_NAMED = 1_000

/** `image` is as it was before the changes, or as it is right after them. */
export function touchedBy(image: Image, changes: readonly Change[]): Touched {
  const topics = new Set<string>()
  const brokers = new Set<number>()
  let many: ManyTopics | undefined
  for (const change of changes) {
    if (change.kind === 'brokerSet') brokers.add(change.broker.brokerId)
    else if (change.kind === 'brokerRemoved') brokers.add(change.brokerId)
    else if (change.kind === 'partitionChanged') topics.add(image.topicById(change.partition.topicId)!.name)
    else if (change.kind !== 'partitionsChanged' && change.kind !== 'clusterSet')
      topics.add(change.topic.name)
  }
  for (const change of changes) {
    if (change.kind === 'partitionsChanged')
      many = nameFirst(image, topics, image.topicNumbersOf(change.changed.rows))
  }
  const touched = { topics: [...topics], brokers: [...brokers] }
  return many === undefined ? touched : { ...touched, many }
}

/** Names all topics if they are few, else the first, and counts them all. */
function nameFirst(image: Image, topics: Set<string>, numbers: Int32Array): ManyTopics | undefined {
  const known = new Set(topics.size === 0 ? [] : numbers)
  const others = [...topics].filter(name => !known.has(numberOf(image, name))).length
  const count = numbers.length + others
  for (let i = 0; i < numbers.length && topics.size < TOPICS_NAMED; i++)
    topics.add(image.topicOfNumber(numbers[i]!)!.name)
  return topics.size === count ? undefined : { count, numbers }
}

function numberOf(image: Image, name: string): number {
  const row = image.topic(name)?.rows[0]
  return row === undefined ? -1 : image.topicNumber(row)
}

export function topicCount({ topics, many }: Pick<Touched, 'topics' | 'many'>): number {
  return many?.count ?? topics.length
}

/** Names of all topics that commands touched; of those that are not named, as they are now. */
export function topicsTouched(
  image: Image,
  commands: readonly Pick<Touched, 'topics' | 'many'>[],
): Set<string> {
  const names = new Set<string>()
  for (const { topics, many } of commands) {
    for (const name of topics) names.add(name)
    for (const number of many?.numbers ?? []) {
      const topic = image.topicOfNumber(number)
      if (topic !== undefined) names.add(topic.name)
    }
  }
  return names
}
