/**
 * Who was heard when: soft state of the controller, never in the log. Times are monotonic milliseconds.
 *
 * A pause of the controller itself extends every session by its length: our own stall never fences anyone.
 */
export class Sessions {
  readonly #heardAt = new Map<number, number>()
  /** Since when the session lasts: the last sign of life, or when the broker was first looked for. */
  readonly #since = new Map<number, number>()
  readonly #timeoutMs: number
  #checkedAt: number

  constructor(timeoutMs: number, now: number) {
    this.#timeoutMs = timeoutMs
    this.#checkedAt = now
  }

  heard(brokerId: number, now: number): void {
    this.#heardAt.set(brokerId, now)
    this.#since.set(brokerId, now)
  }

  forget(brokerId: number): void {
    this.#heardAt.delete(brokerId)
    this.#since.delete(brokerId)
  }

  /** Null: no sign of life has come here. */
  heardAgeMs(brokerId: number, now: number): number | null {
    const at = this.#heardAt.get(brokerId)
    return at === undefined ? null : now - at
  }

  /** How long the session has gone without a sign of life. */
  silentMs(brokerId: number, now: number): number | null {
    const since = this.#since.get(brokerId)
    return since === undefined ? null : now - since
  }

  isLive(brokerId: number, now: number): boolean {
    const silent = this.silentMs(brokerId, now)
    return silent !== null && silent <= this.#timeoutMs
  }

  liveCount(now: number): number {
    let count = 0
    for (const since of this.#since.values()) if (now - since <= this.#timeoutMs) count += 1
    return count
  }

  /**
   * Which of the brokers have been silent for too long. Called every `intervalMs`; a broker seen for the first time
   * (after an election, say) gets a full session from now.
   */
  expired(brokerIds: readonly number[], now: number, intervalMs: number): number[] {
    const stallMs = now - this.#checkedAt - intervalMs
    this.#checkedAt = now
    // Who was heard after the pause, before this check, has had no part of it.
    if (stallMs > intervalMs)
      for (const [brokerId, at] of this.#since) this.#since.set(brokerId, Math.min(at + stallMs, now))
    for (const brokerId of brokerIds) if (!this.#since.has(brokerId)) this.#since.set(brokerId, now)
    return brokerIds.filter(brokerId => !this.isLive(brokerId, now))
  }
}
