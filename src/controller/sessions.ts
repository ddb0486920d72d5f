/**
 * Who was heard when: soft state of the controller, never in the log. Times are monotonic milliseconds.
 *
 * A pause of the controller itself extends every session by its length: our own stall never fences anyone.
 */
export class Sessions {
  readonly #heardAt = new Map<number, number>()
  readonly #timeoutMs: number
  #checkedAt: number

  constructor(timeoutMs: number, now: number) {
    this.#timeoutMs = timeoutMs
    this.#checkedAt = now
  }

  heard(brokerId: number, now: number): void {
    this.#heardAt.set(brokerId, now)
  }

  forget(brokerId: number): void {
    this.#heardAt.delete(brokerId)
  }

  heardAgeMs(brokerId: number, now: number): number | null {
    const at = this.#heardAt.get(brokerId)
    return at === undefined ? null : now - at
  }

  isLive(brokerId: number, now: number): boolean {
    const age = this.heardAgeMs(brokerId, now)
    return age !== null && age <= this.#timeoutMs
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
      for (const [brokerId, at] of this.#heardAt) this.#heardAt.set(brokerId, Math.min(at + stallMs, now))
    for (const brokerId of brokerIds) if (!this.#heardAt.has(brokerId)) this.#heardAt.set(brokerId, now)
    return brokerIds.filter(brokerId => !this.isLive(brokerId, now))
  }
}
