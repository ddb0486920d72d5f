import type { IsrChange } from '../../metadata/commands/update-isr.ts'
import type { Image } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { membersOf } from '../../metadata/replication.ts'
import type { Intent } from '../proposer.ts'

const CHANGES_PER_COMMAND = 4_096

/** The reports of leaders with which moves end: everybody who is to hold a replica, and is there, has caught up. */
export function movesDone(image: Image, rows: Iterable<number>): Intent[] {
  const byLeader = new Map<number, IsrChange[]>()
  for (const row of rows) {
    const partition = image.partition(row)
    const { leader, reassignment } = partition
    if (leader === null || reassignment === null) continue
    const changes = byLeader.get(leader) ?? []
    byLeader.set(leader, changes)
    changes.push(caughtUp(image, partition, reassignment.target))
  }
  return [...byLeader].flatMap(([leader, changes]) => reports(image, leader, changes))
}

function caughtUp(image: Image, partition: Partition, target: readonly number[]): IsrChange {
  const { topicId, id, leaderEpoch, partitionEpoch, replicas, isr } = partition
  const members = new Set([...membersOf(replicas, isr), ...target.filter(image.isActive)])
  const newIsr = [...members].map(brokerId => ({ brokerId, brokerEpoch: epochOf(image, brokerId) }))
  const { name } = image.topicById(topicId)!
  return { topic: name, topicId, partition: id, leaderEpoch, partitionEpoch, newIsr }
}

function reports(image: Image, brokerId: number, changes: readonly IsrChange[]): Intent[] {
  const brokerEpoch = epochOf(image, brokerId)
  const intents: Intent[] = []
  for (let i = 0; i < changes.length; i += CHANGES_PER_COMMAND) {
    const some = changes.slice(i, i + CHANGES_PER_COMMAND)
    intents.push({ type: 'UpdateISRCommand', brokerId, brokerEpoch, changes: some })
  }
  return intents
}

function epochOf(image: Image, brokerId: number): number {
  return image.broker(brokerId)!.brokerEpoch
}
