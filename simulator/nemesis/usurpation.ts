import type { Machine } from '../cluster/machine.ts'
import type { FaultParts, MachineFaults } from './machine-faults.ts'

/**
 * A leader that hears everything late hands over, and is the last one to know: for a while it still believes that it leads,
 * and answers to what it said before go on coming in.
 */
export function usurp(
  { cluster, chance, coverage, trace }: FaultParts,
  machines: MachineFaults,
  { id }: Machine,
) {
  const { timeline, network, plan } = cluster
  const { electionTimeoutMs } = plan.raft
  const meanMs = electionTimeoutMs * chance.pick([0.1, 0.3, 0.6])
  trace.note(0, 'usurp', () => `node ${id} hears everything ${meanMs.toFixed(0)} ms late`)
  coverage.add('leadersUsurped')
  const slow = (ms: number): void => {
    for (const other of cluster.ids) network.links.slow(other, id, ms)
  }
  slow(meanMs)
  timeline.after(2 * meanMs, () => machines.transfer(cluster.machine(id), null, electionTimeoutMs))
  timeline.after(3 * electionTimeoutMs, () => slow(0))
}
