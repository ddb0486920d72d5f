import { type Change, changedRowsOf } from '../../metadata/change.ts'
import type { Image } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { isWaiting } from '../../metadata/reassignment.ts'
import { countOf, minIsrOf } from '../../metadata/replication.ts'
import { minInsyncReplicas } from '../../metadata/topic-config.ts'
import { stateView } from '../history/history-page.ts'

/** What would become of one partition, when its move is done; `before` null: it is not there yet. */
export type PlannedPartition = {
  readonly topic: string
  readonly partition: number
  readonly before: ReturnType<typeof stateView> | null
  readonly after: ReturnType<typeof stateView>
}

/** So many, and the first of them. */
export type Some<T> = { readonly count: number; readonly first: readonly T[] }

export type Load = { readonly leaders: number; readonly replicas: number }
export type BrokerLoadChange = { readonly brokerId: number; readonly before: Load; readonly after: Load }

/** What a plan would come to: all of it is counted, and the first of each kind is named. */
export type Outcome = {
  readonly changed: Some<PlannedPartition>
  readonly newLeaders: number
  /** Nobody would lead them, and somebody does now. */
  readonly leaderless: Some<string>
  /** Somebody would lead them, but writes with acks=all would be refused, and are not now. */
  readonly underMinIsr: Some<string>
  /** As it will be when all moves are done; replicas that would move for ever count where they are to be. */
  readonly brokers: readonly BrokerLoadChange[]
}

const CHANGED_SHOWN = 1_000
export const NAMES_SHOWN = 100

/** What is counted between two turns of the event loop. */
const PARTITIONS_PER_STEP = 4_096

type TopicRow = { readonly name: string; readonly config: Readonly<Record<string, string>> }
type Pair = readonly [before: Partition | null, after: Partition, topic: TopicRow]

/** What a plan would change, with how it is now: a value, which stays as it is while the image goes on changing. */
export class Drafted {
  readonly loads: ReadonlyMap<number, Load>
  readonly brokerIds: readonly number[]
  readonly #image: Image
  readonly #added: Pair[] = []
  /** Each partition once, however often it would change. */
  readonly #rows = new Map<
    number,
    { readonly before: Partition; readonly topic: TopicRow; after: Partition }
  >()

  constructor(image: Image) {
    this.#image = image
    this.loads = image.replicaCounts()
    this.brokerIds = image.brokers().map(({ brokerId }) => brokerId)
  }

  /** The image is still as it was when this was made. */
  add(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind !== 'topicAdded' && change.kind !== 'partitionsAdded') continue
      for (const partition of change.partitions) this.#added.push([null, partition, change.topic])
    }
    for (const [row, after] of changedRowsOf(changes, each => this.#image.partition(each)))
      this.#change(row, after)
  }

  #change(row: number, after: Partition): void {
    const known = this.#rows.get(row)
    if (known !== undefined) known.after = after
    else {
      const topic = this.#image.topicById(after.topicId)!
      this.#rows.set(row, { before: this.#image.partition(row), topic, after })
    }
  }

  *partitions(): Generator<Pair> {
    yield* this.#added
    for (const { before, after, topic } of this.#rows.values()) yield [before, after, topic]
  }
}

/** Counts what would be, in steps between which everything else may go on. */
export function* outcomeOf(drafted: Drafted): Generator<void, Outcome> {
  const tally = new Tally(drafted)
  let counted = 0
  for (const [before, after, topic] of drafted.partitions()) {
    tally.add(topic, before, after)
    counted += 1
    if (counted % PARTITIONS_PER_STEP === 0) yield
  }
  return tally.outcome()
}

class Tally {
  readonly #drafted: Drafted
  readonly #changed = new Sample<PlannedPartition>(CHANGED_SHOWN)
  readonly #leaderless = new Sample<string>(NAMES_SHOWN)
  readonly #underMinIsr = new Sample<string>(NAMES_SHOWN)
  readonly #loads = new Map<number, { leaders: number; replicas: number }>()
  #newLeaders = 0

  constructor(drafted: Drafted) {
    this.#drafted = drafted
  }

  add(topic: TopicRow, before: Partition | null, after: Partition): void {
    const { id, leader } = after
    const name = `${topic.name}-${id}`
    this.#changed.add(() => ({
      topic: topic.name,
      partition: id,
      before: before === null ? null : stateView(before),
      after: stateView(after),
    }))
    if (before !== null && leader !== null && leader !== before.leader) this.#newLeaders += 1
    if (leader === null && before?.leader !== null) this.#leaderless.add(() => name)
    if (isShort(topic, after) && !isShort(topic, before)) this.#underMinIsr.add(() => name)
    this.#count(before, -1)
    this.#count(after, 1)
  }

  #count(partition: Partition | null, sign: number): void {
    if (partition === null) return
    const { leader, replicas, reassignment } = partition
    const held = isWaiting(partition) ? replicas : (reassignment?.target ?? replicas)
    for (const brokerId of held) this.#loadOf(brokerId).replicas += sign
    if (leader !== null) this.#loadOf(leader).leaders += sign
  }

  #loadOf(brokerId: number): { leaders: number; replicas: number } {
    const load = this.#loads.get(brokerId) ?? { leaders: 0, replicas: 0 }
    this.#loads.set(brokerId, load)
    return load
  }

  outcome(): Outcome {
    const brokers = this.#drafted.brokerIds.map(brokerId => {
      const before = this.#drafted.loads.get(brokerId) ?? { leaders: 0, replicas: 0 }
      const more = this.#loads.get(brokerId) ?? { leaders: 0, replicas: 0 }
      const after = { leaders: before.leaders + more.leaders, replicas: before.replicas + more.replicas }
      return { brokerId, before, after }
    })
    return {
      changed: this.#changed,
      newLeaders: this.#newLeaders,
      leaderless: this.#leaderless,
      underMinIsr: this.#underMinIsr,
      brokers,
    }
  }
}

/** The first of many; `make` is called for those that are kept. */
class Sample<T> implements Some<T> {
  readonly first: T[] = []
  readonly #max: number
  count = 0

  constructor(max: number) {
    this.#max = max
  }

  add(make: () => T): void {
    this.count += 1
    if (this.first.length < this.#max) this.first.push(make())
  }
}

/** Led, but by too few in sync. */
function isShort({ config }: TopicRow, partition: Partition | null): boolean {
  if (partition === null || partition.leader === null) return false
  return countOf(partition.isr) < minIsrOf(partition, { minIsr: minInsyncReplicas(config) })
}
