import { assert } from '../base/assert.ts'
import { type Broker, isActiveStatus } from './broker.ts'
import type { Change } from './change.ts'
import { ChangedRows } from './changed-rows.ts'
import type { Image } from './image.ts'
import type { Partition } from './partition-table.ts'
import type { Topic } from './topic.ts'

type Readers = Pick<
  Image,
  | 'broker'
  | 'brokers'
  | 'countsOf'
  | 'depart'
  | 'isActive'
  | 'isDraining'
  | 'partition'
  | 'partitionsOf'
  | 'topic'
  | 'topicById'
>
/** What one command, or a part of it, does to rows. */
type Layer = ReadonlyMap<number, Partition> | ChangedRows

/**
 * An image as it would be after changes that nobody writes: what they are about is read from them, everything else from the
 * image below. For plans of several commands in a row; it costs what the changes cost, and the image below may not change
 * while it is read.
 *
 * It knows brokers, topics and partitions in another state. Rows that come or go are not its business.
 */
export class Overlay {
  readonly #below: Image
  readonly #brokers = new Map<number, Broker>()
  readonly #topics = new Map<string, Topic>()
  /** The newest last. */
  readonly #layers: Layer[] = []
  /** What decisions read. */
  readonly image: Image

  constructor(below: Image) {
    this.#below = below
    const readers = this.#readers()
    this.image = new Proxy(below, {
      get(_, name) {
        if (name in readers) return readers[name as keyof Readers]
        const value: unknown = Reflect.get(below, name, below)
        return typeof value === 'function' ? value.bind(below) : value
      },
    })
  }

  lay(changes: readonly Change[]): void {
    const rows = new Map<number, Partition>()
    for (const change of changes) {
      if (change.kind === 'brokerSet') this.#brokers.set(change.broker.brokerId, change.broker)
      else if (change.kind === 'topicChanged') this.#topics.set(change.topic.id, change.topic)
      else if (change.kind === 'partitionsChanged') this.#layers.push(change.changed)
      else {
        assert(change.kind === 'partitionChanged', `no overlay of ${change.kind}`)
        rows.set(change.row, change.partition)
      }
    }
    if (rows.size > 0) this.#layers.push(rows)
  }

  /** The row in its newest state; null: as it is below. */
  #laid(row: number): Partition | null {
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const layer = this.#layers[i]!
      if (layer instanceof ChangedRows) {
        const position = layer.positionOf(row)
        if (position >= 0) return layer.partition(position, this.#below.partition(row))
      } else {
        const partition = layer.get(row)
        if (partition !== undefined) return partition
      }
    }
    return null
  }

  #laidRows(): Set<number> {
    return new Set(
      this.#layers.flatMap(layer => [...(layer instanceof ChangedRows ? layer.rows : layer.keys())]),
    )
  }

  #countsOf(brokerId: number, partition: (row: number) => Partition): ReturnType<Image['countsOf']> {
    const counts = { ...this.#below.countsOf(brokerId) }
    const count = ({ leader, replicas }: Partition, sign: 1 | -1): void => {
      if (leader === brokerId) counts.leaders += sign
      if (replicas.includes(brokerId)) counts.replicas += sign
    }
    for (const row of this.#laidRows()) {
      count(this.#below.partition(row), -1)
      count(partition(row), 1)
    }
    return counts
  }

  #newest(topic: Topic | undefined): Topic | undefined {
    return topic === undefined ? undefined : (this.#topics.get(topic.id) ?? topic)
  }

  #isLaid(row: number): boolean {
    return this.#layers.some(layer =>
      layer instanceof ChangedRows ? layer.positionOf(row) >= 0 : layer.has(row),
    )
  }

  #readers(): Readers {
    const broker = (brokerId: number) => this.#brokers.get(brokerId) ?? this.#below.broker(brokerId)
    const partition = (row: number) => this.#laid(row) ?? this.#below.partition(row)
    return {
      broker,
      partition,
      countsOf: brokerId => this.#countsOf(brokerId, partition),
      depart: departure => this.#below.depart(departure, row => this.#isLaid(row)),
      brokers: () => this.#below.brokers().map(each => this.#brokers.get(each.brokerId) ?? each),
      isActive: brokerId => {
        const status = broker(brokerId)?.status
        return status !== undefined && isActiveStatus(status)
      },
      isDraining: brokerId => broker(brokerId)?.status === 'DRAINING',
      partitionsOf: (topic: Topic) => topic.rows.map(partition),
      topic: name => this.#newest(this.#below.topic(name)),
      topicById: topicId => this.#newest(this.#below.topicById(topicId)),
    }
  }
}
