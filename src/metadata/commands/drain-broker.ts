import type { Broker, Drain } from '../broker.ts'
import { isActiveStatus, withStatus } from '../broker.ts'
import type { Change } from '../change.ts'
import type { Decision, Moment } from '../decision.ts'
import type { Image } from '../image.ts'
import { cancelMove } from '../reassignment.ts'
import { brokerLeaves, changedPartitions, revised, rowsThatWaitFor } from './partitions-of-broker.ts'
import { unknownBroker } from './register-broker.ts'
import { replicationFactors } from './replication-factors.ts'

/**
 * An operator wants a broker to lead nothing and to get nothing new (DRAIN), and to give away its replicas as well
 * (DECOMMISSION); null takes that back. What others can lead they lead from this entry on. Moves that wait to bring replicas to
 * a broker that is decommissioned are cancelled.
 */
export type DrainBrokerCommand = {
  readonly type: 'DrainBrokerCommand'
  readonly time: number
  readonly brokerId: number
  readonly mode: Drain['mode'] | null
}

export function decide(image: Image, { brokerId, mode }: DrainBrokerCommand, moment: Moment): Decision {
  const before = image.broker(brokerId)
  if (before === undefined) return unknownBroker(brokerId)
  if ((before.drain?.mode ?? null) === mode) return { changes: [] }
  const broker = marked(before, mode === null ? null : drainOf(image, brokerId, mode, moment), moment)
  const changes = isActiveStatus(broker.status) ? brokerLeaves(image, broker, false, moment) : []
  const given = mode === 'DECOMMISSION' ? movesGivenUp(image, brokerId, moment) : []
  return { changes: [{ kind: 'brokerSet', broker }, ...changes, ...given] }
}

function movesGivenUp(image: Image, brokerId: number, moment: Moment): Change[] {
  const cancelled = changedPartitions(image, rowsThatWaitFor(image, brokerId), partition =>
    revised(partition, cancelMove(partition), moment),
  )
  return [...cancelled, ...replicationFactors(image, cancelled, moment)]
}

function drainOf(image: Image, brokerId: number, mode: Drain['mode'], { time }: Moment): Drain {
  const { leaders, replicas } = image.countsOf(brokerId)
  return { mode, since: time, leaders, replicas }
}

function marked(before: Broker, drain: Drain | null, { time }: Moment): Broker {
  const broker: Broker = { ...before, drain, modifiedAt: time }
  if (!isActiveStatus(before.status)) return broker
  const wanted = drain?.mode === 'DECOMMISSION' ? 'being decommissioned' : 'being drained'
  return withStatus(broker, 'ONLINE', drain === null ? 'no longer drained' : wanted, time)
}
