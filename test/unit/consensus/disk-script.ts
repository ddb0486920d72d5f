import type { HardState } from '../../../src/raft/entry.ts'
import {
  batchOf,
  type DiskNode,
  entriesAfter,
  foreignSnapshot,
  founding,
  HARD,
  type Model,
  NOTHING,
  takeSnapshot,
} from './disk-history.ts'

/** One thing that is done to the disk. Before it is done, either model may be found; when it is done, `after`. */
export type Step = {
  readonly name: string
  readonly run: (node: Pick<DiskNode, 'log' | 'store'>) => Promise<unknown>
  readonly after: Model
}

/**
 * What a node does to its disk in its life, in the order that the core and the driver do it: writes, snapshots of its
 * own with all that they let go of, and snapshots of a leader.
 */
export class Script {
  readonly steps: Step[] = []
  model: Model = NOTHING
  /** Where the snapshots stand that the core knows of: two at most. */
  #snapshots: number[] = []
  /** Rides along with the next write, as the core has it. */
  #commit = 0

  constructor() {
    this.#write('found', [founding()], HARD)
    this.#commit = 1
  }

  get #hard(): HardState {
    return { ...this.model.hard!, commit: this.#commit }
  }

  get last(): number {
    return this.model.entries.length
  }

  get commitIndex(): number {
    return this.#commit
  }

  #step(name: string, run: Step['run'], after = this.model): void {
    this.steps.push({ name, run, after })
    this.model = after
  }

  #write(name: string, entries: Model['entries'], hard: HardState, truncateFrom: number | null = null): void {
    const kept = truncateFrom === null ? this.model.entries : this.model.entries.slice(0, truncateFrom - 1)
    const batch = batchOf(entries, hard, { truncateFrom })
    this.#step(name, ({ log }) => log.append(batch), { entries: [...kept, ...entries], hard })
  }

  append(count: number, bytes: number): void {
    this.#write(`append ${count}`, entriesAfter(this.model, this.#hard.term, count, bytes), this.#hard)
  }

  vote(): void {
    this.#write('vote', [], { ...this.#hard, term: this.#hard.term + 1, votedFor: 2 })
  }

  /** Everything that is here. */
  commit(): void {
    this.#commit = this.last
  }

  /** Another leader's entries replace what is not committed. */
  replace(count: number, bytes: number): void {
    const { hard, entries } = this.#leaders(this.#commit)
    const truncateFrom = this.last > this.#commit ? this.#commit + 1 : null
    const added = entriesAfter({ entries, hard }, hard.term, count, bytes)
    this.#write(`replace from ${this.#commit + 1}`, added, hard, truncateFrom)
  }

  /** A snapshot of what is committed, and everything that is let go for it. */
  take(): void {
    const index = this.#commit
    if (index <= (this.#snapshots.at(-1) ?? 0)) return
    const { entries } = this.model
    this.#step(`take ${index}`, ({ store }) => takeSnapshot(store, entries, index))
    this.#snapshots = [...this.#snapshots, index].slice(-2)
    this.#compact()
  }

  #compact(): void {
    const kept = [...this.#snapshots]
    this.#step('prune', async ({ store }) => store.keepOnly(({ index }) => kept.includes(index)))
    if (kept.length < 2) return
    const dropBefore = kept[0]! + 1
    this.#step(`drop before ${dropBefore}`, ({ log }) => log.dropBefore(dropBefore))
  }

  /** A leader's snapshot, of which only the first half comes. */
  receiveHalf(ahead: number): void {
    const { entries } = this.#leaders(this.last + ahead)
    this.#receive(entries, entries.length, 1)
  }

  /** A leader's snapshot of an entry that this log lacks, or has another one of: the log begins anew behind it. */
  install(index: number, behind = 0, bytes = 64): void {
    if (index <= this.#commit) return
    const { entries, hard } = this.#leaders(index)
    this.#write('follow', [], hard)
    this.#receive(entries, index, 2)
    this.#accept(entries, index, { entries, hard })
    this.#commit = index
    this.#snapshots = [index]
    const next = entriesAfter(this.model, hard.term, behind, bytes)
    const reset = batchOf(next, this.#hard, { resetTo: index })
    const after = { entries: [...entries, ...next], hard: this.#hard }
    // The driver prunes while the reset is being written.
    const run: Step['run'] = async ({ log, store }) => {
      const done = log.append(reset)
      store.keepOnly(name => name.index === index)
      await done
    }
    this.#step(`reset to ${index}, append ${behind}`, run, after)
  }

  /** A leader's snapshot of an entry that is in the log: what follows it stays. */
  installWithin(index: number): void {
    if (index <= this.#commit || index > this.last) return
    this.#receive(this.model.entries, index, 2)
    this.#accept(this.model.entries, index, this.model)
    this.#commit = index
    this.#snapshots = [...this.#snapshots, index].slice(-2)
    this.#compact()
  }

  /** The log of a new leader that shares with this one only what is committed, up to `last`. */
  #leaders(last: number): { entries: Model['entries']; hard: HardState } {
    const hard = { ...this.#hard, term: this.#hard.term + 1, votedFor: null }
    const shared = { entries: this.model.entries.slice(0, this.#commit), hard }
    return {
      entries: [...shared.entries, ...entriesAfter(shared, hard.term, last - this.#commit, 120)],
      hard,
    }
  }

  #receive(entries: Model['entries'], index: number, halves: number): void {
    const made = foreignSnapshot(entries, index)
    for (let half = 1; half <= halves; half++) {
      this.#step(`receive part ${half}`, async ({ store }) => {
        const { name, bytes } = await made
        const from = await store.receive(name, 0, Buffer.alloc(0))
        const to = Math.ceil((bytes.length * half) / 2)
        if (from < to) await store.receive(name, from, bytes.subarray(from, to))
      })
    }
  }

  #accept(entries: Model['entries'], index: number, after: Model): void {
    const made = foreignSnapshot(entries, index)
    const accept: Step['run'] = async ({ store }) => {
      const { name, bytes } = await made
      if (store.list.some(stored => stored.name.checksum === name.checksum)) return
      const from = await store.receive(name, 0, Buffer.alloc(0))
      if (from < bytes.length) await store.receive(name, from, bytes.subarray(from))
      for (const _ of store.received(name));
      await store.accept(name)
    }
    this.#step(`accept ${index}`, accept, after)
  }
}
