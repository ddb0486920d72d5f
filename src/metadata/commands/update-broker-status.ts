import { withStatus } from '../broker.ts'
import type { Decision, Moment } from '../decision.ts'
import type { Image } from '../image.ts'
import { brokerLeaves } from './partitions-of-broker.ts'
import { staleEpoch, unknownBroker } from './register-broker.ts'

/**
 * The controller has seen a broker go or come back. Going takes it out of every ISR and moves what it led; the epoch
 * keeps a late verdict about an earlier incarnation from hitting the present one.
 */
export type UpdateBrokerStatusCommand = {
  readonly type: 'UpdateBrokerStatusCommand'
  readonly time: number
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly status: 'ONLINE' | 'SHUTTING_DOWN' | 'OFFLINE'
  readonly reason: string
}

export function decide(image: Image, command: UpdateBrokerStatusCommand, moment: Moment): Decision {
  const before = image.broker(command.brokerId)
  if (before === undefined) return unknownBroker(command.brokerId)
  if (before.brokerEpoch !== command.brokerEpoch) return staleEpoch(before, command.brokerEpoch)
  const broker = withStatus(before, command.status, command.reason, moment.time)
  if (broker.status === before.status) return { changes: [] }
  return { changes: [{ kind: 'brokerSet', broker }, ...brokerLeaves(image, broker, false, moment)] }
}
