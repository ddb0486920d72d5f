import type { Topic } from './topic.ts'
import { PAGE_TOPICS, pageOfTopic, TopicPage, topicInPage } from './topic-page.ts'

/** Topics as they were when somebody asked. An array is one, too. */
export type Topics = Iterable<Topic> & {
  readonly length: number
  at(index: number): Topic | undefined
  slice(start: number, end: number): readonly Topic[]
}

/**
 * All topics, by the numbers that the partition table has for them. Hundreds of thousands of objects with lists in them are
 * what the heap of a large node would mostly consist of, and what each of its collections would mostly look through; so
 * topics lie in pages of columns. A page that somebody has captured is copied before it changes.
 */
export class TopicTable {
  readonly #numbers = new Map<string, number>()
  readonly #pages: TopicPage[] = []
  /** Of each page: nobody has captured it as it is. */
  #own: boolean[] = []
  /** What was asked for last: who goes through the rows of a topic asks for it with each. */
  #last: { readonly number: number; readonly topic: Topic } | null = null

  /** How many there are. */
  get size(): number {
    return this.#numbers.size
  }

  /** Undefined: there is no topic of that name. */
  numberOf(name: string): number | undefined {
    return this.#numbers.get(name)
  }

  /** Always the same string. Empty: the number is free. */
  nameOf(number: number): string {
    return this.#pages[pageOfTopic(number)]?.nameAt(topicInPage(number)) ?? ''
  }

  at(number: number): Topic | undefined {
    if (this.#last?.number === number) return this.#last.topic
    if (this.nameOf(number) === '') return undefined
    const topic = this.#pages[pageOfTopic(number)]!.at(topicInPage(number))
    this.#last = { number, topic }
    return topic
  }

  /** Puts a topic where there is none, or one of the same name. */
  set(number: number, topic: Topic): void {
    this.#last = null
    if (this.nameOf(number) === '') this.#numbers.set(topic.name, number)
    this.#writable(number).set(topicInPage(number), topic)
  }

  remove(number: number): void {
    this.#last = null
    this.#numbers.delete(this.nameOf(number))
    this.#writable(number).remove(topicInPage(number))
  }

  #writable(number: number): TopicPage {
    const page = pageOfTopic(number)
    while (this.#pages.length <= page) this.#own[this.#pages.push(new TopicPage()) - 1] = true
    if (!this.#own[page]) this.#pages[page] = new TopicPage(this.#pages[page])
    this.#own[page] = true
    return this.#pages[page]!
  }

  /** All topics as they are now, whatever becomes of them: in no order, or those of `names`, in that order. */
  capture(names?: readonly string[]): Topics {
    this.#own = this.#own.map(() => false)
    const numbers = names === undefined ? this.#all() : Int32Array.from(names, name => this.numberOf(name)!)
    return new CapturedTopics([...this.#pages], numbers)
  }

  #all(): Int32Array {
    const numbers = new Int32Array(this.size)
    const end = this.#pages.length * PAGE_TOPICS
    let next = 0
    for (let number = 0; number < end; number++) if (this.nameOf(number) !== '') numbers[next++] = number
    return numbers
  }
}

class CapturedTopics implements Topics {
  readonly #pages: readonly TopicPage[]
  readonly #numbers: Int32Array

  constructor(pages: readonly TopicPage[], numbers: Int32Array) {
    this.#pages = pages
    this.#numbers = numbers
  }

  get length(): number {
    return this.#numbers.length
  }

  at(index: number): Topic | undefined {
    const number = this.#numbers.at(index)
    return number === undefined ? undefined : this.#of(number)
  }

  slice(start: number, end: number): readonly Topic[] {
    return Array.from(this.#numbers.subarray(start, end), number => this.#of(number))
  }

  *[Symbol.iterator](): Generator<Topic> {
    for (const number of this.#numbers) yield this.#of(number)
  }

  #of(number: number): Topic {
    return this.#pages[pageOfTopic(number)]!.at(topicInPage(number))
  }
}
