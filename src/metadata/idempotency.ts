import { type Decision, type PartResults, partResultsOf, type Rejection, reject } from './decision.ts'

/** A request that its sender may repeat: the key it chose, and a fingerprint of what it asked for. */
export type Idempotency = { readonly key: string; readonly request: string }

/** What the first request came to. */
export type FirstResult = PartResults & {
  readonly key: string
  readonly request: string
  readonly version: number
  readonly time: number
  readonly rejection?: Rejection
}

/** A result is kept for so long, in the time of the commands, if there is room. */
const KEPT_MS = 24 * 3_600_000
/** A younger one is never given up: its sender may still be trying. */
const YOUNG_MS = 10 * 60_000
const KEYS_MAX = 100_000

/**
 * The results of keyed requests. Part of the state, and of its snapshots, so that a repeat gets the first result from
 * whichever node is the controller by then; but not of the image: neither version nor state hash know of it.
 *
 * When all keys are young and the table is full, keyed requests are refused (503) and unkeyed ones go on.
 */
export class IdempotencyKeys {
  /** In the order of their times. */
  readonly #results = new Map<string, FirstResult>()
  readonly #max: number

  constructor(max = KEYS_MAX) {
    this.#max = max
  }

  get size(): number {
    return this.#results.size
  }

  /** What the first request with this key came to; null if it is not known at `time`, or not any more. */
  find(key: string, time: number): FirstResult | null {
    const found = this.#results.get(key)
    return found === undefined || time - found.time > KEPT_MS ? null : found
  }

  /** Gives up what is old. Returns why there is no room for another result; null if there is. */
  makeRoom(time: number): Rejection | null {
    for (const [key, result] of this.#results) {
      const age = time - result.time
      if (age <= KEPT_MS && (this.#results.size < this.#max || age <= YOUNG_MS)) break
      this.#results.delete(key)
    }
    if (this.#results.size < this.#max) return null
    return reject(
      'OVERLOADED',
      `${this.#max} idempotency keys of the last ${YOUNG_MS / 60_000} minutes are kept, and there is room for no more; ` +
        'try again later, or without a key',
    )
  }

  add(result: FirstResult): void {
    this.#results.delete(result.key)
    this.#results.set(result.key, result)
  }

  capture(): FirstResult[] {
    return [...this.#results.values()]
  }
}

/** The first result again; or that the key came with another request. */
export function replay(first: FirstResult, { key, request }: Idempotency): Decision & { replayed?: number } {
  if (first.request !== request) {
    const text = `Idempotency-Key ${JSON.stringify(key)} came before with another request; use a new key for a new request`
    return reject('IDEMPOTENCY_KEY_REUSED', text)
  }
  const { version, rejection } = first
  if (rejection !== undefined) return { ...rejection, replayed: version }
  return { changes: [], replayed: version, ...partResultsOf(first) }
}
