import { counted } from '../base/counted.ts'
import { type Change, changedCount } from '../metadata/change.ts'
import type { Command } from '../metadata/command.ts'
import type { RegisterBrokerCommand } from '../metadata/commands/register-broker.ts'
import type { Image } from '../metadata/image.ts'
import type { ControllerEvents } from './events.ts'

/** Tells what a command did, as the controller's events. */
export function tell(
  events: ControllerEvents,
  image: Image,
  command: Command,
  changes: readonly Change[],
): void {
  switch (command.type) {
    case 'RegisterBrokerCommand':
      return tellRegistration(events, image, command)
    case 'UpdateBrokerStatusCommand': {
      const { brokerId, status, reason } = command
      return events.brokerStatus({ brokerId, status, reason, partitionsMoved: changedCount(changes) })
    }
    case 'DrainBrokerCommand':
      return events.brokerDrained({ brokerId: command.brokerId, mode: command.mode })
    case 'ElectLeadersCommand':
      return events.leadersElected({ electionType: command.electionType, partitions: changedCount(changes) })
    case 'AlterReplicasCommand':
      return events.replicasAltered({ cause: command.cause, partitions: changedCount(changes) })
    case 'UnregisterBrokerCommand':
      return events.brokerUnregistered({ brokerId: command.brokerId })
    case 'CreateTopicCommand': {
      const { topicName: topic, assignments } = command
      return events.topicCreated({
        topic,
        partitions: assignments.length,
        replicationFactor: assignments[0]?.length ?? 0,
      })
    }
    case 'DeleteTopicCommand':
      return events.topicDeleted({ topic: command.topicName })
    case 'UpdateTopicConfigCommand':
      return events.topicChanged({
        topic: command.topicName,
        what: 'config changed',
      })
    case 'UpdateISRCommand':
      return events.isrChanged({ leader: command.brokerId, partitions: changedCount(changes) })
    case 'CreatePartitionsCommand':
      return events.topicChanged({
        topic: command.topicName,
        what: `${counted(command.assignments.length, 'partition')} added`,
      })
    case 'UpdateFeaturesCommand':
      return events.featuresRaised({ levels: command.levels })
    case 'RebalanceCommand':
      return events.rebalance({ wanted: command.wanted })
    case 'ThrottleMovesCommand':
      return events.movesThrottled({ movesMax: command.movesMax })
  }
}

/** `image` has it already: an epoch of before this version is that of a process that only amended what it said. */
function tellRegistration(
  events: ControllerEvents,
  image: Image,
  { brokerId, host, port, incarnationId, pairedMetadataServiceId }: RegisterBrokerCommand,
): void {
  const brokerEpoch = image.broker(brokerId)?.brokerEpoch ?? 0
  // Of a plain client that repeats itself it is a sign of life.
  if (incarnationId !== null && brokerEpoch < image.version)
    return events.brokerAmended({ brokerId, brokerEpoch, pairedMetadataServiceId })
  return events.brokerRegistered({ brokerId, host, port, brokerEpoch })
}
