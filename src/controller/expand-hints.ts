/** A replica that says it has caught up; its partition's leader decides. */
export type ExpandHint = { readonly topic: string; readonly partition: number; readonly brokerId: number }

/** With what it was said of: neither another topic that has the name by then nor another process of the broker has caught up. */
export type SaidHint = ExpandHint & { readonly topicId: string; readonly brokerEpoch: number }

/** More at once wait for the next report of those who caught up. */
const PER_LEADER_MAX = 10_000
const PER_ANSWER_MAX = 2_000

/** Hints for each leader, until it is told. Losing one costs time only: who is not in the ISR says so again. */
export class ExpandHints {
  readonly #waiting = new Map<number, Map<string, SaidHint>>()

  add(leader: number, hint: SaidHint): void {
    const waiting = this.#waiting.get(leader) ?? new Map<string, SaidHint>()
    this.#waiting.set(leader, waiting)
    if (waiting.size < PER_LEADER_MAX) waiting.set(`${hint.topic} ${hint.partition} ${hint.brokerId}`, hint)
  }

  /** Some of them, which are then forgotten; those that `holds` denies are out of date. */
  take(leader: number, holds: (hint: SaidHint) => boolean): ExpandHint[] {
    const waiting = this.#waiting.get(leader)
    if (waiting === undefined) return []
    const taken: ExpandHint[] = []
    for (const [key, hint] of waiting) {
      if (taken.length === PER_ANSWER_MAX) return taken
      waiting.delete(key)
      const { topic, partition, brokerId } = hint
      if (holds(hint)) taken.push({ topic, partition, brokerId })
    }
    this.#waiting.delete(leader)
    return taken
  }
}
