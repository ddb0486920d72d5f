import type { Core } from './core.ts'
import type { Milliseconds } from './entry.ts'
import type { Behind } from './follower-lag.ts'
import { quorumIndex } from './quorum.ts'

/** How well the quorum serves, as far as this node can tell. What its role has no part in is null. */
export type Standing = {
  /** Of a follower: since it heard its leader. */
  readonly leaderHeardAgeMs: Milliseconds | null
  /** Of a follower: what it lacks of what its leader has committed; null as long as it was not told. */
  readonly behind: Behind | null
  /** Of a leader: since the moment after which a quorum has answered it. */
  readonly quorumHeardAgeMs: Milliseconds | null
  /** Of a leader: how long entries have waited while none was committed; 0: none waits. */
  readonly stalledMs: Milliseconds | null
}

const NOWHERE: Standing = { leaderHeardAgeMs: null, behind: null, quorumHeardAgeMs: null, stalledMs: null }

export function standingOf(core: Core, now: Milliseconds): Standing {
  const { role } = core
  if (role.kind === 'leader') {
    const answeredAt = quorumIndex(core.configuration!, id =>
      id === core.options.id ? now : (role.progress.get(id)?.contactAt ?? 0),
    )
    const stalledMs = core.log.lastIndex > core.commit ? now - role.commitMovedAt : 0
    return { ...NOWHERE, quorumHeardAgeMs: now - answeredAt, stalledMs }
  }
  if (role.kind !== 'follower' || core.liveLeaderId() === null) return NOWHERE
  const leaderHeardAgeMs = Number.isFinite(role.leaderHeardAt) ? now - role.leaderHeardAt : null
  return { ...NOWHERE, leaderHeardAgeMs, behind: core.lag.behind(core.term, core.applied, now) }
}
