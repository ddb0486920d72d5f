import type { Assignments } from './assignments.ts'
import type { Crowd } from './rack-repair.ts'
import type { BrokerLoad } from './view.ts'

type Loads = {
  before: Int32Array
  share: { readonly low: Int32Array; readonly high: Int32Array } | null
}

/** Why a plan changes what it changes, in words. */
export class Reasons {
  readonly replicas: Loads = { before: new Int32Array(0), share: null }
  readonly leaders: Loads = { before: new Int32Array(0), share: null }
  /** By partition. */
  readonly crowds = new Map<number, Crowd>()
  readonly handovers = new Map<number, { readonly from: number; readonly to: number }>()
  readonly #brokers: readonly BrokerLoad[]
  readonly #assignments: Assignments

  constructor(brokers: readonly BrokerLoad[], assignments: Assignments) {
    this.#brokers = brokers
    this.#assignments = assignments
  }

  /** Such as `broker 3 holds 40 (share 33), broker 6 0 (share 33)`. */
  of(partition: number): string {
    const before = this.#assignments.original(partition)
    const after = this.#assignments.at(partition)
    const reasons: string[] = []
    const crowd = this.crowds.get(partition)
    if (crowd !== undefined) reasons.push(this.#crowdText(crowd, before))
    const gone = before.filter(broker => !after.includes(broker))
    const come = after.filter(broker => !before.includes(broker))
    if (crowd === undefined)
      for (const [i, from] of gone.entries())
        reasons.push(this.#loadText(from, come[i]!, 'holds', this.replicas))
    const handover = this.handovers.get(partition)
    if (handover !== undefined)
      reasons.push(this.#loadText(handover.from, handover.to, 'leads', this.leaders))
    return reasons.join('; ')
  }

  #crowdText({ replicas, broker }: Crowd, members: Int32Array): string {
    return `rack ${this.#brokers[broker]!.rack} holds ${replicas} of its ${members.length} replicas`
  }

  #loadText(from: number, to: number, verb: string, { before, share }: Loads): string {
    const [high, low] = [share?.high[from] ?? 0, share?.low[to] ?? 0]
    const isLink = before[from]! <= high && before[to]! >= low
    const [giver, taker] = [this.#brokers[from]!.brokerId, this.#brokers[to]!.brokerId]
    return (
      `${isLink ? 'makes way for another: ' : ''}broker ${giver} ${verb} ${before[from]} ` +
      `(share ${shareText(share, from)}), broker ${taker} ${before[to]} (share ${shareText(share, to)})`
    )
  }
}

function shareText(share: Loads['share'], broker: number): string {
  const [low, high] = [share?.low[broker], share?.high[broker]]
  return low === high ? `${low}` : `${low} to ${high}`
}
