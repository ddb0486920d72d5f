import { counted } from '../../base/counted.ts'
import type { Broker } from '../../metadata/broker.ts'
import type { Image } from '../../metadata/image.ts'
import type { Partition } from '../../metadata/partition-table.ts'
import { isMoving } from '../../metadata/reassignment.ts'
import { drainProgress } from '../drain-progress.ts'
import type { History } from '../history/history.ts'
import { type Lateness, latenessText } from '../lateness.ts'
import { asRegistered, type ResourcesOf } from '../placement/image-view.ts'
import { awayFinding } from './away.ts'
import { caseOf, isEligible, isInSync } from './case.ts'
import { type Finding, finding } from './finding.ts'
import { statusEntry } from './past.ts'
import { whyNotInSync } from './replica.ts'

/** What only the controller knows of brokers; left out elsewhere. */
export type Known = { readonly lateness?: Lateness | null; readonly resourcesOf?: ResourcesOf }

const NAMED_MAX = 20

/** Everything that is not as it should be with a broker, and what it means for partitions; or that all is well. */
export function explainBroker(
  image: Image,
  history: History,
  broker: Broker,
  { lateness = null, resourcesOf = asRegistered }: Known = {},
): Finding[] {
  const held = heldBy(image, broker.brokerId)
  const findings = [
    ...statusOf(image, history, broker),
    ...(lateness === null ? [] : [lateFinding(broker, lateness)]),
    ...drainFindings(image, broker, resourcesOf),
    ...withoutLeader(image, broker, held),
    ...notInSync(image, history, broker, held),
    ...preferredElsewhere(image, broker, held),
  ]
  return findings.length > 0 ? findings : [healthy(history, broker, held)]
}

type Held = {
  readonly led: number
  readonly replicas: number
  /** The first of each kind, and how many there are. */
  readonly leaderless: Some
  readonly outOfSync: Some
  readonly ledByOthers: Some
}
type Some = { readonly first: Partition[]; count: number }

/** One pass over the partitions of a broker, however many they are. */
function heldBy(image: Image, brokerId: number): Held {
  const rows = image.rowsWithReplicaOn(brokerId)
  const held = { led: 0, replicas: rows.length, leaderless: none(), outOfSync: none(), ledByOthers: none() }
  for (const row of rows) {
    const partition = image.partition(row)
    const { leader, replicas } = partition
    if (leader === brokerId) held.led += 1
    else if (leader === null && mayLeadAgain(partition, brokerId)) add(held.leaderless, partition)
    else if (!isInSync(partition, brokerId)) add(held.outOfSync, partition)
    else if (replicas[0] === brokerId && !isMoving(partition)) add(held.ledByOthers, partition)
  }
  return held
}

function none(): Some {
  return { first: [], count: 0 }
}

function add(some: Some, partition: Partition): void {
  some.count += 1
  if (some.first.length < NAMED_MAX) some.first.push(partition)
}

function isAre({ count }: Some): string {
  return count === 1 ? 'is' : 'are'
}

/** The partition waits for this broker. */
function mayLeadAgain(partition: Partition, brokerId: number): boolean {
  return isEligible(partition, brokerId) || (partition.elr === 0 && partition.lastKnownLeader === brokerId)
}

function statusOf(image: Image, history: History, broker: Broker): Finding[] {
  const { brokerId, status, drain } = broker
  if (image.isActive(brokerId)) return []
  const away = awayFinding(history, broker)
  // Nobody misses it: it was emptied, and stopped.
  const isOver = status === 'OFFLINE' && drain?.mode === 'DECOMMISSION' && holdsNothing(image, brokerId)
  return [isOver ? { ...away, remedy: `take it off the list: dmq broker remove ${brokerId}` } : away]
}

function holdsNothing(image: Image, brokerId: number): boolean {
  return image.rowsWithReplicaOn(brokerId).length === 0
}

function lateFinding({ brokerId }: Broker, lateness: Lateness): Finding {
  return finding('BROKER_LATE', `broker ${brokerId} is UNREACHABLE: ${latenessText(lateness)}`, {
    remedy: `look why heartbeats of broker ${brokerId} do not arrive: its process, its machine, the network`,
  })
}

function drainFindings(image: Image, broker: Broker, resourcesOf: ResourcesOf): Finding[] {
  const { brokerId, drain } = broker
  if (drain === null) return []
  const { left, done, leaders, replicas } = drainProgress(image, broker, resourcesOf)
  const { since } = drain
  const decommission = drain.mode === 'DECOMMISSION'
  const verb = decommission ? 'decommissioned' : 'drained'
  if (done)
    return [
      finding('DRAINED', `broker ${brokerId} is ${verb}: nothing is left on it that was to go`, { since }),
    ]
  const kept = decommission
    ? `holds ${counted(replicas.left, 'replica')}`
    : `leads ${counted(leaders.left, 'partition')}`
  const all = decommission ? replicas.left : leaders.left
  const ofFirst = all > left.length ? ` of the first ${left.length}` : ''
  const because = [...Map.groupBy(left, ({ why }) => why)].slice(0, NAMED_MAX).map(([why, places]) => {
    const names = places.slice(0, NAMED_MAX).map(({ topic, partition }) => `${topic}-${partition}`)
    return finding('NOT_DRAINED', `${firstOf(names, places.length, ofFirst)}: ${why}`)
  })
  return [
    finding('NOT_DRAINED', `broker ${brokerId} is not ${verb} yet: it still ${kept}`, { since, because }),
  ]
}

/** Such as `a-0, a-1 and 3 more`. */
function firstOf(names: readonly string[], count: number, ofWhich = ''): string {
  const more = count > names.length ? ` and ${count - names.length} more${ofWhich}` : ''
  return `${names.join(', ')}${more}`
}

/** While it is away, what is to be done stands beside that it is. */
function withoutLeader(image: Image, { brokerId }: Broker, { leaderless }: Held): Finding[] {
  if (leaderless.count === 0) return []
  const [wait, have] = leaderless.count === 1 ? ['waits', 'has'] : ['wait', 'have']
  const what = `${counted(leaderless.count, 'partition')} of broker ${brokerId} ${wait} for it, and ${have} no leader meanwhile`
  const names = leaderless.first.map(({ topicId, id }) => `${image.topicById(topicId)!.name}-${id}`)
  return [finding('WITHOUT_LEADER', `${what}: ${firstOf(names, leaderless.count)}`)]
}

/** Of a broker that is away it needs no explanation. */
function notInSync(image: Image, history: History, { brokerId }: Broker, { outOfSync }: Held): Finding[] {
  if (outOfSync.count === 0) return []
  const because = image.isActive(brokerId)
    ? outOfSync.first.map(partition => {
        const topic = image.topicById(partition.topicId)!
        return whyNotInSync(caseOf(image, history, { topic, partition }), brokerId)
      })
    : []
  return [
    finding(
      'NOT_IN_SYNC',
      `${counted(outOfSync.count, 'replica')} on broker ${brokerId} ${isAre(outOfSync)} not in sync`,
      {
        because,
      },
    ),
  ]
}

function preferredElsewhere(image: Image, broker: Broker, { ledByOthers }: Held): Finding[] {
  const { brokerId, statusSince } = broker
  if (ledByOthers.count === 0 || broker.status !== 'ONLINE') return []
  const names = ledByOthers.first.map(({ topicId, id }) => `${image.topicById(topicId)!.name}-${id}`)
  const that = ledByOthers.count === 1 ? 'that prefers' : 'that prefer'
  const what = `${counted(ledByOthers.count, 'partition')} ${that} broker ${brokerId} ${isAre(ledByOthers)} led by others: ${firstOf(names, ledByOthers.count)}`
  const back = ledByOthers.count === 1 ? 'it goes back by itself' : 'they go back by themselves'
  const remedy = `${back} after leader.balance-delay-ms; at once: dmq leader elect`
  return [finding('BALANCE_DUE', what, { since: statusSince, remedy })]
}

function healthy(history: History, broker: Broker, { led, replicas }: Held): Finding {
  const { brokerId, status, statusSince } = broker
  const entry = statusEntry(history, broker)
  return finding(
    'HEALTHY',
    `broker ${brokerId} is healthy: ${status}, it leads ${counted(led, 'partition')} and holds ${counted(replicas, 'replica')}${inSyncText(replicas)}`,
    { since: statusSince, ...(entry === null ? {} : { version: entry.version }) },
  )
}

function inSyncText(replicas: number): string {
  if (replicas === 0) return ''
  return replicas === 1 ? ', in sync' : ', all in sync'
}
