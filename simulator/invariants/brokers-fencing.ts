import type { Command } from '../../src/metadata/command.ts'
import type { BrokerProcess } from '../brokers/broker-process.ts'
import { violated } from './violation.ts'

/** Clocks run up to twice as fast, and a session is cut to so much by that. */
const LEAST_SHARE = 0.45

export type Fencing = {
  readonly command: Command
  /** How long the controller that decided it has been one; null: an older one did. */
  readonly reignMs: number | null
  readonly sessionTimeoutMs: number
  /** What runs on the machine of the broker now. */
  readonly process: BrokerProcess | null
}

/** A controller fences nobody for what an earlier one did not hear, and takes nobody for dead who lives. */
export function checkFencing({ command, reignMs, sessionTimeoutMs, process }: Fencing): void {
  if (command.type !== 'UpdateBrokerStatusCommand' || command.status !== 'OFFLINE') return
  const { brokerId, brokerEpoch, by } = command
  if (by === 'session timeout' && reignMs !== null && reignMs < LEAST_SHARE * sessionTimeoutMs)
    violated(
      'B9',
      `broker ${brokerId} is fenced for its silence by a controller that listens for ${reignMs} ms`,
    )
  const lives = process?.listens === true && process.node.brokerEpoch === brokerEpoch
  if (by === 'lost connection' && lives)
    violated('B9', `broker ${brokerId} is fenced in epoch ${brokerEpoch} as dead, and its process lives`)
}
