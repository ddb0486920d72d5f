import type { Broker } from '../metadata/broker.ts'
import type { AcceptedCommand } from '../metadata/change-ring.ts'
import type { Image } from '../metadata/image.ts'
import type { Partition } from '../metadata/partition-table.ts'
import type { Topic } from '../metadata/topic.ts'
import { brokerRow, partitionRow, type Row, topicRow } from './rows.ts'
import { BROKERS, PARTITIONS, type Step, TOPICS } from './tables.ts'

/** An array, or what can be read as one bit by bit. */
type List<T> = { readonly length: number; slice(start: number, end: number): readonly T[] }

/** Rows of the image, or some of them, as they are at one version. */
type Rows = {
  readonly brokers: readonly Broker[]
  readonly topics: List<Topic>
  partition(row: number): Partition
}
export type View = Rows & {
  /** As commands number the topics that they do not name. */
  topicNumber(row: number): number
}

/** What commands touched, of which only rows that changed at `since` (epoch milliseconds) or later are to be written. */
export type Touched = { readonly commands: readonly AcceptedCommand[]; readonly since: number }

const STEP_ROWS = 1_000
/** Rows that are looked at in one go, whether they are to be written or not. */
const STEP_LOOKS = 4_000
const STEP_NAMES = 10_000
/** Nothing to be done, but a place to stop for a moment. */
const REST: Step = { table: TOPICS, rows: [] }

/** The rows of the view that commands touched, and the going of what is not in the view any more. */
export function* touchedSteps(image: Image, view: View, { commands, since }: Touched): Generator<Step> {
  const names = yield* union(commands, ({ topics }) => topics)
  const ids = yield* union(commands, ({ brokers }) => brokers)
  const numbers = yield* union(commands, ({ many }) => Array.from(many?.numbers ?? []))
  const isNumbered = ({ rows }: Topic) => rows.length > 0 && numbers.has(view.topicNumber(rows[0]!))
  const topics: Topic[] = []
  for (const part of parts(view.topics, STEP_NAMES)) {
    for (const topic of part) if (names.delete(topic.name) || isNumbered(topic)) topics.push(topic)
    yield REST
  }
  const brokers = view.brokers.filter(({ brokerId }) => ids.delete(brokerId))
  const partition = (row: number) => view.partition(row)
  yield* viewSteps(image, { brokers, topics, partition }, since)
  // What is left was touched, and is not there.
  if (ids.size > 0) yield { dropBrokers: [...ids] }
  for (const part of parts([...names], STEP_ROWS)) yield { dropTopics: part }
}

function* union<T>(
  commands: readonly AcceptedCommand[],
  of: (command: AcceptedCommand) => readonly T[],
): Generator<Step, Set<T>> {
  const all = new Set<T>()
  let added = 0
  for (const command of commands) {
    for (const part of parts(of(command), STEP_NAMES)) {
      for (const each of part) all.add(each)
      added += part.length
      if (added < STEP_NAMES) continue
      added = 0
      yield REST
    }
  }
  return all
}

/** The rows of the view; of the partitions those that changed since, null: all. `image` knows which brokers are alive. */
export function* viewSteps(image: Image, view: Rows, since: number | null): Generator<Step> {
  for (const part of parts(view.brokers, STEP_ROWS)) yield { table: BROKERS, rows: part.map(brokerRow) }
  for (const part of parts(view.topics, STEP_ROWS)) {
    // A new topic may have taken the name of one that had more partitions.
    const begun = since === null ? [] : part.filter(({ createdAt }) => createdAt >= since)
    if (begun.length > 0) yield { dropTopics: begun.map(({ name }) => name) }
    yield { table: TOPICS, rows: part.map(topicRow) }
    yield* partitionSteps(image, view, part, since ?? Number.NEGATIVE_INFINITY)
  }
}

function* partitionSteps(image: Image, view: Rows, topics: readonly Topic[], since: number): Generator<Step> {
  let rows: Row[] = []
  let looks = 0
  for (const topic of topics) {
    for (const row of topic.rows) {
      const partition = view.partition(row)
      if (partition.modifiedAt >= since) rows.push(partitionRow(image, topic, partition))
      looks += 1
      if (looks < STEP_LOOKS && rows.length < STEP_ROWS) continue
      yield { table: PARTITIONS, rows }
      rows = []
      looks = 0
    }
  }
  yield { table: PARTITIONS, rows }
}

function* parts<T>(list: List<T>, size: number): Generator<readonly T[]> {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size)
}
