import type { Machine } from '../cluster/machine.ts'
import type { HuntParts } from './leader-hunt.ts'

const BURSTS = 10
const BURST_EVERY_MS = 3

/**
 * A follower comes back so late that its leader must read its log for it, and a read fails in a turn of the leader's loop in
 * which clients propose something: what becomes of that is not known.
 */
export function readBadly(parts: HuntParts, leader: Machine): void {
  const { cluster, chance, links, clients, coverage, isOver } = parts
  const { timeline, plan, inService } = cluster
  const ms = plan.raft.electionTimeoutMs * chance.pick([1, 3])
  coverage.add('lateReads')
  links.cutOff([chance.pick(inService.filter(machine => machine !== leader)).id], ms)
  clients.burst(leader, 2 * BURSTS)
  timeline.after(ms, () => {
    const { process, drive } = leader
    if (process !== null && !isOver()) drive.strike({ kind: 'read', when: () => process.hasNewProposals })
  })
  for (let i = 0; i < BURSTS; i++)
    timeline.after(ms + chance.exponential(BURST_EVERY_MS) * i, () => clients.burst(leader, 2))
}
