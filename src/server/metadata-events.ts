import { isDeepStrictEqual } from 'node:util'
import { counted } from '../base/counted.ts'
import type { ConsensusEvents, Leadership } from '../consensus/consensus.ts'
import type { ControllerEvents } from '../controller/events.ts'
import type { Refusal } from '../raft/io.ts'
import type { Voter } from '../raft/voters.ts'
import type { Log } from './logger.ts'
import type { MetadataNodeEvents } from './metadata-node.ts'
import { isMember, removedText } from './readiness.ts'
import { statusEvent } from './story.ts'

/** What a metadata node's log says of elections: one line per thing that happened, not per message. */
export function leadershipStory(log: Log): (leadership: Leadership) => void {
  let before: Leadership | null = null
  return now => {
    if (before !== null && isDeepStrictEqual(before, now)) return
    const { role, term, leader, ready } = now
    if (ready) log('info', 'elected', `is the controller of term ${term}`, { term })
    else if (role === 'FOLLOWER' && leader !== null)
      log('info', 'following', `follows controller ${leader} in term ${term}`, { term, leader })
    else if (role === 'CANDIDATE') tellCampaign(log, before, term)
    before = now
  }
}

/** A pre-vote asks for votes after the term that it is in; the vote itself is in the next one. */
function tellCampaign(log: Log, before: Leadership | null, term: number): void {
  const text = `stands for election in term ${term}`
  if (before === null || before.term === term)
    log('info', 'campaign', `hears no controller; asks for votes after term ${term}`, { term })
  else if (before.role === 'FOLLOWER' && before.leader !== null)
    log('info', 'campaign', `is handed leadership by controller ${before.leader}: ${text}`, { term })
  else log('debug', 'campaign', text, { term })
}

/** Refusals are told once per sender and reason: a node that is wrong is wrong with every message. */
export function refusalStory(log: Log): ConsensusEvents['refused'] {
  const told = new Set<string>()
  return ({ from, reason, text }: Refusal) => {
    const key = `${from} ${reason} ${text}`
    if (told.has(key)) return
    if (told.size > 1_000) told.clear()
    told.add(key)
    log('warn', 'refused', `refuses a message of node ${from}: ${text}`, { from, reason })
  }
}

/** Connections, and what came over them that could not be read. */
export function peerStory(log: Log): Omit<MetadataNodeEvents, 'changed' | 'refused' | 'fatal' | 'members'> {
  return {
    connected: nodeId => log('debug', 'peer.connected', `connected to metadata node ${nodeId}`, { nodeId }),
    disconnected: (nodeId, reason) =>
      log('info', 'peer.lost', `lost the connection to metadata node ${nodeId}: ${reason}`, {
        nodeId,
        reason,
      }),
    lost: nodeId =>
      log('debug', 'peer.gone', `the process of metadata node ${nodeId} is gone: it refuses connections`, {
        nodeId,
      }),
    snapshotTaken: ({ index, bytes }, ms) =>
      log(
        'info',
        'snapshot.taken',
        `took a snapshot of entry ${index}: ${bytes} bytes in ${Math.round(ms)} ms`,
        {
          index,
          bytes,
          ms: Math.round(ms),
        },
      ),
    snapshotInstalled: ({ index, bytes }, from) =>
      log('info', 'snapshot.installed', `took over the snapshot of entry ${index} of node ${from}`, {
        index,
        bytes,
        from,
      }),
    slowDisk: () =>
      log(
        'warn',
        'disk.slow',
        'the disk is slow: a write of the log takes longer than half an election timeout',
      ),
    snapshotFailed: reason => log('warn', 'snapshot.failed', reason, { reason }),
    snapshotDamaged: reason =>
      log('error', 'snapshot.damaged', `${reason}; started from an older one. The disk may be failing.`, {
        reason,
      }),
    lowDisk: (bytes, least) =>
      log(
        'error',
        'disk.full',
        `${Math.round(bytes / 2 ** 20)} MiB are left on the disk, ${Math.round(least / 2 ** 20)} are needed: writes are refused until there is room`,
        {
          bytes,
        },
      ),
    roomAgain: () => log('info', 'disk.room', 'there is room on the disk again: writes are taken'),
    unreadable: (from, reason) =>
      log('warn', 'refused', `a message of node ${from} is not readable: ${reason}`, { from }),
    tornWriteCut: ({ path, offset, copy }) =>
      log('warn', 'refused', `cut an unfinished write off ${path} at ${offset}; kept as ${copy}`),
  }
}

/** Told once: when a node that was in the quorum finds in its log that it is not any more. */
export function removalStory(
  log: Log,
  self: Pick<Voter, 'id' | 'uuid'>,
): NonNullable<MetadataNodeEvents['members']> {
  let wasMember = false
  return configuration => {
    const isIn = isMember(configuration, self)
    if (wasMember && !isIn)
      log('warn', 'quorum.removed', removedText(configuration), { index: configuration.index })
    wasMember = isIn
  }
}

export function controllerStory(log: Log): ControllerEvents {
  return {
    brokerRegistered: event =>
      log(
        'info',
        'broker.registered',
        `broker ${event.brokerId} registered at ${event.host}:${event.port}, epoch ${event.brokerEpoch}`,
        event,
      ),
    brokerAmended: event => {
      const { brokerId, brokerEpoch, pairedMetadataServiceId: pair } = event
      const paired = pair === null ? 'paired with no metadata node' : `paired with metadata node ${pair}`
      log('info', 'broker.amended', `broker ${brokerId} goes on in epoch ${brokerEpoch}, ${paired}`, event)
    },
    brokerStatus(event) {
      const moved =
        event.partitionsMoved > 0 ? `; ${counted(event.partitionsMoved, 'partition')} changed with it` : ''
      log(
        'info',
        statusEvent(event.status),
        `broker ${event.brokerId} is ${event.status}: ${event.reason}${moved}`,
        event,
      )
    },
    brokerDrained: ({ brokerId, mode }) => {
      const what =
        mode === null ? 'is no longer drained' : `is to be ${mode === 'DRAIN' ? 'drained' : 'decommissioned'}`
      log('info', 'broker.drain', `broker ${brokerId} ${what}`, { brokerId, mode })
    },
    manyLost: event =>
      log(
        'warn',
        'peer.lost',
        `brokers ${event.brokerIds.join(', ')} were lost at the same moment: this node may be cut off; only their sessions count`,
        event,
      ),
    leadersElected: event =>
      log(
        'info',
        'topic.leaders',
        `${counted(event.partitions, 'partition')} ${event.partitions === 1 ? 'has' : 'have'} a new leader (${event.electionType.toLowerCase()} election)`,
        event,
      ),
    replicasAltered: event =>
      log(
        'info',
        'topic.replicas',
        `the replicas of ${counted(event.partitions, 'partition')} move (${event.cause.toLowerCase()})`,
        event,
      ),
    brokerUnregistered: event =>
      log('info', 'broker.unregistered', `broker ${event.brokerId} was removed`, event),
    topicCreated(event) {
      log(
        'info',
        'topic.created',
        `topic ${event.topic} created: ${counted(event.partitions, 'partition')}, ${counted(event.replicationFactor, 'replica')} each`,
        event,
      )
    },
    topicDeleted: event => log('info', 'topic.deleted', `topic ${event.topic} deleted`, event),
    topicChanged: event => log('debug', 'topic.changed', `topic ${event.topic}: ${event.what}`, event),
    isrChanged: event =>
      log(
        'info',
        'topic.isr',
        `broker ${event.leader} changed the ISR of ${counted(event.partitions, 'partition')} that it leads`,
        event,
      ),
    featuresRaised({ levels }) {
      const raised = Object.entries(levels).map(([feature, level]) => `${feature} ${level}`)
      log('info', 'features.raised', `in force from now on: ${raised.join(', ')}`, { levels })
    },
    rebalance: ({ wanted }) =>
      log('info', 'topic.rebalance', wanted ? 'a rebalance begins' : 'the rebalance is over', { wanted }),
    movesThrottled: ({ movesMax }) =>
      log(
        'info',
        'topic.throttle',
        movesMax === null
          ? 'as many partitions are moved at a time as reassignment.max-moves says'
          : `at most ${counted(movesMax, 'partition is', 'partitions are')} moved at a time`,
        { movesMax },
      ),
    pushFailed: event =>
      log(
        'warn',
        'sync.failed',
        `cannot bring metadata to broker ${event.brokerId} at ${event.url}: ${event.reason}`,
        event,
      ),
    pushRecovered: event =>
      log(
        'info',
        'sync.recovered',
        `brings metadata to broker ${event.brokerId} again, version ${event.version}`,
        event,
      ),
    diverged: event =>
      log(
        'error',
        'sync.diverged',
        `${event.kind} node ${event.nodeId} disagrees: at version ${event.version} it has state hash ${event.stateHash}, ` +
          `this controller has ${event.expected}. ${event.kind === 'storage' ? 'It is told to fetch the whole metadata.' : 'Stop it, keep a copy of its data directory, and add it anew.'}`,
        event,
      ),
    metadataBehind: event =>
      log(
        'warn',
        'sync.behind',
        `metadata node ${event.nodeId} has version ${event.version}; the controller had ${event.expected} a heartbeat ago`,
        event,
      ),
  }
}
