import type { Core } from './core.ts'
import { campaignForTransfer } from './election.ts'
import type { NodeId } from './entry.ts'
import type { Envelope } from './message.ts'
import { successorsOf } from './replication.ts'

/**
 * Leadership transfer (thesis 3.10): the leader takes no more proposals, brings its successor up to date and tells it to
 * run at once. A successor that does not take over within an election timeout is given up, and proposals go on.
 */
export function transfer(core: Core, wanted: NodeId | null): void {
  if (core.role.kind !== 'leader') return
  const target = wanted ?? successorsOf(core, core.role)[0]
  if (target === undefined || !core.electors().includes(target)) return
  core.role.transfer = { target, deadline: core.now + core.options.electionTimeoutMs }
  handOverIfReady(core)
}

/** Said again with every answer of the successor, for it may be lost. */
export function handOverIfReady(core: Core): void {
  if (core.role.kind !== 'leader' || core.role.transfer === null) return
  const { target } = core.role.transfer
  if (core.role.progress.get(target)?.match !== core.log.lastIndex) return
  core.send(target, { type: 'timeoutNow', term: core.term })
}

export function giveUpTransfer(core: Core): void {
  if (core.role.kind === 'leader' && core.role.transfer !== null && core.now >= core.role.transfer.deadline)
    core.role.transfer = null
}

/** Only our own leader may send us into an election; that its message is doubled or late does no harm. */
export function receiveTimeoutNow(core: Core, { from }: Envelope): void {
  if (core.role.kind !== 'follower' || core.role.leader !== from) return
  campaignForTransfer(core)
}
