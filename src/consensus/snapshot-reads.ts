import { DamagedLog } from '../log/log.ts'
import type { SnapshotStore } from '../log/snapshot-store.ts'
import type { Input, SnapshotRead } from '../raft/io.ts'
import { type SnapshotId, sameSnapshot } from '../raft/snapshot.ts'

type Parts = {
  readonly store: SnapshotStore
  readonly step: (input: Input) => void
  readonly fail: (error: unknown) => void
  /** Between two pieces; rejects when the node stops. */
  readonly pause: () => Promise<void>
  /** A snapshot on this disk turned out to be damaged: another one is wanted. */
  readonly damaged: (reason: string) => void
}

/**
 * What a leader reads of its snapshots for followers. Who threw a file away may have got it damaged from here: before it
 * is sent again, all of it is checked. A damaged one is sent to nobody any more; who was to get it waits for the next one.
 */
export class SnapshotReads {
  readonly #parts: Parts
  /** Those whose successor is not there yet. */
  #damaged: readonly SnapshotId[] = []
  #waiting: readonly SnapshotRead[] = []
  #checking: Promise<void> = Promise.resolve()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  read(request: SnapshotRead): void {
    if (request.suspect) this.#checking = this.#checking.then(() => this.#check(request))
    else this.#answer(request)
  }

  async #check(request: SnapshotRead): Promise<void> {
    const { store, pause, fail } = this.#parts
    const stored = store.list.find(({ name }) => sameSnapshot(name, request.snapshot))
    try {
      if (stored !== undefined) for (const _ of store.pieces(stored)) await pause()
      this.#answer(request)
    } catch (error) {
      if (error instanceof DamagedLog) this.#spoil(request, error)
      else fail(error)
    }
  }

  #answer(request: SnapshotRead): void {
    const { snapshot, offset, bytesMax } = request
    if (this.#isDamaged(snapshot)) return this.#await(request)
    try {
      const data = this.#parts.store.read(snapshot, offset, bytesMax)
      this.#parts.step({ type: 'snapshotRead', request, data })
    } catch (error) {
      if (!(error instanceof DamagedLog)) throw error
      this.#spoil(request, error)
    }
  }

  #spoil(request: SnapshotRead, error: DamagedLog): void {
    const { snapshot } = request
    this.#await(request)
    if (this.#isDamaged(snapshot)) return
    this.#damaged = [...this.#damaged, snapshot]
    this.#parts.store.spoil(snapshot, error.message)
    this.#parts.damaged(`${error.message}. A new one is made in its place; the disk may be failing`)
  }

  #isDamaged(snapshot: SnapshotId): boolean {
    return this.#damaged.some(id => sameSnapshot(id, snapshot))
  }

  #await(request: SnapshotRead): void {
    this.#waiting = [...this.#waiting, request]
  }

  /** Another one was made: who waits begins anew with that. */
  renewed(): void {
    const waiting = this.#waiting
    this.#waiting = []
    // It may be the same file, byte for byte.
    this.#damaged = []
    for (const request of waiting) this.#parts.step({ type: 'snapshotRead', request, data: null })
  }

  /** Resolves when nothing is read any more. */
  closed(): Promise<void> {
    return this.#checking
  }
}
