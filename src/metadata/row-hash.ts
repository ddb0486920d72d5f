import type { PartitionPage } from './partition-page.ts'
import type { ListHashes } from './replica-lists.ts'
import { avalanche, HIGH_FACTOR, LOW_FACTOR, mixed, type RowHash } from './state-hash.ts'
import type { TopicColumns } from './topic-numbers.ts'

/**
 * Hashes rows where they lie: no objects, and ids and lists are hashed once, not with every row. First what stays of a row,
 * then what changes, so that one that changes hashes only that anew.
 */
export class RowHashes {
  readonly #topics: TopicColumns
  readonly #lists: ListHashes
  /** Lanes of the row at hand, with all in it that stays. */
  #low = 0
  #high = 0
  readonly #key = new Int32Array(3)
  readonly #before = new Int32Array(STATE_WORDS)
  readonly #after = new Int32Array(STATE_WORDS)
  /** What was taken away and added so far. */
  low = 0
  high = 0

  constructor(topics: TopicColumns, lists: ListHashes) {
    this.#topics = topics
    this.#lists = lists
  }

  /** Adds a row, that is in the move given, if any. */
  add(page: PartitionPage, at: number, move: RowHash | null): this {
    this.#enter(page, at)
    readState(this.#after, page, at)
    const low = lane(this.#low, this.#after, LOW_FACTOR)
    const high = lane(this.#high, this.#after, HIGH_FACTOR)
    this.low = (this.low + avalanche(move === null ? low : mixed(low, move.low, LOW_FACTOR))) | 0
    this.high = (this.high + avalanche(move === null ? high : mixed(high, move.high, HIGH_FACTOR))) | 0
    return this
  }

  /** Takes a row, which is in no move, away as it is; {@link putBack} follows when it has changed. */
  takeAway(page: PartitionPage, at: number): void {
    this.#enter(page, at)
    readState(this.#before, page, at)
  }

  putBack(page: PartitionPage, at: number): void {
    readState(this.#after, page, at)
    const before = this.#before
    const after = this.#after
    let lowBefore = this.#low
    let highBefore = this.#high
    let lowAfter = lowBefore
    let highAfter = highBefore
    // All four in one loop: none of them waits for another, and each for itself would mostly wait.
    for (let i = 0; i < STATE_WORDS; i++) {
      lowBefore = mixed(lowBefore, before[i]!, LOW_FACTOR)
      highBefore = mixed(highBefore, before[i]!, HIGH_FACTOR)
      lowAfter = mixed(lowAfter, after[i]!, LOW_FACTOR)
      highAfter = mixed(highAfter, after[i]!, HIGH_FACTOR)
    }
    this.low = (this.low + avalanche(lowAfter) - avalanche(lowBefore)) | 0
    this.high = (this.high + avalanche(highAfter) - avalanche(highBefore)) | 0
  }

  #enter(page: PartitionPage, at: number): void {
    const { ints, createdWords } = page
    const topic = page.topics[at]!
    const list = ints.replicas[at]!
    const key = this.#key
    key[0] = ints.partition[at]!
    key[1] = createdWords[2 * at]!
    key[2] = createdWords[2 * at + 1]!
    this.#low = lane(mixed(this.#topics.low[topic]!, this.#lists.low[list]!, LOW_FACTOR), key, LOW_FACTOR)
    this.#high = lane(
      mixed(this.#topics.high[topic]!, this.#lists.high[list]!, HIGH_FACTOR),
      key,
      HIGH_FACTOR,
    )
  }
}

/** Leader, leader epoch, partition epoch, ISR, ELR, last known leader, time of the change (two words). */
const STATE_WORDS = 8

function readState(state: Int32Array, { ints, modifiedWords }: PartitionPage, at: number): void {
  state[0] = ints.leader[at]!
  state[1] = ints.leaderEpoch[at]!
  state[2] = ints.partitionEpoch[at]!
  state[3] = ints.isr[at]!
  state[4] = ints.elr[at]!
  state[5] = ints.lastKnownLeader[at]!
  state[6] = modifiedWords[2 * at]!
  state[7] = modifiedWords[2 * at + 1]!
}

/** A lane with some words more in it. */
function lane(state: number, words: Int32Array, factor: number): number {
  let next = state
  for (let i = 0; i < words.length; i++) next = mixed(next, words[i]!, factor)
  return next
}
