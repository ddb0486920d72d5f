import type { Coverage } from '../coverage.ts'
import type { BROKER_COUNTERS } from './counters.ts'

export type BrokerCounter = keyof typeof BROKER_COUNTERS
export type BrokerCoverage = { add(counter: BrokerCounter, by?: number): void }

/** The same counts as those of the metadata nodes; a run has one set of them. */
export function brokerCoverage(coverage: Coverage): BrokerCoverage {
  return coverage
}
