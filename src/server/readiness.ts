import type { Readiness } from '../api/operations/health.ts'
import { counted } from '../base/counted.ts'
import type { Consensus } from '../consensus/consensus.ts'
import type { Status } from '../raft/io.ts'
import { type Configuration, membersOf } from '../raft/voters.ts'
import type { RoomWatch } from './room-watch.ts'

export type ReadinessFacts = {
  readonly consensus: Pick<Consensus, 'status' | 'leadership' | 'configuration' | 'diskIsSlow'>
  readonly room: Pick<RoomWatch, 'isLow' | 'freeBytes'>
  readonly electionTimeoutMs: number
}

/** With heartbeats ten times as frequent, silence this long is no accident. */
const STALLED_TIMEOUTS = 2

/** A metadata node is ready when the quorum serves, as far as it can tell, and it keeps up with it itself. */
export function readiness({ consensus, room, electionTimeoutMs }: ReadinessFacts): Readiness {
  const status = consensus.status()
  const reasons = [
    removedFault(status, consensus.configuration) ??
      quorumFault(status, consensus.leadership.ready, electionTimeoutMs),
    consensus.diskIsSlow
      ? 'the disk is slow: a write of the log takes longer than half an election timeout'
      : null,
    room.isLow ? `the disk is nearly full: ${room.freeBytes} bytes are left; make room` : null,
  ].filter(reason => reason !== null)
  return { ready: reasons.length === 0, reasons }
}

/**
 * Why it will hear of no controller any more. A node that was added lately may have only what was before that; a controller
 * brings it the rest, and so it is not told this while it has one.
 */
function removedFault({ id, uuid, leader }: Status, configuration: Configuration | null): string | null {
  if (leader !== null || configuration === null || isMember(configuration, { id, uuid })) return null
  return removedText(configuration)
}

/** Whether a node, with this data directory, votes or learns. */
export function isMember(configuration: Configuration, { id, uuid }: Pick<Status, 'id' | 'uuid'>): boolean {
  return membersOf(configuration).some(member => member.id === id && member.uuid === uuid)
}

export function removedText({ index }: Configuration): string {
  return `by entry ${index} of its own log this node is not in the quorum: it was removed and can be stopped, or its log lacks the entry that adds it`
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
