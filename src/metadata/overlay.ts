import { assert } from '../base/assert.ts'
import { type Broker, isActiveStatus } from './broker.ts'
import type { Change } from './change.ts'
import type { Image } from './image.ts'
import type { Partition } from './partition-table.ts'
import type { Topic } from './topic.ts'

type Readers = Pick<Image, 'broker' | 'brokers' | 'isActive' | 'isDraining' | 'partition' | 'partitionsOf'>

/**
 * An image as it would be after changes that nobody writes: what they are about is read from them, everything else from the
 * image below. For plans of several commands in a row; it costs what the changes cost, and the image below may not change
 * while it is read.
 *
 * It knows brokers and partitions in another state. Rows that come or go are not its business.
 */
export class Overlay {
  readonly #below: Image
  readonly #brokers = new Map<number, Broker>()
  readonly #rows = new Map<number, Partition>()
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
    for (const change of changes) {
      assert(
        change.kind === 'brokerSet' || change.kind === 'partitionChanged',
        `no overlay of ${change.kind}`,
      )
      if (change.kind === 'brokerSet') this.#brokers.set(change.broker.brokerId, change.broker)
      else this.#rows.set(change.row, change.partition)
    }
  }

  #readers(): Readers {
    const broker = (brokerId: number) => this.#brokers.get(brokerId) ?? this.#below.broker(brokerId)
    const partition = (row: number) => this.#rows.get(row) ?? this.#below.partition(row)
    return {
      broker,
      partition,
      brokers: () => this.#below.brokers().map(each => this.#brokers.get(each.brokerId) ?? each),
      isActive: brokerId => {
        const status = broker(brokerId)?.status
        return status !== undefined && isActiveStatus(status)
      },
      isDraining: brokerId => broker(brokerId)?.status === 'DRAINING',
      partitionsOf: (topic: Topic) => topic.rows.map(partition),
    }
  }
}
