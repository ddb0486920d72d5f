import type { FaultParts } from './machine-faults.ts'

/**
 * A leader has handed over, and from now on hears everything late: it is the last one to know, still believes that it leads,
 * and answers to what it said before go on coming in.
 */
export function usurp({ cluster, chance, coverage, trace }: FaultParts, id: number): void {
  const { timeline, network, plan } = cluster
  const { electionTimeoutMs } = plan.raft
  const meanMs = electionTimeoutMs * chance.pick([0.2, 0.4, 0.8])
  trace.note(0, 'usurp', () => `node ${id} hears everything ${meanMs.toFixed(0)} ms late`)
  coverage.add('leadersUsurped')
  const slow = (ms: number): void => {
    for (const other of cluster.ids) network.links.slow(other, id, ms)
  }
  slow(meanMs)
  timeline.after(2 * electionTimeoutMs, () => slow(0))
}
