import type { Broker } from './broker.ts'
import type { CapturedImage, Image } from './image.ts'
import { type Partition, PartitionTable } from './partition-table.ts'
import type { Topic } from './topic.ts'

/**
 * The image as it was when this was made, for who reads it bit by bit while the image goes on changing. While it is pinned,
 * pages of the partition table are copied before they change. To be released.
 */
export class PinnedImage {
  readonly #image: Image
  readonly #captured: CapturedImage
  readonly #partitions = new PartitionTable()

  constructor(image: Image) {
    this.#image = image
    this.#captured = image.capture()
    this.#partitions.load(this.#captured.table)
    for (const page of this.#captured.table.pages) this.#partitions.loadPage(page)
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
  get topics(): readonly Topic[] {
    return this.#captured.topics
  }

  partition(row: number): Partition {
    return this.#partitions.at(row)
  }

  release(): void {
    this.#image.release(this.#captured)
  }
}
