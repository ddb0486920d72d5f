import { unreachable } from '../base/assert.ts'
import * as alterReplicas from './commands/alter-replicas.ts'
import * as createPartitions from './commands/create-partitions.ts'
import * as createTopic from './commands/create-topic.ts'
import * as deleteTopic from './commands/delete-topic.ts'
import * as drainBroker from './commands/drain-broker.ts'
import * as electLeaders from './commands/elect-leaders.ts'
import * as noteRejection from './commands/note-rejection.ts'
import * as rebalance from './commands/rebalance.ts'
import * as registerBroker from './commands/register-broker.ts'
import * as throttleMoves from './commands/throttle-moves.ts'
import * as unregisterBroker from './commands/unregister-broker.ts'
import * as updateBrokerStatus from './commands/update-broker-status.ts'
import * as updateFeatures from './commands/update-features.ts'
import * as updateISR from './commands/update-isr.ts'
import * as updateTopicConfig from './commands/update-topic-config.ts'
import type { Decision, Moment } from './decision.ts'
import { supportsAll } from './features.ts'
import type { Idempotency } from './idempotency.ts'
import type { Image } from './image.ts'

/**
 * One intent each. A command carries the leader's time and everything that chance decided (topic ids, replica lists);
 * leaders, ISRs and epochs are never carried, but computed when it is applied.
 */
export type Command = (
  | createPartitions.CreatePartitionsCommand
  | createTopic.CreateTopicCommand
  | deleteTopic.DeleteTopicCommand
  | alterReplicas.AlterReplicasCommand
  | drainBroker.DrainBrokerCommand
  | electLeaders.ElectLeadersCommand
  | noteRejection.NoteRejectionCommand
  | rebalance.RebalanceCommand
  | registerBroker.RegisterBrokerCommand
  | throttleMoves.ThrottleMovesCommand
  | unregisterBroker.UnregisterBrokerCommand
  | updateBrokerStatus.UpdateBrokerStatusCommand
  | updateFeatures.UpdateFeaturesCommand
  | updateISR.UpdateISRCommand
  | updateTopicConfig.UpdateTopicConfigCommand
) & {
  readonly idempotency?: Idempotency
  /** What brought it about, for the history alone: an operation such as `POST /topics`, or a duty of the controller. */
  readonly by?: string
}

export type CommandType = Command['type']

export const COMMAND_TYPES: readonly CommandType[] = [
  'CreatePartitionsCommand',
  'CreateTopicCommand',
  'DeleteTopicCommand',
  'AlterReplicasCommand',
  'DrainBrokerCommand',
  'ElectLeadersCommand',
  'NoteRejectionCommand',
  'RebalanceCommand',
  'RegisterBrokerCommand',
  'ThrottleMovesCommand',
  'UnregisterBrokerCommand',
  'UpdateBrokerStatusCommand',
  'UpdateFeaturesCommand',
  'UpdateISRCommand',
  'UpdateTopicConfigCommand',
]

export function decide(image: Image, command: Command, moment: Moment): Decision {
  switch (command.type) {
    case 'CreatePartitionsCommand':
      return createPartitions.decide(image, command, moment)
    case 'CreateTopicCommand':
      return createTopic.decide(image, command, moment)
    case 'DeleteTopicCommand':
      return deleteTopic.decide(image, command)
    case 'AlterReplicasCommand':
      return alterReplicas.decide(image, command, moment)
    case 'DrainBrokerCommand':
      return drainBroker.decide(image, command, moment)
    case 'ElectLeadersCommand':
      return electLeaders.decide(image, command, moment)
    case 'NoteRejectionCommand':
      return noteRejection.decide(command)
    case 'RebalanceCommand':
      return rebalance.decide(image, command, moment)
    case 'RegisterBrokerCommand':
      return registerBroker.decide(image, command, moment)
    case 'ThrottleMovesCommand':
      return throttleMoves.decide(image, command)
    case 'UnregisterBrokerCommand':
      return unregisterBroker.decide(image, command, moment)
    case 'UpdateBrokerStatusCommand':
      return updateBrokerStatus.decide(image, command, moment)
    case 'UpdateFeaturesCommand':
      return updateFeatures.decide(image, command)
    case 'UpdateISRCommand':
      return updateISR.decide(image, command, moment)
    case 'UpdateTopicConfigCommand':
      return updateTopicConfig.decide(image, command, moment)
    default:
      return unreachable(command)
  }
}

/** The body of a command in the log: JSON, without the type, which the entry names. */
export function encodeCommand({ type: _type, ...body }: Command): string {
  return JSON.stringify(body)
}

/** Null for a type, or a level of a feature, that this release does not know. Throws on a body that is not JSON. */
export function decodeCommand(type: string, data: string): Command | null {
  if (!(COMMAND_TYPES as readonly string[]).includes(type)) return null
  const command = { ...(JSON.parse(data) as object), type } as Command
  return command.type === 'UpdateFeaturesCommand' && !supportsAll(command.levels) ? null : command
}
