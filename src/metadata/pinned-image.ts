import type { Broker } from './broker.ts'
import type { CapturedImage, Image } from './image.ts'
import { type Partition, PartitionTable } from './partition-table.ts'
import type { Topics } from './topic-table.ts'

/**
 * The image as it was when this was made, for who reads it bit by bit while the image goes on changing. While it is pinned,
 * the partition table keeps rows as they were before they change. To be released.
 */
export class PinnedImage {
  readonly #image: Image
  readonly #captured: CapturedImage
  readonly #partitions: PartitionTable

  constructor(image: Image) {
    this.#image = image
    this.#captured = image.capture()
    this.#partitions = PartitionTable.of(this.#captured.table)
  }

  get version(): number {
    return this.#captured.version
  }

  get time(): number {
    return this.#captured.time
  }

  get stateHash(): string {
    return this.#captured.stateHash
  }

  /** In no order. */
  get brokers(): readonly Broker[] {
    return this.#captured.brokers
  }

  /** In no order. */
  get topics(): Topics {
    return this.#captured.topics
  }

  partition(row: number): Partition {
    return this.#partitions.at(row)
  }

  /** As {@link Image.topicNumber} was. */
  topicNumber(row: number): number {
    return this.#partitions.topicNumber(row)
  }

  release(): void {
    this.#image.release(this.#captured)
  }
}
