import { Histogram, LATENCY_BOUNDS_MS } from '../base/histogram.ts'
import type { Outcome } from './metadata-copy.ts'

/** What a storage node has counted and timed since it started: plain numbers, for whoever looks. */
export class BrokerMeasures {
  readonly heartbeatMs = new Histogram(LATENCY_BOUNDS_MS)
  /** `refused`: this broker must register again. `failed`: there was no answer, or another one than yes. */
  readonly heartbeats = { accepted: 0, refused: 0, failed: 0 }
  /** Updates that the controller sent, by what became of them. */
  readonly pushes: Record<Outcome, number> = { applied: 0, stale: 0, gap: 0, diverged: 0 }
  /** Metadata that this node fetched: what had changed, or all of it. `failed`: one of the nodes it asked did not give it. */
  readonly pulls = { delta: 0, snapshot: 0, failed: 0 }

  heartbeatAnswered(status: number, ms: number): void {
    this.heartbeatMs.observe(ms)
    if (status === 200) this.heartbeats.accepted += 1
    else if (status === 404 || status === 409) this.heartbeats.refused += 1
    else this.heartbeats.failed += 1
  }
}
