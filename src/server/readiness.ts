import type { Readiness } from '../api/operations/health.ts'
import { counted } from '../base/counted.ts'
import type { Consensus } from '../consensus/consensus.ts'
import type { Status } from '../raft/io.ts'
import type { RoomWatch } from './room-watch.ts'

export type ReadinessFacts = {
  readonly consensus: Pick<Consensus, 'status' | 'leadership' | 'diskIsSlow'>
  readonly room: Pick<RoomWatch, 'isLow' | 'freeBytes'>
  readonly electionTimeoutMs: number
}

/** With heartbeats ten times as frequent, silence this long is no accident. */
const STALLED_TIMEOUTS = 2

/** A metadata node is ready when the quorum serves, as far as it can tell, and it keeps up with it itself. */
export function readiness({ consensus, room, electionTimeoutMs }: ReadinessFacts): Readiness {
  const status = consensus.status()
  const reasons = [
    quorumFault(status, consensus.leadership.ready, electionTimeoutMs),
    consensus.diskIsSlow
      ? 'the disk is slow: a write of the log takes longer than half an election timeout'
      : null,
    room.isLow ? `the disk is nearly full: ${room.freeBytes} bytes are left; make room` : null,
  ].filter(reason => reason !== null)
  return { ready: reasons.length === 0, reasons }
}

/** Why the quorum does not serve here; null: it does. */
function quorumFault(status: Status, atWork: boolean, electionTimeoutMs: number): string | null {
  const { awaited, role, leader, term } = status
  if (awaited.length > 0)
    return `the cluster is not founded yet: waiting for metadata nodes ${awaited.join(', ')}`
  if (leader === null) return `no controller in term ${term}`
  return role === 'LEADER'
    ? leaderFault(status, atWork, electionTimeoutMs)
    : followerFault(status, leader, electionTimeoutMs)
}

function leaderFault({ standing, last, commit }: Status, atWork: boolean, timeoutMs: number): string | null {
  const { quorumHeardAgeMs, stalledMs } = standing
  if (quorumHeardAgeMs !== null && quorumHeardAgeMs >= timeoutMs)
    return `no majority of the metadata nodes has answered this controller for ${shown(quorumHeardAgeMs)}`
  if (!atWork) return 'this controller is just beginning'
  if (stalledMs !== null && stalledMs >= STALLED_TIMEOUTS * timeoutMs) {
    const waiting = last.index - commit
    return `nothing was committed for ${shown(stalledMs)} though ${waiting === 1 ? '1 entry waits' : `${waiting} entries wait`}: the others answer, but write nothing`
  }
  return null
}

function followerFault({ standing }: Status, leader: number, timeoutMs: number): string | null {
  const { leaderHeardAgeMs, behind } = standing
  if (leaderHeardAgeMs === null) return `controller ${leader} was not heard yet`
  if (leaderHeardAgeMs >= timeoutMs)
    return `controller ${leader} was last heard ${shown(leaderHeardAgeMs)} ago`
  if (behind === null) return `controller ${leader} has not told yet how far it is`
  if (!behind.caughtUp)
    return `this node is catching up with controller ${leader}: it lacks ${counted(behind.entries, 'entry', 'entries')}`
  if (behind.ms < timeoutMs) return null
  return `this node is behind controller ${leader}: by ${counted(behind.entries, 'entry', 'entries')}, for ${shown(behind.ms)}`
}

function shown(ms: number): string {
  return `${Math.round(ms)} ms`
}
