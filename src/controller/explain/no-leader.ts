import { uncleanElectionAllowed } from '../../metadata/topic-config.ts'
import { elrOf } from '../history/sentence.ts'
import { whyAway } from './away.ts'
import { type Case, isEligible } from './case.ts'
import { type Finding, finding } from './finding.ts'
import { originOf } from './past.ts'
import { whyLeft } from './replica.ts'

/** Nobody leads: who could, and what keeps each replica from it. */
export function whyNobodyLeads(one: Case): Finding {
  const { partition, past, name, topic } = one
  const { lastKnownLeader, replicas, modifiedAt } = partition
  const cause = past.leaderSince(lastKnownLeader)
  const origin = cause === null ? { since: modifiedAt } : originOf(cause)
  const replicaCauses = replicas.map(id => whyItCannotLead(one, id))
  const unclean = uncleanElectionAllowed(topic.config)
    ? []
    : [
        finding(
          'UNCLEAN_ELECTION_OFF',
          'unclean.leader.election.enable is false: only a replica that holds every committed record may lead',
        ),
      ]
  return finding('NO_LEADER', `${name} has no leader`, {
    ...origin,
    remedy: remedyOf(one),
    because: [...replicaCauses, ...unclean],
  })
}

function whyItCannotLead(one: Case, brokerId: number): Finding {
  const { image, history, partition } = one
  const away = whyAway(image, history, brokerId)
  const left = whyLeft(one, brokerId)
  // One entry may be both.
  const because = [away, left?.version === away?.version ? null : left].filter(each => each != null)
  if (isEligible(partition, brokerId))
    return finding('ELIGIBLE', `broker ${brokerId} holds every committed record (ELR), and is away`, {
      because,
    })
  const last = partition.lastKnownLeader === brokerId && elrOf(partition).length === 0
  const what = last
    ? `broker ${brokerId} led last, and nobody else may lead now; it is away`
    : `broker ${brokerId} may lack committed records: it is neither in the ISR nor in the ELR`
  return finding(last ? 'ELIGIBLE' : 'NOT_ELIGIBLE', what, { because })
}

function remedyOf({ image, topic, partition, name }: Case): string {
  const elr = elrOf(partition)
  const { lastKnownLeader, replicas } = partition
  const wanted = elr.length > 0 ? elr : lastKnownLeader === null ? [] : [lastKnownLeader]
  const isHere = (id: number): boolean => image.broker(id) !== undefined
  const lossy = `dmq leader elect ${name} --unclean gives up what only others hold`
  if (!replicas.some(isHere))
    return `every broker that held ${name} was removed: delete ${topic.name} (dmq topic delete ${topic.name}) and create it again`
  const startable = wanted.filter(isHere)
  if (wanted.length === 0 || startable.length === 0)
    return `start any broker that holds a replica of ${name} (${replicas.filter(isHere).join(', ')}); ${lossy}`
  return `start broker ${startable.join(' or ')}, and it leads again; if its data are lost: ${lossy}`
}
