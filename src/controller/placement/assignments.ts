import type { PlacementView } from './view.ts'

/** Rows that are read between two turns of the event loop. */
export const ROWS_PER_STEP = 16_384

/**
 * All partitions by number, in the order of their topics, and their replicas as broker numbers: places in `view.brokers`,
 * and further ones for brokers that are not registered. A plan changes them here.
 */
export class Assignments {
  readonly #view: PlacementView
  readonly #rows: Int32Array
  /** Number of the first partition of each topic. */
  readonly #starts: readonly number[]
  readonly #numbers = new Map<number, number>()
  readonly #ids: number[] = []
  /** Replica lists are shared between many partitions: each is translated once. */
  readonly #translated = new Map<readonly number[], Int32Array>()
  /** Those of them that name a broker which is not registered. */
  readonly #broken = new Set<Int32Array>()
  readonly #originals: (Int32Array | undefined)[] = []
  readonly #changed = new Map<number, Int32Array>()

  private constructor(view: PlacementView, rows: Int32Array, starts: readonly number[]) {
    this.#view = view
    this.#rows = rows
    this.#originals.length = rows.length
    this.#starts = starts
    for (const { brokerId } of view.brokers) this.#numberOf(brokerId)
  }

  static *of(view: PlacementView): Generator<void, Assignments> {
    let rows = new Int32Array(1_024)
    const starts: number[] = []
    let [count, done] = [0, 0]
    for (const topic of view.topics) {
      starts.push(count)
      if (count + topic.rows.length > rows.length) rows = grown(rows, count + topic.rows.length)
      rows.set(topic.rows, count)
      count += topic.rows.length
      if (count - done < ROWS_PER_STEP) continue
      done = count
      yield
    }
    return new Assignments(view, rows.subarray(0, count), starts)
  }

  get count(): number {
    return this.#rows.length
  }

  /** A partition that is being reassigned is left alone; so is one with a replica on a broker that was removed: that is replaced first. */
  isFixed(partition: number): boolean {
    return this.#view.isReassigning(this.#rows[partition]!) || this.#broken.has(this.original(partition))
  }

  at(partition: number): Int32Array {
    return (this.#changed.size > 0 ? this.#changed.get(partition) : undefined) ?? this.original(partition)
  }

  original(partition: number): Int32Array {
    this.#originals[partition] ??= this.#translate(partition)
    return this.#originals[partition]
  }

  #translate(partition: number): Int32Array {
    const replicas = this.#view.replicas(this.#rows[partition]!)
    let numbers = this.#translated.get(replicas)
    if (numbers === undefined) {
      numbers = Int32Array.from(replicas, brokerId => this.#numberOf(brokerId))
      this.#translated.set(replicas, numbers)
      if (numbers.some(number => number >= this.#view.brokers.length)) this.#broken.add(numbers)
    }
    return numbers
  }

  #numberOf(brokerId: number): number {
    let number = this.#numbers.get(brokerId)
    if (number === undefined) {
      number = this.#ids.push(brokerId) - 1
      this.#numbers.set(brokerId, number)
    }
    return number
  }

  change(partition: number, members: Int32Array): void {
    this.#changed.set(partition, members)
  }

  /** Those that were changed, and may have been changed back. */
  changed(): number[] {
    return [...this.#changed.keys()]
  }

  isChanged(partition: number): boolean {
    return this.#changed.has(partition)
  }

  get changes(): number {
    return this.#changed.size
  }

  name(partition: number): { readonly topic: string; readonly partition: number } {
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#starts[middle]! <= partition) low = middle
      else high = middle - 1
    }
    return { topic: this.#view.topics.at(low)!.name, partition: partition - this.#starts[low]! }
  }

  ids(partition: number): number[] {
    return Array.from(this.at(partition), number => this.#ids[number]!)
  }

  /** What they were before the plan. */
  idsBefore(partition: number): readonly number[] {
    return this.#view.replicas(this.#rows[partition]!)
  }
}

function grown(rows: Int32Array, least: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(least, 2 * rows.length))
  larger.set(rows)
  return larger
}
