import type { EntryId } from '../../../src/raft/entry.ts'
import type { Envelope, Message } from '../../../src/raft/message.ts'

/** A message in one line. An entry is written index/term. */
export function say({ from, to, message }: Envelope): string {
  const term = 'term' in message ? ` (term ${message.term})` : ''
  return `${from}>${to} ${words(message)}${term}`
}

function words(message: Message): string {
  switch (message.type) {
    case 'voteRequest': {
      const what = message.preVote
        ? 'pre-vote?'
        : message.transfer
          ? 'vote, for the leader asked me?'
          : 'vote?'
      return `${what} my log ends with ${name(message.last)}`
    }
    case 'voteReply':
      return `${message.granted ? 'yes' : 'no'}${message.preVote ? ' to the pre-vote' : ''}`
    case 'append': {
      const entries = message.entries.map(name).join(' ') || 'nothing'
      return `append ${entries} after ${name(message.prev)}, commit ${message.commit}`
    }
    case 'appendReply':
      return message.success
        ? `matches up to ${message.matched}`
        : `lacks ${message.rejected}, may match at ${name(message.hint)}`
    case 'heartbeat':
      return `heartbeat ${message.round}, commit ${message.commit}, successors ${message.successors.join(' ') || 'none'}`
    case 'heartbeatReply':
      return `answers heartbeat ${message.round}`
    case 'commitNotice':
      return `committed up to ${message.commit}`
    case 'timeoutNow':
      return 'run now'
    case 'readIndexRequest':
      return `at which index may I read? (${message.token})`
    case 'readIndexReply':
      return message.index === null
        ? `ask again (${message.token})`
        : `read at ${message.index} (${message.token})`
    case 'installSnapshot':
      return `snapshot ${name(message.snapshot)}, part at ${message.offset} of ${message.snapshot.bytes}`
    case 'snapshotReply':
      return `has ${message.offset} of snapshot ${name(message.snapshot)}`
    case 'foundingProbe':
      return 'are you empty?'
    case 'foundingAnswer':
      return message.empty ? 'empty' : 'not empty'
  }
}

function name({ index, term }: EntryId): string {
  return `${index}/${term}`
}
