import type { Topic } from './topic.ts'

const TOPICS_BITS = 10
/** Topics of one page. */
export const PAGE_TOPICS = 1 << TOPICS_BITS
const TOPIC_MASK = PAGE_TOPICS - 1

/** More rows than these are kept as a list: to make one each time somebody asks would take too long. */
const ROWS_MADE_MAX = 64
/** Most topics set nothing. */
const NOTHING_SET: Topic['config'] = Object.freeze({})

export function pageOfTopic(number: number): number {
  return number >>> TOPICS_BITS
}

export function topicInPage(number: number): number {
  return number & TOPIC_MASK
}

/** Some topics in columns. One that is asked for is made as a plain {@link Topic}; an empty name is none. */
export class TopicPage {
  readonly #names: string[]
  readonly #ids: string[]
  readonly #configs: Topic['config'][]
  /** Replication factor, first row, rows: three of each topic. */
  readonly #ints: Int32Array
  /** Created, changed: two of each topic. */
  readonly #times: Float64Array
  /** Rows that do not follow each other, or are very many. */
  readonly #lists: Map<number, readonly number[]>

  constructor(from: TopicPage | null = null) {
    this.#names = from === null ? filled('') : from.#names.slice()
    this.#ids = from === null ? filled('') : from.#ids.slice()
    this.#configs = from === null ? filled(NOTHING_SET) : from.#configs.slice()
    this.#ints = from === null ? new Int32Array(3 * PAGE_TOPICS) : from.#ints.slice()
    this.#times = from === null ? new Float64Array(2 * PAGE_TOPICS) : from.#times.slice()
    this.#lists = new Map(from === null ? [] : from.#lists)
  }

  nameAt(at: number): string {
    return this.#names[at]!
  }

  at(at: number): Topic {
    return {
      name: this.#names[at]!,
      id: this.#ids[at]!,
      config: this.#configs[at]!,
      replicationFactor: this.#ints[3 * at]!,
      createdAt: this.#times[2 * at]!,
      modifiedAt: this.#times[2 * at + 1]!,
      rows: this.#lists.get(at) ?? rowsFrom(this.#ints[3 * at + 1]!, this.#ints[3 * at + 2]!),
    }
  }

  set(at: number, { name, id, config, replicationFactor, createdAt, modifiedAt, rows }: Topic): void {
    this.#names[at] = name
    this.#ids[at] = id
    this.#configs[at] = Object.keys(config).length === 0 ? NOTHING_SET : config
    this.#ints[3 * at] = replicationFactor
    this.#ints[3 * at + 1] = rows[0] ?? 0
    this.#ints[3 * at + 2] = rows.length
    this.#times[2 * at] = createdAt
    this.#times[2 * at + 1] = modifiedAt
    if (rows.length > ROWS_MADE_MAX || !follow(rows)) this.#lists.set(at, rows)
    else this.#lists.delete(at)
  }

  remove(at: number): void {
    this.#names[at] = ''
    this.#ids[at] = ''
    this.#configs[at] = NOTHING_SET
    this.#lists.delete(at)
  }
}

function filled<T>(value: T): T[] {
  return new Array<T>(PAGE_TOPICS).fill(value)
}

/** Whether each row is the one behind the row before it. */
export function follow(rows: readonly number[]): boolean {
  for (let i = 1; i < rows.length; i++) if (rows[i] !== rows[i - 1]! + 1) return false
  return true
}

export function rowsFrom(first: number, count: number): number[] {
  const rows: number[] = []
  for (let i = 0; i < count; i++) rows.push(first + i)
  return rows
}
