import type { BROKER_COUNTERS } from './counters.ts'

export type BrokerCounter = keyof typeof BROKER_COUNTERS
/** What counts them: the counts are the run's, with those of the metadata nodes. */
export type BrokerCoverage = { add(counter: BrokerCounter, by?: number): void }
