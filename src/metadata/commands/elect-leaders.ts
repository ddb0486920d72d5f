import type { Change } from '../change.ts'
import { type Decision, type Moment, type Rejection, reject } from '../decision.ts'
import type { Image } from '../image.ts'
import type { Partition } from '../partition-table.ts'
import { bitOf, electAnyone, type Rules } from '../replication.ts'
import { type NamedPartition, rowOf } from './named-partition.ts'
import { revised, rulesFor } from './partitions-of-broker.ts'

/**
 * PREFERRED: the first replica leads, if it is in the ISR. UNCLEAN: where nobody leads, any live replica does, and whatever
 * only others held is lost: an operator says so. Each partition succeeds or fails by itself; to elect who leads already is
 * refused, so that who asks can tell it from an election.
 */
export type ElectLeadersCommand = {
  readonly type: 'ElectLeadersCommand'
  readonly time: number
  readonly electionType: 'PREFERRED' | 'UNCLEAN'
  readonly partitions: readonly NamedPartition[]
}

export function decide(
  image: Image,
  { electionType, partitions }: ElectLeadersCommand,
  moment: Moment,
): Decision {
  const seen = new Map<number, Rejection | null>()
  const changes: Change[] = []
  const results = partitions.map(named => {
    const row = rowOf(image, named)
    if (typeof row !== 'number') return row
    const result = seen.get(row)
    if (result !== undefined) return result
    const before = image.partition(row)
    const rules = rulesFor(image, before, image)
    const elected = electionType === 'PREFERRED' ? preferred(before, rules) : unclean(before, rules)
    const rejection = 'rejected' in elected ? atPartition(elected, named) : null
    seen.set(row, rejection)
    if ('rejected' in elected) return rejection
    changes.push({ kind: 'partitionChanged', row, partition: revised(before, elected, moment) })
    return null
  })
  return { changes, results }
}

function preferred(partition: Partition, { isActive, isDraining }: Rules): Partition | Rejection {
  const { replicas, isr, leader } = partition
  const first = replicas[0]!
  if (leader === first)
    return reject('ELECTION_NOT_NEEDED', `its preferred leader, broker ${first}, leads it already`)
  const missing = (why: string): Rejection =>
    reject('PREFERRED_LEADER_NOT_AVAILABLE', `its preferred leader, broker ${first}, ${why}`)
  if (!isActive(first)) return missing('is not ONLINE')
  if ((isr & bitOf(replicas, first)) === 0) return missing('is not in the ISR')
  if (isDraining(first)) return missing('is being drained')
  return { ...partition, leader: first, lastKnownLeader: null }
}

function unclean(partition: Partition, rules: Rules): Partition | Rejection {
  if (partition.leader !== null) return reject('ELECTION_NOT_NEEDED', `broker ${partition.leader} leads it`)
  const elected = electAnyone(partition, rules)
  if (elected.leader !== null) return { ...partition, ...elected }
  return reject('ELIGIBLE_LEADERS_NOT_AVAILABLE', 'none of its replicas is on a broker that is ONLINE')
}

function atPartition(
  { rejected, message }: Rejection,
  named: { topic: string; partition: number },
): Rejection {
  return reject(rejected, `partition ${named.topic}-${named.partition}: ${message}`)
}
