import type { Consensus, Leadership } from '../consensus/consensus.ts'
import type { Replica } from '../controller/replica.ts'
import { nodeClock } from '../io/node-clock.ts'
import { isMirrorAddress, type MirrorAddress, mirrorAddress } from '../mirror/address.ts'
import type { MirrorEvents } from '../mirror/events.ts'
import type { Mirror } from '../mirror/mirror.ts'
import type { Log } from './logger.ts'
import type { Options } from './options.ts'

const DAY_MS = 24 * 3_600_000

/** The mirror of a metadata node, at work while the node is the controller. */
export type MirrorDuty = Pick<Mirror, 'lag' | 'stop'> & {
  /** To be called with every change of leadership. */
  leadershipChanged(leadership: Leadership): void
}

export type MirrorOptions = Pick<
  Options,
  'mirror' | 'mirrorHistoryDays' | 'datasourceUrl' | 'datasourceUsername' | 'datasourcePassword'
>

/** Reads the options; null: no mirror is wanted. What builds the mirror is loaded only where one is. */
export async function prepareMirror(
  options: MirrorOptions,
  log: Log,
): Promise<((parts: { consensus: Consensus; replica: Replica }) => MirrorDuty) | null> {
  const address = addressOf(options, log)
  if (address === null) return null
  const { Mirror } = await import('../mirror/mirror.ts')
  return ({ consensus, replica }) => {
    const days = options.mirrorHistoryDays ?? 0
    const mirror = new Mirror(address, {
      source: replica,
      clock: nodeClock,
      events: mirrorStory(log),
      ...(days === 0 ? {} : { historyMs: days * DAY_MS }),
    })
    replica.onChange(() => mirror.wake())
    return {
      lag: () => mirror.lag(),
      stop: () => mirror.stop(),
      leadershipChanged({ ready, term }) {
        const { clusterId, recoveryEpoch } = consensus.status()
        if (ready && clusterId !== null) mirror.begin({ clusterId, recoveryEpoch, term })
        else mirror.end()
      },
    }
  }
}

/** A data source of Spring that is no database of ours is the business of another program, and only named. */
function addressOf(options: MirrorOptions, log: Log): MirrorAddress | null {
  const { mirror, datasourceUrl, datasourceUsername: username, datasourcePassword: password } = options
  if (mirror !== null) return mirrorAddress(mirror, { username, password })
  if (datasourceUrl === null) return null
  if (isMirrorAddress(datasourceUrl)) return mirrorAddress(datasourceUrl, { username, password })
  const known = 'the mirror can be in PostgreSQL (jdbc:postgresql://…) or SQLite (jdbc:sqlite:PATH)'
  log('warn', 'mirror.none', `spring.datasource.url has no effect: ${known}`)
  return null
}

function mirrorStory(log: Log): MirrorEvents {
  return {
    following: event =>
      log(
        'info',
        'mirror.following',
        `mirrors the metadata to ${event.address}, from version ${event.version}`,
        event,
      ),
    written: event =>
      log(
        'debug',
        'mirror.written',
        `mirrored version ${event.version}: ${event.rows} rows in ${Math.round(event.ms)} ms`,
        event,
      ),
    failed: event =>
      log(
        'warn',
        'mirror.failed',
        `cannot mirror the metadata to ${event.address}: ${event.reason}; tries again`,
        event,
      ),
    recovered: event =>
      log(
        'info',
        'mirror.recovered',
        `mirrors the metadata to ${event.address} again, version ${event.version}`,
        event,
      ),
    deposed: event => log('info', 'mirror.deposed', `mirrors the metadata no more: ${event.reason}`, event),
    refused: event =>
      log(
        'error',
        'mirror.refused',
        `does not mirror the metadata to ${event.address}: ${event.reason}`,
        event,
      ),
  }
}
