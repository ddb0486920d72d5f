import { counted } from '../base/counted.ts'
import { DmqError } from '../base/errors.ts'
import type { Random } from '../io/random.ts'
import { PARTITIONS_PER_REQUEST_MAX } from '../metadata/commands/create-topic.ts'
import { brokerLoads, type ResourcesOf } from './placement/image-view.ts'
import { placePartitions } from './placement/place-partitions.ts'
import type { Intent, Proposer, Write } from './proposer.ts'
import type { Replica } from './replica.ts'

export type TopicRequest = {
  readonly topicName: string
  readonly config: Readonly<Record<string, string>>
} & (
  | { readonly numPartitions: number; readonly replicationFactor: number }
  | { readonly assignments: readonly (readonly number[])[] }
)

export type PartitionsRequest = {
  readonly topicName: string
  readonly numPartitions: number
  readonly assignments?: readonly (readonly number[])[]
}

type Parts = {
  readonly proposer: Proposer
  readonly replica: Replica
  readonly random: Random
  readonly resourcesOf: ResourcesOf
}

/** Topics come, change and go. */
export class Topics {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async create(request: TopicRequest, write: Write): Promise<void> {
    await this.#parts.proposer.submit(write, () => this.commandFor(request))
  }

  /** Throws what creating it would throw. */
  validate(request: TopicRequest): void {
    this.#parts.proposer.check(this.commandFor(request))
  }

  /** The command that creates the topic, its partitions placed. */
  commandFor(request: TopicRequest): Intent {
    const { topicName, config } = request
    // Where the name is taken anyway, that is what must be said, even when there are too few brokers as well.
    if (this.#parts.replica.image.topic(topicName) !== undefined)
      throw new DmqError('TOPIC_ALREADY_EXISTS', `topic ${topicName} exists already`)
    const assignments =
      'assignments' in request
        ? request.assignments
        : this.#place(request.numPartitions, request.replicationFactor)
    return { type: 'CreateTopicCommand', topicName, topicId: this.#parts.random.uuid(), assignments, config }
  }

  async delete(topicName: string, write: Write): Promise<void> {
    await this.#parts.proposer.submit(write, () => ({ type: 'DeleteTopicCommand', topicName }))
  }

  async updateConfig(
    topicName: string,
    config: Readonly<Record<string, string | null>>,
    write: Write,
  ): Promise<void> {
    await this.#parts.proposer.submit(write, () => ({ type: 'UpdateTopicConfigCommand', topicName, config }))
  }

  async createPartitions(request: PartitionsRequest, write: Write): Promise<void> {
    await this.#parts.proposer.submit(write, () => this.#partitionsCommand(request))
  }

  #partitionsCommand({ topicName, numPartitions, assignments }: PartitionsRequest): Intent {
    const topic = this.#parts.replica.image.topic(topicName)
    if (topic === undefined)
      throw new DmqError('UNKNOWN_TOPIC', `topic ${JSON.stringify(topicName)} does not exist`)
    const from = topic.rows.length
    const added = numPartitions - from
    if (added <= 0) {
      throw new DmqError(
        'INVALID_PARTITIONS',
        `topic ${topicName} has ${counted(from, 'partition')}; the number is the new total and must be larger, ${numPartitions} was given`,
      )
    }
    if (added > PARTITIONS_PER_REQUEST_MAX) {
      const most = `${counted(added, 'partition')} would be added; one request adds at most ${PARTITIONS_PER_REQUEST_MAX}`
      throw new DmqError('INVALID_PARTITIONS', most)
    }
    if (assignments !== undefined && assignments.length !== added) {
      throw new DmqError(
        'INVALID_REPLICA_ASSIGNMENT',
        `${added === 1 ? '1 partition is' : `${added} partitions are`} added, assignments has ${assignments.length}`,
      )
    }
    const lists = assignments ?? this.#place(added, topic.replicationFactor)
    return { type: 'CreatePartitionsCommand', topicName, from, assignments: lists }
  }

  /** How many partitions there are decides between equals: it is the same on every node, and other with every topic. */
  #place(partitions: number, replicationFactor: number): number[][] {
    const { image } = this.#parts.replica
    const request = { partitions, replicationFactor, seed: image.partitionCount }
    return placePartitions({ brokers: brokerLoads(image, this.#parts.resourcesOf) }, request)
  }
}
