import { assert, present } from '../base/assert.ts'
import { BEFORE_FIRST, type Entry, type EntryId, type Index, sizeOf, type Term } from './entry.ts'

/** Where a term starts in the log. Terms change rarely, so the term of every entry fits in a few of these. */
export type TermRun = { readonly term: Term; readonly first: Index }

/**
 * What the core knows of the log: the term of every entry, and the newest entries themselves.
 *
 * Invariants:
 * 1. `runs` ascend in both fields; run i covers `[first(i), first(i + 1))`, the last one ends with the log.
 * 2. `tail` holds the entries `[tailFirst, last.index]` without a gap; what is older is on disk only.
 * 3. Entries that are not durable are always in the tail, and so are those not applied, as far as they came in this
 *    run (the core trims no further).
 */
export class LogView {
  readonly #runs: TermRun[]
  #tail: Entry[]
  #tailFirst: Index
  #tailBytes: number
  #last: Index

  constructor(restored: { runs: readonly TermRun[]; tail: readonly Entry[]; last: Index }) {
    this.#runs = [...restored.runs]
    this.#tail = [...restored.tail]
    this.#tailFirst = restored.last + 1 - restored.tail.length
    this.#tailBytes = restored.tail.reduce((sum, entry) => sum + sizeOf(entry), 0)
    this.#last = restored.last
    assert(restored.tail.length === 0 || restored.tail[0]!.index === this.#tailFirst, 'the tail ends the log')
  }

  get last(): EntryId {
    return this.#last === 0
      ? BEFORE_FIRST
      : { index: this.#last, term: present(this.termAt(this.#last), 'last term') }
  }

  get lastIndex(): Index {
    return this.#last
  }

  get tailFirst(): Index {
    return this.#tailFirst
  }

  get tailBytes(): number {
    return this.#tailBytes
  }

  /** The term at an index: 0 before the log, undefined behind its end. */
  termAt(index: Index): Term | undefined {
    if (index === 0) return 0
    if (index > this.#last) return undefined
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i]!
      if (run.first <= index) return run.term
    }
    return undefined
  }

  has(id: EntryId): boolean {
    return this.termAt(id.index) === id.term
  }

  /** The last entry at or before `index` whose term is at most `term`: where two diverged logs may still agree. */
  lastWithTermAtMost(index: Index, term: Term): EntryId {
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i]!
      if (run.first > index || run.term > term) continue
      const next = this.#runs[i + 1]
      const end = next === undefined ? this.#last : next.first - 1
      return { index: Math.min(index, end), term: run.term }
    }
    return BEFORE_FIRST
  }

  append(entry: Entry): void {
    assert(entry.index === this.#last + 1, `entry ${entry.index} follows ${this.#last}`)
    const lastTerm = this.#runs.at(-1)?.term ?? 0
    assert(entry.term >= lastTerm, 'terms in the log never decrease')
    if (entry.term > lastTerm) this.#runs.push({ term: entry.term, first: entry.index })
    this.#tail.push(entry)
    this.#tailBytes += sizeOf(entry)
    this.#last = entry.index
  }

  /** Drops every entry from `index` on, which may be more than the tail holds: recovery reads only the newest ones. */
  truncate(index: Index): void {
    assert(index >= 1 && index <= this.#last, `entry ${index} is in the log, which ends at ${this.#last}`)
    while (this.#tail.length > 0 && this.#last >= index) {
      this.#tailBytes -= sizeOf(this.#tail.pop()!)
      this.#last -= 1
    }
    this.#last = index - 1
    this.#tailFirst = Math.min(this.#tailFirst, index)
    while (this.#runs.length > 0 && this.#runs.at(-1)!.first > this.#last) this.#runs.pop()
  }

  /** Entries `[from, to]`, at least one and otherwise at most `bytesMax`; `from` lies in the tail. */
  slice(from: Index, to: Index, bytesMax: number): Entry[] {
    assert(from >= this.#tailFirst && to <= this.#last, `entries ${from}-${to} are in the tail`)
    const entries: Entry[] = []
    let bytes = 0
    for (let index = from; index <= to; index++) {
      const entry = this.#tail[index - this.#tailFirst]!
      bytes += sizeOf(entry)
      if (entries.length > 0 && bytes > bytesMax) break
      entries.push(entry)
    }
    return entries
  }

  at(index: Index): Entry | undefined {
    return this.#tail[index - this.#tailFirst]
  }

  /**
   * Forgets tail entries up to `index` once the tail holds more than `bytesMax`. They stay on disk. A quarter goes at
   * once: dropping the oldest means to copy the others, too dear to be done for every few entries.
   */
  trim(index: Index, bytesMax: number): void {
    if (this.#tailBytes <= bytesMax) return
    const bytesKept = bytesMax * 0.75
    let dropped = 0
    while (this.#tailBytes > bytesKept && this.#tailFirst + dropped <= index) {
      this.#tailBytes -= sizeOf(this.#tail[dropped]!)
      dropped += 1
    }
    if (dropped === 0) return
    this.#tail = this.#tail.slice(dropped)
    this.#tailFirst += dropped
  }
}
