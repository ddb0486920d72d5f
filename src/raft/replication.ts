import type { Core } from './core.ts'
import { type Entry, type EntryId, type Index, type NodeId, sizeOf } from './entry.ts'
import type { ReadRequest } from './io.ts'
import { configurationCommitted, releaseLeavers } from './membership.ts'
import type { Append, AppendReply, CommitNotice, Envelope, Heartbeat, HeartbeatReply } from './message.ts'
import type { Progress } from './progress.ts'
import { hasQuorum, quorumIndex } from './quorum.ts'
import { confirmReads } from './read-index.ts'
import type { Leader } from './role.ts'
import { sendSnapshot, startSnapshot } from './snapshotting.ts'
import { handOverIfReady } from './transfer.ts'

/** Replication: Raft section 5.3 and 5.4.2. The first half is the leader's, the second the follower's. */

/** Sends each follower what it lacks, as far as its window allows. Called once per output, so proposals share appends. */
export function replicate(core: Core): void {
  if (core.role.kind !== 'leader') return
  for (const [peer, progress] of core.role.progress) while (sendAppend(core, peer, progress)) {}
  scheduleNotices(core, core.role)
}

/** Sends the next append, if one may go out now. Returns whether another may follow at once. */
function sendAppend(core: Core, peer: NodeId, progress: Progress): boolean {
  if (progress.state === 'snapshot') return sendSnapshot(core, peer, progress)
  if (!mayAppend(core, progress)) return false
  if (progress.next <= core.log.base.index) return startSnapshot(core, progress)
  if (progress.next < core.log.tailFirst) {
    readFromDisk(core, peer, progress)
    return false
  }
  const { lastIndex } = core.log
  const entries =
    progress.next > lastIndex ? [] : core.log.slice(progress.next, lastIndex, core.options.appendBytesMax)
  emitAppend(core, peer, progress, entries)
  return progress.state === 'replicate'
}

function readFromDisk(core: Core, peer: NodeId, progress: Progress): void {
  const { session, next: from } = progress
  progress.reading = true
  const to = core.log.tailFirst - 1
  core.out.reads.push({ peer, session, from, to, bytesMax: core.options.appendBytesMax })
}

function mayAppend(core: Core, progress: Progress): boolean {
  if (progress.reading || progress.paused) return false
  if (progress.state === 'probe') return true
  const { inflightCountMax, inflightBytesMax } = core.options
  const room = progress.inflight.count < inflightCountMax && progress.inflight.bytes < inflightBytesMax
  return room && progress.next <= core.log.lastIndex
}

function emitAppend(core: Core, peer: NodeId, progress: Progress, entries: readonly Entry[]): void {
  const prevIndex = progress.next - 1
  const prev: EntryId = { index: prevIndex, term: core.log.termAt(prevIndex)! }
  core.send(peer, {
    type: 'append',
    term: core.term,
    session: progress.session,
    prev,
    entries,
    commit: core.commit,
  })
  if (progress.state === 'probe') {
    progress.paused = true
    return
  }
  if (progress.inflight.count === 0) progress.advancedAt = core.now
  progress.commitTold = Math.max(progress.commitTold, Math.min(core.commit, prevIndex + entries.length))
  progress.next += entries.length
  progress.inflight.add(
    progress.next - 1,
    entries.reduce((sum, entry) => sum + sizeOf(entry), 0),
  )
}

/**
 * Followers learn of a commit with the next append. Under load one follows at once; a notice for each commit would cost
 * every follower a wake-up per write, and a lone client half of its speed. So a notice waits a little for an append.
 */
function scheduleNotices(core: Core, leader: Leader): void {
  if (leader.noticeAt !== Number.POSITIVE_INFINITY || !untold(core, leader).next().value) return
  leader.noticeAt = core.now + core.options.commitNoticeDelayMs
  if (core.options.commitNoticeDelayMs === 0) sendNotices(core, leader)
}

export function sendNotices(core: Core, leader: Leader): void {
  leader.noticeAt = Number.POSITIVE_INFINITY
  for (const [peer, progress] of untold(core, leader)) {
    const commit = Math.min(core.commit, progress.match)
    progress.commitTold = commit
    core.send(peer, { type: 'commitNotice', term: core.term, session: progress.session, commit })
  }
}

/** Followers that hold more committed entries than they were told of. */
function* untold(core: Core, leader: Leader): Generator<[NodeId, Progress]> {
  for (const [peer, progress] of leader.progress) {
    const behind = progress.commitTold < Math.min(core.commit, progress.match)
    if (progress.state === 'replicate' && behind) yield [peer, progress]
  }
}

export function receiveEntriesRead(core: Core, request: ReadRequest, entries: readonly Entry[]): void {
  if (core.role.kind !== 'leader') return
  const progress = core.role.progress.get(request.peer)
  if (progress === undefined || progress.session !== request.session || !progress.reading) return
  progress.reading = false
  // The log may have been compacted meanwhile: then only a snapshot will do.
  const there = progress.state !== 'snapshot' && progress.next > core.log.base.index
  if (there && progress.next === request.from && entries.length > 0)
    emitAppend(core, request.peer, progress, entries)
}

export function receiveAppendReply(core: Core, { from }: Envelope, reply: AppendReply): void {
  const progress = progressFor(core, from, reply.session)
  if (progress === undefined) return
  if (reply.success) {
    if (progress.matched(Math.min(reply.matched, core.log.lastIndex), core.now)) advanceCommit(core)
    handOverIfReady(core)
  } else {
    const retry = core.log.lastWithTermAtMost(reply.hint.index, reply.hint.term)
    progress.rejected(reply.rejected, retry.index, core.now)
  }
}

/** A heartbeat that comes back wakes a probe, and replication whose appends were lost without a trace. */
export function receiveHeartbeatReply(core: Core, { from }: Envelope, reply: HeartbeatReply): void {
  const progress = progressFor(core, from, reply.session)
  if (progress === undefined) return
  progress.paused = false
  progress.round = Math.max(progress.round, reply.round)
  confirmReads(core)
  handOverIfReady(core)
  const stalled =
    progress.inflight.count > 0 && core.now - progress.advancedAt > core.options.electionTimeoutMs
  if (progress.state === 'replicate' && stalled) progress.becomeProbe(core.now)
}

export function progressFor(core: Core, peer: NodeId, session: number): Progress | undefined {
  if (core.role.kind !== 'leader') return undefined
  const progress = core.role.progress.get(peer)
  if (progress === undefined || progress.session !== session) return undefined
  progress.contactAt = core.now
  progress.heard = true
  return progress
}

export function receiveSendFailed(core: Core, peer: NodeId): void {
  if (core.role.kind !== 'leader') return
  const progress = core.role.progress.get(peer)
  if (progress?.state === 'replicate') progress.becomeProbe(core.now)
  if (progress?.transfer != null) progress.transfer.sentAt = Number.NEGATIVE_INFINITY
}

/** An entry commits when a quorum holds it durably and it is of the leader's own term (section 5.4.2, figure 8). */
export function advanceCommit(core: Core): void {
  if (core.role.kind !== 'leader') return
  const { progress, reads, firstIndex } = core.role
  const index = quorumIndex(core.configuration!, id =>
    id === core.options.id ? core.durability.durable : (progress.get(id)?.match ?? 0),
  )
  if (index <= core.commit || core.log.termAt(index) !== core.term) return
  const began = core.commit < firstIndex
  core.commitTo(index)
  if (began) reads.begin(core.commit)
  configurationCommitted(core)
}

export function sendHeartbeats(core: Core, leader: Leader): void {
  releaseLeavers(core)
  const successors = successorsOf(core, leader)
  for (const [peer, progress] of leader.progress) {
    const commit = Math.min(core.commit, progress.match)
    const { term } = core
    const { session } = progress
    core.send(peer, { type: 'heartbeat', term, session, commit, round: leader.reads.round, successors })
  }
  leader.heartbeatAt = core.now + core.options.heartbeatIntervalMs
}

/** Voters that answer, furthest first: so the one that runs first has what it needs to win. */
export function successorsOf(core: Core, { progress }: Leader): NodeId[] {
  const live = core.electors().filter(id => isLive(core, progress.get(id)))
  return live.sort((a, b) => progress.get(b)!.match - progress.get(a)!.match || a - b)
}

export function isLive(core: Core, progress: Progress | undefined): boolean {
  return progress !== undefined && core.now - progress.contactAt < core.options.electionTimeoutMs
}

/** A leader that a quorum no longer answers makes room for one that they do (thesis 6.2). */
export function checkQuorum(core: Core, leader: Leader): void {
  leader.quorumCheckAt = core.now + core.options.heartbeatIntervalMs
  const live = hasQuorum(
    core.configuration!,
    id => id === core.options.id || isLive(core, leader.progress.get(id)),
  )
  if (!live) core.becomeFollower(core.term, null)
}

// The follower's half.

export function receiveAppend(core: Core, envelope: Envelope, received: Append): void {
  const { from, via } = envelope
  followLeader(core, from)
  core.lag.told(core.term, received.commit, core.applied, core.now)
  const append = behindBase(core, received)
  const { term, session } = append
  if (!core.log.has(append.prev)) {
    const rejected = append.prev.index
    const hint = core.log.lastWithTermAtMost(Math.min(rejected, core.log.lastIndex), append.prev.term)
    core.answerInTerm(envelope, { type: 'appendReply', term, session, success: false, rejected, hint })
    return
  }
  const missing = append.entries.findIndex(entry => !core.log.has(entry))
  if (missing >= 0 && append.entries[missing]!.index <= lastFixed(core)) {
    const text = `its entry ${append.entries[missing]!.index} differs from the one here, which is final`
    core.out.refusals.push({ from, reason: 'contradiction', text, ...(via === undefined ? {} : { via }) })
    return
  }
  if (missing >= 0) appendFrom(core, append.entries.slice(missing))
  // Only what this append verified counts as matched and can be committed: what lies behind may be another leader's.
  const matched = append.prev.index + append.entries.length
  core.commitTo(Math.min(append.commit, matched))
  core.answerDurably(envelope, { type: 'appendReply', term, session, success: true, matched })
}

/** What a snapshot covers is committed and therefore the same in every log: the append counts from there on. */
function behindBase(core: Core, append: Append): Append {
  const { base } = core.log
  if (append.prev.index >= base.index) return append
  return { ...append, prev: base, entries: append.entries.filter(entry => entry.index > base.index) }
}

/** What is committed is never replaced, nor the founding entry: that is the same wherever the cluster exists. */
function lastFixed(core: Core): Index {
  return Math.max(core.commit, core.configuration === null ? 0 : 1)
}

/** Cuts the log only at a real conflict: an append that is short or old must not undo a newer one. */
function appendFrom(core: Core, entries: readonly Entry[]): void {
  if (entries[0]!.index <= core.log.lastIndex) core.truncate(entries[0]!.index)
  for (const entry of entries) core.append(entry)
}

export function receiveHeartbeat(core: Core, envelope: Envelope, heartbeat: Heartbeat): void {
  followLeader(core, envelope.from)
  if (core.role.kind === 'follower') core.role.successors = heartbeat.successors
  commitMatched(core, heartbeat.commit)
  const { term, session, round } = heartbeat
  core.answerInTerm(envelope, { type: 'heartbeatReply', term, session, round })
}

export function receiveCommitNotice(core: Core, { from }: Envelope, notice: CommitNotice): void {
  followLeader(core, from)
  commitMatched(core, notice.commit)
}

/** The leader knows this node to match up to there; a log that ends earlier only means that messages overtook. */
function commitMatched(core: Core, commit: Index): void {
  core.lag.hinted(core.term, commit, core.applied, core.now)
  core.commitTo(Math.min(commit, core.log.lastIndex))
}

export function followLeader(core: Core, leader: NodeId): void {
  if (core.role.kind !== 'follower') core.becomeFollower(core.term, leader)
  core.heardLeader(leader)
}
