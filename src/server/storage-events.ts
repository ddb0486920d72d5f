import type { BrokerEvents } from '../broker/events.ts'
import type { Log } from './logger.ts'
import { statusEvent } from './story.ts'

/** What a storage node tells, a line for each. `keyFrom`: where it has its cluster key from. */
export function brokerStory(log: Log, keyFrom: string): BrokerEvents {
  return {
    controllerFound: event =>
      log(
        'info',
        'following',
        `follows controller ${event.controllerId} at ${event.url}, term ${event.term}`,
        event,
      ),
    controllerLost: event =>
      log(
        'info',
        'peer.lost',
        `lost the controller at ${event.url}: ${event.reason}; looking for the new one`,
        event,
      ),
    registered: event =>
      log(
        'info',
        'broker.registered',
        `registered as broker ${event.brokerId}, epoch ${event.brokerEpoch}`,
        event,
      ),
    registrationRefused: event =>
      log('warn', 'refused', `registration refused (${event.code}): ${event.message}`, event),
    sessionRefused: event =>
      log(
        'debug',
        'session.refused',
        `no session with the controller at ${event.url}: ${event.reason}`,
        event,
      ),
    keyOther: event =>
      log(
        'error',
        'key.other',
        `the cluster key of this storage node (from ${keyFrom}) is not that of the controller at ${event.url}: ` +
          `${event.takesPart ? 'it goes on without a session' : 'it takes no part in the cluster'}. Expected is the key of the ` +
          'metadata nodes; give this node the same cluster key file (--cluster-key-file), and start it again',
        event,
      ),
    keySame: event =>
      log(
        'info',
        'key.same',
        `the controller at ${event.url} has the cluster key of this storage node`,
        event,
      ),
    status: event => log('info', statusEvent(event.status), `is ${event.status}`, event),
    metadata: event => log('debug', 'sync', `has metadata version ${event.version} by ${event.by}`, event),
    paired: event =>
      log('info', 'sync.paired', `pulls metadata from metadata node ${event.metadataServiceId} first`, event),
    diverged: event =>
      log(
        'error',
        'sync.diverged',
        `the metadata here is not what the cluster has at version ${event.version}: it is fetched anew as a whole`,
        event,
      ),
    copyDamaged: event =>
      log('warn', 'sync.damaged', `the copy of the metadata is thrown away: ${event.reason}`, event),
    copyNotSaved: event =>
      log('warn', 'sync.unsaved', `the copy of the metadata is not written: ${event.reason}`, event),
    metadataRefused: event => log('warn', 'sync.failed', `cannot pull metadata from ${event.reason}`, event),
  }
}
