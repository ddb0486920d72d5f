import { assert } from '../../base/assert.ts'
import { remedied } from '../../base/errors.ts'
import { type Broker, type BrokerRegistration, registrationOf, withStatus } from '../broker.ts'
import { canonical } from '../canonical.ts'
import { type Decision, type Moment, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import { brokerLeaves } from './partitions-of-broker.ts'

/**
 * A broker process starts. With an incarnation it begins OFFLINE and becomes ONLINE once it has caught up with its own
 * registration; a plain client is ONLINE at once. A process that cannot prove that the one before it stopped cleanly
 * (by naming its epoch) may have lost data, and leaves ISRs and ELRs first.
 */
export type RegisterBrokerCommand = BrokerRegistration & {
  readonly type: 'RegisterBrokerCommand'
  readonly time: number
  readonly previousBrokerEpoch: number | null
}

export function decide(image: Image, command: RegisterBrokerCommand, moment: Moment): Decision {
  assert(command.brokerId >= 0 && command.brokerId < 2 ** 31, 'broker ids fit the columns of partitions')
  const before = image.broker(command.brokerId)
  if (before !== undefined && isRepeat(before, command)) return repeat(image, before, command, moment)
  const broker = newBroker(command, before, moment)
  if (before === undefined)
    return { changes: [{ kind: 'brokerSet', broker }, ...brokerLeaves(image, broker, false, moment)] }
  const stoppedCleanly = command.previousBrokerEpoch === before.brokerEpoch
  return { changes: [{ kind: 'brokerSet', broker }, ...brokerLeaves(image, broker, !stoppedCleanly, moment)] }
}

function newBroker(
  command: RegisterBrokerCommand,
  before: Broker | undefined,
  { version, time }: Moment,
): Broker {
  const plain = command.incarnationId === null
  const broker: Broker = {
    ...registrationOf(command),
    status: 'OFFLINE',
    statusReason: 'starting: it has not caught up with its registration yet',
    // A process that starts again and again has been away all the time.
    statusSince: before?.status === 'OFFLINE' ? before.statusSince : time,
    drain: before?.drain ?? null,
    brokerEpoch: version,
    registeredAt: time,
    modifiedAt: time,
  }
  return plain ? withStatus(broker, 'ONLINE', 'registered', time) : broker
}

/** The same process again. What it says now counts, its epoch stays, and its sign of life revives a plain client. */
function repeat(image: Image, before: Broker, again: BrokerRegistration, moment: Moment): Decision {
  const amended = { ...before, ...registrationOf(again) }
  const revived = before.incarnationId === null && before.status === 'OFFLINE'
  if (!revived && canonical(amended) === canonical(before)) return { changes: [] }
  if (!revived) return { changes: [{ kind: 'brokerSet', broker: { ...amended, modifiedAt: moment.time } }] }
  const broker = withStatus(amended, 'ONLINE', 'registered again', moment.time)
  return { changes: [{ kind: 'brokerSet', broker }, ...brokerLeaves(image, broker, false, moment)] }
}

export function isRepeat(before: Broker, again: BrokerRegistration): boolean {
  if (before.incarnationId !== again.incarnationId) return false
  return again.incarnationId !== null || (before.host === again.host && before.port === again.port)
}

/** Another process holds the id: its epoch decides who may speak. */
export function staleEpoch(broker: Broker, given: number) {
  return reject(
    'STALE_BROKER_EPOCH',
    `broker epoch ${given} was given, broker ${broker.brokerId} has epoch ${broker.brokerEpoch}: it registered again since. ` +
      'Register to get a new epoch.',
  )
}

/** Message and details. */
export function notRegistered(brokerId: number) {
  return remedied(
    `broker ${brokerId} is not registered.`,
    'Register it with POST /api/v1/metadata/brokers.',
    {
      brokerId,
    },
  )
}

export function unknownBroker(brokerId: number) {
  return reject('UNKNOWN_BROKER', ...notRegistered(brokerId))
}
