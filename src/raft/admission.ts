import type { Core } from './core.ts'
import { atLeastAsUpToDate, type NodeId } from './entry.ts'
import { refuseWiped } from './founding.ts'
import type { Refusal } from './io.ts'
import type { Append, Envelope, Heartbeat, InstallSnapshot, Message } from './message.ts'
import { uuidOf } from './voters.ts'

/**
 * The one gate that every message passes before any rule sees it: same cluster, a recorded sender on its recorded disk,
 * and addressed to this very disk. Returns false for what stays outside; the core has noted why.
 */
export function admit(core: Core, envelope: Envelope): boolean {
  const { message, from, clusterId, toUuid } = envelope
  if (from === core.options.id || envelope.to !== core.options.id) {
    return refuse(
      core,
      envelope,
      'unknownVoter',
      `it is from node ${from} to node ${envelope.to}, this is ${core.options.id}`,
    )
  }
  if (message.type === 'foundingProbe' || message.type === 'foundingAnswer') return true
  if (clusterId === null) return refuse(core, envelope, 'foreignCluster', 'it belongs to no cluster yet')
  if (core.clusterId === null) return admitToEmpty(core, envelope, clusterId)
  if (clusterId !== core.clusterId) {
    const text = `it belongs to cluster ${clusterId}, this node to ${core.clusterId}`
    return refuse(core, envelope, 'foreignCluster', text)
  }
  const { recoveryEpoch } = envelope
  if (recoveryEpoch !== null && core.recoveryEpoch !== null && recoveryEpoch !== core.recoveryEpoch)
    return refuseEpoch(core, envelope, recoveryEpoch)
  if (toUuid !== null && toUuid !== core.options.uuid) return refuseOtherDisk(core, envelope, toUuid)
  return core.configuration === null || admitSender(core, envelope)
}

/** An empty node joins only the cluster that recorded its very disk. */
function admitToEmpty(core: Core, envelope: Envelope, clusterId: string): boolean {
  const { toUuid } = envelope
  if (toUuid === core.options.uuid) {
    core.adoptCluster(clusterId)
    return true
  }
  if (toUuid === null)
    return refuse(core, envelope, 'unknownVoter', 'this node is empty and not addressed by its UUID')
  if (!isOfLeader(envelope.message))
    return refuse(core, envelope, 'unknownVoter', `it is meant for data directory ${toUuid} of this node`)
  refuseWiped(core, envelope, toUuid)
  return false
}

function admitSender(core: Core, envelope: Envelope): boolean {
  const { from, fromUuid } = envelope
  const recorded = uuidOf(core.configuration, from) ?? uuidOfLeaver(core, from)
  if (recorded === fromUuid || mayKnowMore(core, envelope)) return true
  if (recorded === null) {
    return refuse(core, envelope, 'unknownVoter', `node ${from} is not a member of this cluster`)
  }
  const text = `node ${from} sends from data directory ${fromUuid}, recorded is ${recorded}`
  return refuse(core, envelope, 'wipedSender', text)
}

/** A node that has just ceased to be a member answers until it has heard so. */
function uuidOfLeaver({ role, configurations }: Core, id: NodeId): string | null {
  return role.kind === 'leader' && role.progress.has(id) ? configurations.lastUuidOf(id) : null
}

/**
 * This log may lack the entry that made the sender a member. Were such a leader or candidate not heard, a majority that
 * has the entry and a node that lacks it could never come together. What it is told then counts for its own log only; an
 * answer counts here, and comes from members alone. Who does not say which disk it is (a request by hand) is no member.
 */
function mayKnowMore(core: Core, { from, fromUuid, message }: Envelope): boolean {
  if (fromUuid === '') return false
  switch (message.type) {
    case 'voteRequest':
      return !atLeastAsUpToDate(core.log.last, message.last)
    case 'append':
    case 'heartbeat':
    case 'installSnapshot':
      return (
        message.term > core.term || (message.term === core.term && [null, from].includes(core.leaderId()))
      )
    case 'commitNotice':
    case 'timeoutNow':
      return core.leaderId() === from
    default:
      return false
  }
}

/**
 * A sender may think of the disk that was here before: it must not end a node that the others have recorded since. Who led
 * when this disk was addressed first had recorded it, and so has every later leader, unless it has recorded another one
 * since. What comes of that term may still be from before, and what a candidate says of any time: a removed one may have
 * a longer log than a newcomer.
 */
function refuseOtherDisk(core: Core, envelope: Envelope, toUuid: string): false {
  const { message } = envelope
  if (!isOfLeader(message) || message.term <= core.term)
    return refuse(core, envelope, 'unknownVoter', `it is meant for data directory ${toUuid} of this node`)
  refuseWiped(core, envelope, toUuid)
  return false
}

function isOfLeader(message: Message): message is Append | Heartbeat | InstallSnapshot {
  return message.type === 'append' || message.type === 'heartbeat' || message.type === 'installSnapshot'
}

/** The cluster lost its majority, and was recovered without the one of the two that has the lower epoch. */
function refuseEpoch(core: Core, envelope: Envelope, epoch: number): false {
  const { from, fromUuid } = envelope
  const own = core.recoveryEpoch!
  // It must hear that it is shut out: others of its kind might come up, and serve what has been given up.
  if (epoch < own)
    core.send(
      from,
      { type: 'voteReply', term: core.term, preVote: true, granted: false },
      undefined,
      fromUuid,
    )
  const who = epoch > own ? `this node (epoch ${own})` : `node ${from} (epoch ${epoch})`
  const text =
    `the cluster was recovered without ${who}: what it holds may contradict the cluster of epoch ${Math.max(own, epoch)}. ` +
    'Keep a copy of its data directory, empty it, and add the node again with dmq quorum add.'
  return refuse(core, envelope, epoch < own ? 'foreignCluster' : 'fenced', text)
}

function refuse(core: Core, { from, via }: Envelope, reason: Refusal['reason'], text: string): false {
  core.out.refusals.push({ from, reason, text, ...(via === undefined ? {} : { via }) })
  return false
}
