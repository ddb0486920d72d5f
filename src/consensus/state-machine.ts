/** What the log is for. Handed to consensus as a value; consensus does not know what a command means. */
export interface StateMachine {
  /**
   * Applies the entry at `index`, in order, each once per run. Returns what the proposer is told. Throws only when the
   * node must stop: an entry that it cannot understand.
   */
  apply(index: number, type: string, data: Uint8Array): unknown
}
