import type { Command } from '../../src/metadata/command.ts'
import type { BrokerProcess } from '../brokers/broker-process.ts'
import { violated } from './violation.ts'

/** Clocks run up to twice as fast, and a session is cut to so much by that. */
const LEAST_SHARE = 0.45

export type Fencing = {
  readonly command: Extract<Command, { type: 'UpdateBrokerStatusCommand' }>
  /** How long the controller that decided it has been one; null: an older one did. */
  readonly reignMs: number | null
  readonly sessionTimeoutMs: number
  /** What runs on the machine of the broker now. */
  readonly process: BrokerProcess | null
}

/**
 * A controller fences nobody for what an earlier one did not hear, takes nobody for dead who lives, and lets nobody in who
 * does not know of its registration.
 */
export function checkFencing({ command, reignMs, sessionTimeoutMs, process }: Fencing): void {
  const { brokerId, brokerEpoch, status, by } = command
  const isThis = process?.node.brokerEpoch === brokerEpoch
  if (status === 'ONLINE' && isThis && process.node.metadataVersion < brokerEpoch)
    violated('B9', `broker ${brokerId} is ONLINE, and has not heard of its registration at ${brokerEpoch}`)
  if (status !== 'OFFLINE') return
  if (by === 'session timeout' && reignMs !== null && reignMs < LEAST_SHARE * sessionTimeoutMs)
    violated(
      'B9',
      `broker ${brokerId} is fenced for its silence by a controller that listens for ${reignMs} ms`,
    )
  if (by === 'lost connection' && isThis && process.listens)
    violated('B9', `broker ${brokerId} is fenced in epoch ${brokerEpoch} as dead, and its process lives`)
}
