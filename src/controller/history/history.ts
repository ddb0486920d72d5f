import { lowerBound } from '../../base/lower-bound.ts'
import type { HistoryEntry } from './entry.ts'

export type HistoryBounds = { readonly entriesMax: number; readonly bytesMax: number }

const BOUNDS: HistoryBounds = { entriesMax: 20_000, bytesMax: 8 * 1024 * 1024 }

/** What the newest commands did, oldest first, bounded in number and bytes. What is older is forgotten, half at a time. */
export class History {
  readonly #bounds: HistoryBounds
  #entries: HistoryEntry[] = []
  #bytes = 0
  /** Everything after this version is here. */
  #from: number

  constructor(from: number, entries: readonly HistoryEntry[] = [], bounds = BOUNDS) {
    this.#from = from
    this.#bounds = bounds
    for (const entry of entries) this.add(entry)
  }

  get from(): number {
    return this.#from
  }

  get entries(): readonly HistoryEntry[] {
    return this.#entries
  }

  add(entry: HistoryEntry): void {
    this.#entries.push(entry)
    this.#bytes += bytesOf(entry)
    const { entriesMax, bytesMax } = this.#bounds
    if (this.#entries.length > entriesMax || this.#bytes > bytesMax) this.#forget()
  }

  /** Half goes at once, so that forgetting costs nothing per command; the newest entry stays, whatever its size. */
  #forget(): void {
    const { entriesMax, bytesMax } = this.#bounds
    const last = this.#entries.length - 1
    let dropped = 0
    while (dropped < last && (this.#bytes > bytesMax / 2 || this.#entries.length - dropped > entriesMax / 2))
      this.#bytes -= bytesOf(this.#entries[dropped++]!)
    if (dropped > 0) this.#from = this.#entries[dropped - 1]!.version
    this.#entries = this.#entries.slice(dropped)
  }

  /** Where the first entry after `version` is. */
  positionAfter(version: number): number {
    return lowerBound(this.#entries.length, i => this.#entries[i]!.version <= version)
  }

  /** The newest entry of which `is` is true. */
  newest(is: (entry: HistoryEntry) => boolean): HistoryEntry | null {
    return this.#entries.findLast(is) ?? null
  }
}

/** About what it takes in memory: a partition as it was and as it is are two objects of a dozen fields. */
function bytesOf({ text, topics, partitions }: HistoryEntry): number {
  return 300 + text.length + 16 * topics.length + 256 * partitions.length
}
