import type { Core } from './core.ts'
import type { Envelope, ReadIndexReply, ReadIndexRequest } from './message.ts'
import { quorumIndex } from './quorum.ts'
import type { ConfirmedRead, Reader } from './reads.ts'
import { sendHeartbeats } from './replication.ts'

/** Linearizable reads without writing to the log (ReadIndex, thesis 6.4), at the leader and at every follower. */
export function requestReadIndex(core: Core, token: number): void {
  const leader = core.liveLeaderId()
  if (core.role.kind === 'leader') addRead(core, { from: null, token })
  else if (leader === null) core.out.readIndexes.push({ token, index: null })
  else core.sendInTerm(leader, { type: 'readIndexRequest', term: core.term, token })
}

export function receiveReadIndexRequest(core: Core, { from }: Envelope, { token }: ReadIndexRequest): void {
  if (core.role.kind === 'leader') addRead(core, { from, token })
  else refuseRead(core, { from, token })
}

/** Whatever term it was confirmed in: the index was read after the reader asked, and by a leader that still led. */
export function receiveReadIndexReply(core: Core, { token, index }: ReadIndexReply): void {
  core.out.readIndexes.push({ token, index })
}

function addRead(core: Core, reader: Reader): void {
  const { reads, firstIndex } = core.leader()
  if (reads.count >= core.options.readsMax) return refuseRead(core, reader)
  reads.add(reader, core.commit >= firstIndex ? core.commit : null)
}

/** All reads that came since the last output share one round of heartbeats. */
export function sendReadRound(core: Core): void {
  if (core.role.kind !== 'leader' || !core.role.reads.wantRound) return
  core.role.reads.round += 1
  core.tally.readRounds += 1
  sendHeartbeats(core, core.role)
  confirmReads(core)
}

/** A quorum that answered a later heartbeat has not voted for anybody else before: this node still led then. */
export function confirmReads(core: Core): void {
  if (core.role.kind !== 'leader') return
  const { progress, reads } = core.role
  if (reads.count === 0) return
  const round = quorumIndex(core.configuration!, id =>
    id === core.options.id ? reads.round : (progress.get(id)?.round ?? 0),
  )
  for (const read of reads.confirmed(round)) answerRead(core, read)
}

function answerRead(core: Core, { from, token, index }: ConfirmedRead): void {
  if (from === null) core.out.readIndexes.push({ token, index })
  else core.send(from, { type: 'readIndexReply', term: core.term, token, index })
}

/** The reader asks again, of whoever leads by then. */
export function refuseRead(core: Core, { from, token }: Reader): void {
  if (from === null) core.out.readIndexes.push({ token, index: null })
  else core.sendInTerm(from, { type: 'readIndexReply', term: core.term, token, index: null })
}
