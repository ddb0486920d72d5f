import { assert, present } from '../base/assert.ts'
import { BEFORE_FIRST, type Entry, type EntryId, type Index, sizeOf, type Term } from './entry.ts'

/** Where a term starts in the log. Terms change rarely, so the term of every entry fits in a few of these. */
export type TermRun = { readonly term: Term; readonly first: Index }

/**
 * What the core knows of the log: the term of every entry, and the newest entries themselves. It begins behind `base`, the
 * last entry of a snapshot; what is older is committed, and no more known than that.
 *
 * Invariants:
 * 1. `runs` ascend in both fields; run i covers `[first(i), first(i + 1))`, the last one ends with the log.
 * 2. `tail` holds the entries `[tailFirst, last.index]` without a gap; what is older is on disk only.
 * 3. Entries that are not durable are always in the tail, and so are those not applied, as far as they came in this
 *    run (the core trims no further).
 */
export class LogView {
  #base: EntryId
  #runs: TermRun[]
  #tail: Entry[]
  #tailFirst: Index
  #tailBytes: number
  #last: Index

  constructor(restored: {
    base: EntryId
    runs: readonly TermRun[]
    tail: readonly Entry[]
    last: Index
  }) {
    this.#base = restored.base
    this.#runs = [...restored.runs]
    this.#tail = [...restored.tail]
    this.#tailFirst = restored.last + 1 - restored.tail.length
    this.#tailBytes = restored.tail.reduce((sum, entry) => sum + sizeOf(entry), 0)
    this.#last = restored.last
    assert(restored.tail.length === 0 || restored.tail[0]!.index === this.#tailFirst, 'the tail ends the log')
  }

  get base(): EntryId {
    return this.#base
  }

  get last(): EntryId {
    return { index: this.#last, term: present(this.termAt(this.#last), 'last term') }
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

  /** The term at an index; undefined before the base and behind the end. */
  termAt(index: Index): Term | undefined {
    if (index === this.#base.index) return this.#base.term
    if (index > this.#last || index < this.#base.index) return undefined
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
    return this.#base.index <= index && this.#base.term <= term ? this.#base : BEFORE_FIRST
  }

  append(entry: Entry): void {
    assert(entry.index === this.#last + 1, `entry ${entry.index} follows ${this.#last}`)
    const lastTerm = this.#runs.at(-1)?.term ?? this.#base.term
    assert(entry.term >= lastTerm, 'terms in the log never decrease')
    if (entry.term > lastTerm || this.#runs.length === 0)
      this.#runs.push({ term: entry.term, first: entry.index })
    this.#tail.push(entry)
    this.#tailBytes += sizeOf(entry)
    this.#last = entry.index
  }

  /** Drops every entry from `index` on, which may be more than the tail holds: recovery reads only the newest ones. */
  truncate(index: Index): void {
    assert(
      index > this.#base.index && index <= this.#last,
      `entry ${index} is in the log, which ends at ${this.#last}`,
    )
    while (this.#tail.length > 0 && this.#last >= index) {
      this.#tailBytes -= sizeOf(this.#tail.pop()!)
      this.#last -= 1
    }
    this.#last = index - 1
    this.#tailFirst = Math.min(this.#tailFirst, index)
    while (this.#runs.length > 0 && this.#runs.at(-1)!.first > this.#last) this.#runs.pop()
  }

  /** Forgets everything: the log begins anew behind `base`. */
  reset(base: EntryId): void {
    this.#base = { index: base.index, term: base.term }
    this.#runs = []
    this.#tail = []
    this.#tailBytes = 0
    this.#tailFirst = base.index + 1
    this.#last = base.index
  }

  /** Forgets the terms of what a snapshot covers. Entries in the tail stay while there is room for them. */
  compact(index: Index): void {
    const term = present(this.termAt(index), 'the term of what is forgotten last')
    const kept = this.#runs.findLastIndex(run => run.first <= index + 1)
    this.#runs = this.#runs.slice(Math.max(0, kept))
    const [first] = this.#runs
    if (index === this.#last) this.#runs = []
    else if (first !== undefined)
      this.#runs[0] = { term: first.term, first: Math.max(first.first, index + 1) }
    this.#base = { index, term }
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
