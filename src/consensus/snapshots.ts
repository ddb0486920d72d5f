import { assert } from '../base/assert.ts'
import { messageOf } from '../base/errors.ts'
import type { Clock } from '../io/clock.ts'
import type { SnapshotStore } from '../log/snapshot-store.ts'
import type { EntryId } from '../raft/entry.ts'
import type { Input, Output, SnapshotPart, SnapshotRead } from '../raft/io.ts'
import { type Snapshot, type SnapshotId, sameSnapshot } from '../raft/snapshot.ts'
import type { Configuration } from '../raft/voters.ts'
import { encodeSnapshotHead, snapshotOf } from './snapshot-head.ts'
import { SnapshotReads } from './snapshot-reads.ts'
import type { Restoration, StateMachine } from './state-machine.ts'

export type SnapshotOptions = {
  /**
   * A snapshot is due when this many bytes of entries were applied since the last one, or a quarter of its size if that is
   * more: so a large state is not written again for every few entries, and few are left to be replayed.
   */
  readonly snapshotBytesMin: number
}

export type SnapshotEvents = {
  snapshotTaken(id: SnapshotId, ms: number): void
  snapshotInstalled(id: SnapshotId, from: number): void
  /** It could not be taken, taken over or sent; it will be tried again. */
  snapshotFailed(reason: string): void
}

type Parts = {
  readonly store: SnapshotStore
  readonly clock: Clock
  readonly stateMachine: StateMachine
  readonly events: SnapshotEvents
  readonly step: (input: Input) => void
  readonly fail: (error: unknown) => void
  /** Asks for a snapshot of the present state, before one is due. */
  readonly renew: () => void
}

type Checked = { readonly snapshot: Snapshot; readonly restoration: Restoration }

/**
 * Snapshots of this node's state, and those that a leader sends. Nothing here holds up the loop: the state is written and
 * read piece by piece, and between two pieces everything else goes on.
 */
export class Snapshots {
  readonly #parts: Parts
  readonly #bytesMin: number
  #bytesSince = 0
  #lastBytes: number
  readonly #reads: SnapshotReads
  #taking = false
  #writing: Promise<void> = Promise.resolve()
  readonly counts = { taken: 0, installed: 0, failed: 0 }
  /** How long the last one took to write; null: none was written yet. */
  lastMs: number | null = null
  /** When the state was last written or taken over; until then, when this process began. */
  #since: number
  /** Parts are stored one after the other. */
  #storing: Promise<void> = Promise.resolve()
  #ready: { readonly id: SnapshotId; readonly from: number; readonly restoration: Restoration } | null = null
  #stopped = false

  constructor({ snapshotBytesMin }: SnapshotOptions, parts: Parts) {
    this.#parts = parts
    this.#bytesMin = snapshotBytesMin
    this.#since = parts.clock.monotonic()
    this.#lastBytes = parts.store.list.at(-1)?.name.bytes ?? 0
    const { store, step } = parts
    this.#reads = new SnapshotReads({
      store,
      step,
      fail: error => this.#failed(error),
      pause: () => this.#pause(),
      damaged: reason => this.#replace(reason),
    })
  }

  /** Of the newest; 0: there is none. */
  get lastBytes(): number {
    return this.#lastBytes
  }

  /** Of entries that were applied since then. */
  get bytesSince(): number {
    return this.#bytesSince
  }

  get ageMs(): number {
    return this.#parts.clock.monotonic() - this.#since
  }

  /** So much was applied to the state. Returns whether it is time for a snapshot. */
  applied(bytes: number): boolean {
    this.#bytesSince += bytes
    return !this.#taking && this.#bytesSince >= Math.max(this.#bytesMin, this.#lastBytes / 4)
  }

  /** Begins a snapshot of the state as it is now, after the entry `id`. */
  take(id: EntryId, configuration: Configuration): void {
    this.#taking = true
    this.#bytesSince = 0
    this.#writing = this.#write(id, configuration).catch(error => this.#failed(error))
  }

  #failed(error: unknown): void {
    if (outOfSpace(error)) this.#unusable(messageOf(error))
    else if (!this.#stopped) this.#parts.fail(error)
  }

  async #write(id: EntryId, configuration: Configuration): Promise<void> {
    const { store, clock, stateMachine, events, step } = this.#parts
    const began = clock.monotonic()
    const head = encodeSnapshotHead(id, configuration)
    try {
      const stored = await store.write(id, head, stateMachine.capture(), () => this.#pause())
      this.#lastBytes = stored.name.bytes
      this.lastMs = clock.monotonic() - began
      this.#since = clock.monotonic()
      this.counts.taken += 1
      events.snapshotTaken(stored.name, this.lastMs)
      step({ type: 'snapshotTaken', snapshot: snapshotOf(stored) })
      this.#reads.renewed()
    } finally {
      this.#taking = false
    }
  }

  #unusable(reason: string): void {
    this.counts.failed += 1
    this.#parts.events.snapshotFailed(reason)
  }

  /** Lets everything else go on that is ready. */
  #pause(): Promise<void> {
    if (this.#stopped) return Promise.reject(new Error('the node is stopping'))
    return new Promise(resolve => this.#parts.clock.afterPending(resolve))
  }

  /** Part of a snapshot for a follower. */
  read(request: SnapshotRead): void {
    this.#reads.read(request)
  }

  #replace(reason: string): void {
    this.#unusable(reason)
    if (!this.#taking) this.#parts.renew()
  }

  /** Keeps a part of a leader's snapshot; with the last one, reads the state in it. */
  store(part: SnapshotPart): void {
    this.#storing = this.#storing.then(() => this.#store(part)).catch(error => this.#failed(error))
  }

  async #store(part: SnapshotPart): Promise<void> {
    if (this.#stopped) return
    const { store, step } = this.#parts
    const { snapshot, offset, data } = part.message
    const have = await store.receive(snapshot, offset, data)
    step({ type: 'snapshotStored', part, offset: have })
    if (have === snapshot.bytes) await this.#takeOver(part)
  }

  async #takeOver(part: SnapshotPart): Promise<void> {
    const { store, step } = this.#parts
    const id = part.message.snapshot
    let checked: Checked
    try {
      checked = await this.#check(id)
    } catch (error) {
      if (this.#stopped) return
      // Damaged on the way, or half of it lost in a crash of ours: it is fetched anew.
      this.#unusable(`the snapshot of node ${part.from} is not usable: ${messageOf(error)}`)
      store.discard(id)
      return step({ type: 'snapshotStored', part, offset: 0 })
    }
    await store.accept(id)
    this.#ready = { id, from: part.from, restoration: checked.restoration }
    step({ type: 'snapshotReceived', part, snapshot: checked.snapshot })
  }

  /** Everything that may be wrong with what a peer sent is found here, before it is this node's own. */
  async #check(id: SnapshotId): Promise<Checked> {
    const { store, stateMachine } = this.#parts
    const snapshot = snapshotOf({ name: id, head: store.receivedHead(id) })
    const restoration = stateMachine.restore()
    for (const piece of store.received(id)) {
      restoration.take(piece)
      await this.#pause()
    }
    restoration.end()
    return { snapshot, restoration }
  }

  /** What the core made of the snapshot that it was told of last: it takes it over, or needs it no more. */
  settle(install: Snapshot | null): void {
    const ready = this.#ready
    this.#ready = null
    if (install === null) return
    assert(ready !== null && sameSnapshot(ready.id, install.id), 'what is taken over has been read')
    ready.restoration.install()
    this.#lastBytes = install.id.bytes
    this.#bytesSince = 0
    this.#since = this.#parts.clock.monotonic()
    this.counts.installed += 1
    this.#parts.events.snapshotInstalled(install.id, ready.from)
  }

  /** Removes what neither the core nor a follower needs any more. */
  prune({ pinned }: Output, kept: readonly SnapshotId[]): void {
    const wanted = [...kept, ...pinned]
    this.#parts.store.keepOnly(name => wanted.some(id => sameSnapshot(id, name)))
  }

  stop(): void {
    this.#stopped = true
  }

  /** After a stop: resolves when nothing is read or written any more. */
  async close(): Promise<void> {
    await Promise.all([this.#writing, this.#storing, this.#reads.closed()])
    this.#parts.store.close()
  }
}

function outOfSpace(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOSPC'
}
