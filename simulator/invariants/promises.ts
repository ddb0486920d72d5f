import { atLeastAsUpToDate } from '../../src/raft/entry.ts'
import type { Envelope } from '../../src/raft/message.ts'
import type { MetadataProcess } from '../cluster/metadata-process.ts'
import { violated } from './violation.ts'

/**
 * Figure 2, "updated on stable storage before responding": whatever a message rests on is on the device by the time it
 * leaves (I17).
 */
export function checkPromise(process: MetadataProcess, { to, message }: Envelope): void {
  if (message.type === 'foundingProbe' || message.type === 'foundingAnswer') return
  if (process.standing === 'foreign')
    violated(
      'T17',
      `node ${process.nodeId} sends a ${message.type} from a drive that the cluster does not know`,
    )
  if ('preVote' in message && message.preVote) return
  const { log } = process.machine.drive
  log.refresh()
  const { hardState, last } = log
  const broken = (why: string): never =>
    violated(
      'I17',
      `node ${process.nodeId} sends a ${message.type} of term ${message.term} to ${to}, but ${why}`,
    )
  if (hardState.term < message.term) broken(`its device has term ${hardState.term}`)
  // What it said of an older term it may have said before it cut its log; nothing rests on that any more.
  if (hardState.term > message.term) return
  if (message.type === 'voteReply' && message.granted && hardState.votedFor !== to)
    broken(`its device has a vote for ${hardState.votedFor}`)
  if (message.type === 'voteRequest' && hardState.votedFor !== process.nodeId)
    broken(`its device has a vote for ${hardState.votedFor}`)
  if (message.type === 'voteRequest' && isCandidate(process) && !atLeastAsUpToDate(last, message.last))
    broken(
      `its device ends with entry ${last.index} of term ${last.term}, not ${message.last.index} of ${message.last.term}`,
    )
  if (message.type === 'appendReply' && message.success && message.matched > log.lastIndex)
    broken(`acknowledges entry ${message.matched}, its device ends at ${log.lastIndex}`)
}

/** Who follows the winner of this very term may have cut its log meanwhile; its request wins nothing any more. */
function isCandidate({ node }: MetadataProcess): boolean {
  return node?.consensus.leadership.role === 'CANDIDATE'
}
