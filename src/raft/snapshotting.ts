import type { Core } from './core.ts'
import type { NodeId } from './entry.ts'
import type { SnapshotPart, SnapshotRead } from './io.ts'
import type { Envelope, InstallSnapshot, SnapshotReply } from './message.ts'
import type { Progress } from './progress.ts'
import { followLeader, progressFor } from './replication.ts'
import { type Snapshot, sameSnapshot } from './snapshot.ts'

/**
 * Snapshots (section 7): what they let go of, and how they reach a follower that is too far behind. First every node's
 * own, then the leader's half, then the follower's.
 */

/**
 * The state is on disk. Two snapshots are kept, and the log from the older one on, so that losing one loses nothing. Who is
 * being sent an even older one will want the log behind that.
 */
export function snapshotTaken(core: Core, snapshot: Snapshot): void {
  const { index } = snapshot.id
  if (core.snapshot !== undefined && core.snapshot.id.index > index) return
  // One of the same entry takes the place of a file that turned out to be damaged.
  const older = core.snapshots.filter(({ id }) => id.index < index)
  core.snapshots = [...older, snapshot].slice(-2)
  compact(core)
}

function compact(core: Core): void {
  if (core.snapshots.length < 2) return
  const index = Math.min(core.snapshots[0]!.id.index, ...core.pinned().map(({ index }) => index))
  if (index > core.log.base.index) core.log.compact(index)
  core.configurations.compact(index)
  core.out.dropBefore = index + 1
}

// The leader's half.

/** Returns false: nothing more can go out to this follower at once. */
export function startSnapshot(core: Core, progress: Progress): false {
  progress.becomeSnapshot(core.snapshot!.id)
  return false
}

/** Asks for the next part, if one may go out now. A part that nobody answered goes out again after a while. */
export function sendSnapshot(core: Core, peer: NodeId, progress: Progress): false {
  const { transfer, session, reading } = progress
  if (transfer === null || reading || core.now - transfer.sentAt < core.options.electionTimeoutMs)
    return false
  progress.reading = true
  const bytesMax = core.options.snapshotPartBytes
  const { id: snapshot, offset, suspect } = transfer
  core.out.snapshotReads.push({ peer, session, snapshot, offset, bytesMax, suspect })
  return false
}

export function receiveSnapshotRead(core: Core, request: SnapshotRead, data: Uint8Array | null): void {
  if (core.role.kind !== 'leader') return
  const progress = core.role.progress.get(request.peer)
  if (progress?.session !== request.session || progress.transfer === null || !progress.reading) return
  progress.reading = false
  const { transfer, session } = progress
  if (!sameSnapshot(transfer.id, request.snapshot) || transfer.offset !== request.offset) return
  if (data === null) return progress.becomeProbe(core.now)
  transfer.sentAt = core.now
  transfer.suspect = false
  const { snapshot, offset } = request
  core.send(request.peer, { type: 'installSnapshot', term: core.term, session, snapshot, offset, data })
}

/** The follower names where to go on: behind this part, or wherever an earlier transfer of the same file broke off. */
export function receiveSnapshotReply(core: Core, { from }: Envelope, reply: SnapshotReply): void {
  const progress = progressFor(core, from, reply.session)
  if (progress?.transfer == null || !sameSnapshot(progress.transfer.id, reply.snapshot)) return
  if (reply.offset === progress.transfer.offset) return
  const { transfer } = progress
  transfer.suspect = reply.offset === 0
  const goesOn = reply.offset > transfer.offset && reply.offset < reply.snapshot.bytes
  transfer.offset = Math.min(reply.offset, reply.snapshot.bytes)
  // Who has all of it is busy taking it over, and who threw it away may have to do so again: both are given time.
  transfer.sentAt = goesOn ? Number.NEGATIVE_INFINITY : core.now
}

// The follower's half.

export function receiveInstallSnapshot(core: Core, envelope: Envelope, message: InstallSnapshot): void {
  const { from, fromUuid, via } = envelope
  followLeader(core, from)
  const part = { from, fromUuid, message, ...(via === undefined ? {} : { via }) }
  const { snapshot, term } = message
  if (snapshot.term > term) {
    const text = `its snapshot is of term ${snapshot.term}, later than its own term ${term}`
    core.out.refusals.push({ from, reason: 'contradiction', text, ...(via === undefined ? {} : { via }) })
  } else if (snapshot.index <= core.commit) answerMatched(core, part)
  else core.out.snapshotParts.push(part)
}

/** Everything up to the snapshot is committed here: the logs agree up to there. */
function answerMatched(core: Core, part: SnapshotPart): void {
  const { term, session, snapshot } = part.message
  core.answerDurably(part, { type: 'appendReply', term, session, success: true, matched: snapshot.index })
}

export function snapshotStored(core: Core, part: SnapshotPart, offset: number): void {
  const { session, snapshot } = part.message
  core.answerInTerm(part, { type: 'snapshotReply', term: core.term, session, snapshot, offset })
}

/**
 * Takes over the state of a snapshot. Where the log has the snapshot's last entry, what follows that entry is kept: it may
 * be acknowledged. Where it has another one or none, the whole log is void: it parted from what is committed.
 */
export function snapshotReceived(core: Core, part: SnapshotPart, snapshot: Snapshot): void {
  const { id } = snapshot
  if (core.role.kind === 'leader' || core.role.kind === 'founding') return
  if (id.index > core.commit) install(core, snapshot)
  const { from, fromUuid, message } = part
  if (message.term === core.term) answerMatched(core, { from, fromUuid, message })
}

function install(core: Core, snapshot: Snapshot): void {
  const { id } = snapshot
  // Its log is about to become another one than it boasts of in its requests for votes.
  if (core.role.kind === 'candidate') core.becomeFollower(core.term, null)
  if (core.log.termAt(id.index) !== id.term) {
    core.reset(snapshot)
    core.snapshots = [snapshot]
  } else {
    core.snapshots = [...core.snapshots, snapshot].slice(-2)
    compact(core)
  }
  core.durability.covered(id.index)
  core.commitTo(id.index)
  core.applied = id.index
  core.out.install = snapshot
}
