import { assert } from '../base/assert.ts'
import { RowHasher } from './state-hash.ts'
import { minInsyncReplicas, uncleanElectionAllowed } from './topic-config.ts'

/** By the number of a topic; grown as needed. */
export type TopicColumns = {
  /** State of the two lanes of the hash of a row once the id of its topic is in it. */
  readonly low: Int32Array
  readonly high: Int32Array
  readonly minIsr: Int32Array
  /** 1: unclean elections are allowed. */
  readonly unclean: Uint8Array
}

/**
 * The topics of the rows of a table, as small numbers: a row holds four bytes in place of an id, and what a topic says of all
 * its rows is read from arrays. Numbers are of this table alone, and are given out again when the last row of a topic went.
 */
export class TopicNumbers {
  readonly #ids: string[] = []
  readonly #rows: number[] = []
  readonly #numbers = new Map<string, number>()
  readonly #free: number[] = []
  #columns = emptyColumns(16)

  get columns(): TopicColumns {
    return this.#columns
  }

  /** One more than the largest number. */
  get end(): number {
    return this.#ids.length
  }

  /** The number of a topic that gets `rows` more rows. */
  intern(id: string, rows = 1): number {
    let number = this.#numbers.get(id)
    if (number === undefined) {
      number = this.#free.pop() ?? this.#ids.length
      this.#begin(number, id)
    }
    this.#rows[number]! += rows
    return number
  }

  #begin(number: number, id: string): void {
    this.#ids[number] = id
    this.#rows[number] = 0
    this.#numbers.set(id, number)
    if (number >= this.#columns.low.length) this.#columns = grown(this.#columns)
    const { low, high } = new RowHasher().text(id).state()
    this.#columns.low[number] = low
    this.#columns.high[number] = high
    this.#columns.minIsr[number] = 1
    this.#columns.unclean[number] = 0
  }

  /** One of the rows of the topic went. */
  release(number: number): void {
    assert(this.#rows[number]! > 0, 'only topics with rows lose one')
    this.#rows[number]! -= 1
    if (this.#rows[number] !== 0) return
    this.#numbers.delete(this.#ids[number]!)
    this.#ids[number] = ''
    this.#free.push(number)
  }

  /** What the config says of the rows of the topic. */
  setRules(number: number, config: Readonly<Record<string, string>>): void {
    this.#columns.minIsr[number] = minInsyncReplicas(config)
    this.#columns.unclean[number] = uncleanElectionAllowed(config) ? 1 : 0
  }

  /** Undefined: it has no rows. */
  numberOf(id: string): number | undefined {
    return this.#numbers.get(id)
  }

  /** The id of a topic; empty where the number is free. */
  id(number: number): string {
    return this.#ids[number] ?? ''
  }

  /** Those that another has captured: enough to read rows by. */
  static of(ids: readonly string[]): TopicNumbers {
    const topics = new TopicNumbers()
    for (const id of ids) topics.#ids.push(id)
    return topics
  }

  /** All ids, by number. */
  capture(): readonly string[] {
    return [...this.#ids]
  }
}

function emptyColumns(length: number): TopicColumns {
  return {
    low: new Int32Array(length),
    high: new Int32Array(length),
    minIsr: new Int32Array(length),
    unclean: new Uint8Array(length),
  }
}

function grown(columns: TopicColumns): TopicColumns {
  const larger = emptyColumns(2 * columns.low.length)
  larger.low.set(columns.low)
  larger.high.set(columns.high)
  larger.minIsr.set(columns.minIsr)
  larger.unclean.set(columns.unclean)
  return larger
}
