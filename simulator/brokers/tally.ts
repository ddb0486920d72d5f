import type { Broker } from '../../src/metadata/broker.ts'
import type { Command } from '../../src/metadata/command.ts'
import type { Partition } from '../../src/metadata/partition-table.ts'
import { bitOf, countOf } from '../../src/metadata/replication.ts'
import type { BrokerCounter } from './coverage.ts'

/** Which rare paths a partition has gone. */
export function pathsOf(command: Command, before: Partition, now: Partition): BrokerCounter[] {
  return [
    ...electionPaths(command, before, now),
    ...isrPaths(command, before, now),
    ...movePaths(command, before, now),
  ]
}

function electionPaths(command: Command, before: Partition, now: Partition): BrokerCounter[] {
  if (now.leader === before.leader) return []
  if (now.leader === null) return ['partitionsWithoutLeader']
  if (command.type === 'ElectLeadersCommand')
    return [command.electionType === 'UNCLEAN' ? 'electedUncleanly' : 'electedPreferred']
  const bit = bitOf(before.replicas, now.leader)
  if ((before.isr & bit) !== 0) return ['electedFromIsr']
  if ((before.elr & bit) !== 0) return ['electedFromElr']
  return [before.lastKnownLeader === now.leader ? 'electedLastKnown' : 'electedUncleanly']
}

function isrPaths(command: Command, before: Partition, now: Partition): BrokerCounter[] {
  const paths: BrokerCounter[] = []
  if (command.type === 'UpdateISRCommand')
    paths.push(countOf(now.isr) > countOf(before.isr) ? 'isrExpansions' : 'isrShrinks')
  if (countOf(now.elr) > countOf(before.elr)) paths.push('elrJoined')
  return paths
}

function movePaths(command: Command, { reassignment: old }: Partition, now: Partition): BrokerCounter[] {
  const moving = now.reassignment
  if (moving?.waiting) return ['movesQueued']
  if (moving !== null && moving !== old) {
    if (old?.waiting) return ['movesBegunInTurn']
    const causes = {
      MANUAL: 'movesBegun',
      RECOVERY: 'movesForRecovery',
      DECOMMISSION: 'movesForDecommission',
      REBALANCE: 'movesForRebalance',
    } as const
    return [causes[moving.cause]]
  }
  if (old === null || moving !== null) return []
  const done = command.type !== 'AlterReplicasCommand' || now.replicas.join() === old.target.join()
  return [done ? 'movesCompleted' : 'movesCancelled']
}

/** The same of a broker. */
export function brokerPathsOf(command: Command, before: Broker | undefined, now: Broker): BrokerCounter[] {
  if (command.type === 'RegisterBrokerCommand') {
    if (before === undefined || before.brokerEpoch === now.brokerEpoch) return ['brokersRegistered']
    return [command.previousBrokerEpoch === before.brokerEpoch ? 'cleanStopsProved' : 'uncleanRestarts']
  }
  if (command.type === 'DrainBrokerCommand' && now.drain !== null) return ['drains']
  if (command.type !== 'UpdateBrokerStatusCommand' || before === undefined) return []
  if (now.status === 'OFFLINE' && before.status === 'SHUTTING_DOWN') return ['cleanShutdowns']
  if (now.status === 'OFFLINE') {
    if (command.by === 'session timeout') return ['fencedBySession']
    return command.by === 'lost connection' ? ['fencedByLostLink'] : []
  }
  return before.status === 'OFFLINE' && now.status !== 'SHUTTING_DOWN' ? ['brokersRevived'] : []
}
