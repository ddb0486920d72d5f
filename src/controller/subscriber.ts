import type { Deferred } from '../base/deferred.ts'
import type { Timer } from '../io/clock.ts'
import type { Broker } from '../metadata/broker.ts'

/** A storage node had other metadata than the controller at the same version. */
export type Divergence = {
  readonly at: number
  readonly version: number
  readonly stateHash: string
  readonly expected: string
}

/** A storage node as the one that brings it metadata sees it. Times are epoch milliseconds. */
export type Subscriber = {
  broker: Broker
  /** What it says that it has; null until it has answered in this term. */
  version: number | null
  stateHash: string | null
  /** One request is under way. */
  busy: boolean
  failures: number
  /** Monotonic milliseconds. */
  retryAt: number
  /** Tries again at that time. */
  timer: Timer | null
  lastPushAt: number | null
  lastAckAt: number | null
  lastFailure: string | null
  /** That it takes nothing was told, and nothing has been taken since. */
  failureIsTold: boolean
  /** What it has is wrong: it is told to fetch the whole image, until its hash agrees. */
  repair: boolean
  /** Monotonic: since when it says a version that this node has not reached; null: it does not. */
  aheadSince: number | null
  divergences: number
  lastDivergence: Divergence | null
  /** Who asked for everything to be sent, and waits for what comes of it. */
  whole: Deferred<Acknowledged>[]
}

export type Acknowledged = { readonly version: number; readonly stateHash: string | null }

/** A new incarnation has said nothing yet. What was found wrong with the one before stays known: it may be why this one is here. */
export function newSubscriber(broker: Broker, before?: Subscriber): Subscriber {
  return {
    broker,
    version: null,
    stateHash: null,
    busy: false,
    failures: 0,
    retryAt: 0,
    timer: null,
    lastPushAt: null,
    lastAckAt: null,
    lastFailure: null,
    failureIsTold: false,
    repair: false,
    aheadSince: null,
    divergences: before?.divergences ?? 0,
    lastDivergence: before?.lastDivergence ?? null,
    whole: [],
  }
}
