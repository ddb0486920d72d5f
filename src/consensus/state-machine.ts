/** What the log is for. Handed to consensus as a value; consensus does not know what a command means. */
export interface StateMachine {
  /**
   * Applies the entry at `index`, in order, each once per run. Returns what the proposer is told. Throws only when the
   * node must stop: an entry that it cannot understand.
   */
  apply(index: number, type: string, data: Uint8Array): unknown
  /** The state as it is now, in pieces. Pulled one by one, while later entries are applied. */
  capture(): Iterable<Uint8Array>
  /** Begins to read a captured state; what is in force stays until {@link Restoration.install}. */
  restore(): Restoration
}

export interface Restoration {
  /** Throws on pieces that make no state. */
  take(piece: Uint8Array): void
  /** All pieces have been taken. Throws when they make no whole state; after it, nothing can fail. */
  end(): void
  /** Puts the state into force, in place of the one before. */
  install(): void
}
