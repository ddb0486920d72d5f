import type { Partition } from '../../src/metadata/partition-table.ts'
import { membersOf } from '../../src/metadata/replication.ts'
import type { BrokerInvariants } from '../invariants/brokers.ts'
import { keyOf } from '../invariants/brokers-names.ts'
import type { RecordInvariants } from '../invariants/brokers-records.ts'
import type { PartitionLog } from './partition-log.ts'
import type { PartitionReplica } from './partition-replica.ts'
import type { BrokerWorld } from './world.ts'

type Change = { readonly before: Partition | null; readonly now: Partition }

/**
 * The logs of those in ISRs whose registered process runs: each holds what is committed when it comes in, and when its
 * leader commits more. Of others nobody knows yet what they have lost.
 */
export class InSyncLogs {
  readonly #world: BrokerWorld
  readonly #invariants: BrokerInvariants
  readonly #records: RecordInvariants

  constructor(world: BrokerWorld, invariants: BrokerInvariants, records: RecordInvariants) {
    this.#world = world
    this.#invariants = invariants
    this.#records = records
  }

  /** Leaders have changed their ISRs. */
  changed(partitions: readonly Change[]): void {
    for (const { before, now } of partitions) {
      const were = before === null ? [] : membersOf(before.replicas, before.isr)
      const entered = membersOf(now.replicas, now.isr).filter(id => !were.includes(id))
      for (const [brokerId, log] of this.#running(keyOf(now), entered))
        this.#records.enters(keyOf(now), brokerId, now.leaderEpoch, log)
    }
  }

  /** The leader of the newest metadata commits with these; whoever leads by older metadata has others. */
  commits({ key, brokerId, epoch, log }: PartitionReplica): void {
    const newest = this.#invariants.partitionOf(key)
    const leads = newest?.leader === brokerId && newest.leaderEpoch === epoch
    const others = leads ? membersOf(newest.replicas, newest.isr).filter(id => id !== brokerId) : []
    this.#records.commits(key, brokerId, epoch, log, this.#running(key, others))
  }

  #running(key: string, brokerIds: readonly number[]): [brokerId: number, log: PartitionLog][] {
    return this.#world.machines
      .filter(({ id, process }) => {
        const registered = this.#invariants.brokerEpochOf(id)
        return brokerIds.includes(id) && registered !== null && process?.node.brokerEpoch === registered
      })
      .flatMap(({ id, logs }) => {
        const log = logs.get(key)
        return log === undefined ? [] : [[id, log] as [number, PartitionLog]]
      })
  }
}
