import { counted } from '../../base/counted.ts'
import type { Image, TopicPartition } from '../../metadata/image.ts'
import { isMoving, isWaiting } from '../../metadata/reassignment.ts'
import { bitOf, countOf, minIsrOf, type Reassignment } from '../../metadata/replication.ts'
import { minInsyncReplicas } from '../../metadata/topic-config.ts'
import type { History } from '../history/history.ts'
import { isrOf, list } from '../history/sentence.ts'
import { whyAway } from './away.ts'
import { type Case, caseOf, isAdded, isInSync } from './case.ts'
import { type Finding, finding } from './finding.ts'
import { whyNobodyLeads } from './no-leader.ts'
import { originOf } from './past.ts'
import { whyNotInSync } from './replica.ts'

/** Everything that is not as it should be with a partition, and why; or that all is well. */
export function explainPartition(image: Image, history: History, place: TopicPartition): Finding[] {
  const one = caseOf(image, history, place)
  const { partition } = one
  const findings = [
    ...(partition.leader === null ? [whyNobodyLeads(one)] : shortOfReplicas(one)),
    ...ledByAnother(one),
    ...moving(one),
  ]
  return findings.length > 0 ? findings : [healthy(one)]
}

function healthy({ name, partition: { leader, leaderEpoch, isr } }: Case): Finding {
  const replicas = countOf(isr)
  const inSync = replicas === 1 ? 'it has one replica' : `all ${counted(replicas, 'replica')} are in sync`
  return finding(
    'HEALTHY',
    `${name} is healthy: broker ${leader} leads it in leader epoch ${leaderEpoch}, and ${inSync}`,
  )
}

/** A leader is there, but not all others are with it. What makes the ISR too small is said once, as its cause. */
function shortOfReplicas(one: Case): Finding[] {
  const { topic, partition, past, name } = one
  const absent = partition.replicas.filter(id => !isAdded(partition, id) && !isInSync(partition, id))
  const why = absent.map(id => whyNotInSync(one, id))
  const minIsr = minIsrOf(partition, { minIsr: minInsyncReplicas(topic.config) })
  const members = countOf(partition.isr)
  if (members >= minIsr) return why
  return [
    finding(
      'UNDER_MIN_ISR',
      `${name} has ${members} in sync (${list(isrOf(partition))}), and min.insync.replicas is ${minIsr}: writes with acks=all are refused`,
      { ...originOf(past.isrBelow(minIsr)), because: why },
    ),
  ]
}

function ledByAnother(one: Case): Finding[] {
  const { partition, past, name, image, history } = one
  const { leader } = partition
  const preferred = partition.replicas[0]!
  if (leader === null || leader === preferred || isMoving(partition)) return []
  const away = whyAway(image, history, preferred)
  const because = away ?? whyItDoesNotLead(one, preferred)
  return [
    finding(
      'LED_BY_ANOTHER',
      `${name} is led by broker ${leader}, not by broker ${preferred}, its preferred leader`,
      {
        ...originOf(past.leaderSince(preferred)),
        because: [because],
      },
    ),
  ]
}

function whyItDoesNotLead(one: Case, preferred: number): Finding {
  const { image, partition, name } = one
  const broker = image.broker(preferred)!
  if (image.isDraining(preferred))
    return finding(
      'BROKER_DRAINS',
      `broker ${preferred} is ${broker.statusReason}, and leads nothing that others can`,
      {
        since: broker.drain?.since ?? broker.statusSince,
      },
    )
  if (!isInSync(partition, preferred)) return whyNotInSync(one, preferred)
  return finding('BALANCE_DUE', `broker ${preferred} is up and in sync again`, {
    since: broker.statusSince,
    remedy: `its leaderships go back by themselves after leader.balance-delay-ms; at once: dmq leader elect ${name}`,
  })
}

function moving(one: Case): Finding[] {
  const { partition, name, image, history } = one
  const { replicas, isr, reassignment } = partition
  if (reassignment === null) return []
  if (isWaiting(partition)) return [queued(one, reassignment)]
  const { target, cause, startedAt } = reassignment
  const awaited = target.filter(id => (isr & bitOf(replicas, id)) === 0)
  const entry = history.newest(
    ({ time, commandType }) => time === startedAt && commandType === 'AlterReplicasCommand',
  )
  const because = awaited.map(
    id =>
      whyAway(image, history, id) ??
      finding('MOVE_WAITS', `the replica of ${name} on broker ${id} has not caught up yet`),
  )
  const what = `${name} moves to ${list(target)} (${cause.toLowerCase()}), and waits for ${list(awaited)}`
  return [finding('MOVING', what, { since: startedAt, ...originOf(entry), because })]
}

function queued({ partition, name, image, history }: Case, { target, startedAt }: Reassignment): Finding {
  const asked = history.newest(
    ({ time, commandType }) => time === startedAt && commandType === 'AlterReplicasCommand',
  )
  const coming = target.filter(id => !partition.replicas.includes(id))
  const because = coming.flatMap(id => whyAway(image, history, id) ?? [])
  return finding('MOVE_QUEUED', `${name} is to move to ${list(target)}, and waits for its turn`, {
    since: startedAt,
    ...originOf(asked),
    remedy: 'dmq reassign throttle shows how many partitions are moved at a time, and changes it',
    because,
  })
}
