import type { Core } from './core.ts'
import type { Milliseconds } from './entry.ts'
import { awaited } from './founding.ts'
import type { RoleName, Status, VoterStatus } from './io.ts'
import { standingOf } from './standing.ts'
import { type Configuration, electorsOf, type Voter } from './voters.ts'

/** What a node knows of itself and of its leader, for people and for the driver. */
export function statusOf(core: Core, now: Milliseconds): Status {
  const { configuration } = core
  const member = (voter: Voter): VoterStatus => memberStatus(core, voter, now)
  return {
    id: core.options.id,
    uuid: core.options.uuid,
    role: roleName(core),
    term: core.term,
    leader: core.liveLeaderId(),
    clusterId: core.clusterId,
    recoveryEpoch: configuration?.recoveryEpoch ?? 0,
    commit: core.commit,
    applied: core.applied,
    durable: core.durability.durable,
    first: core.log.base.index + 1,
    last: core.log.last,
    snapshot: core.snapshot?.id ?? null,
    configuration: configuration && { index: configuration.index, changing: isChanging(core, configuration) },
    voters: electorsOf(configuration).map(member),
    learners: (configuration?.learners ?? []).map(member),
    transferTo: core.role.kind === 'leader' ? (core.role.transfer?.target ?? null) : null,
    awaited: awaited(core),
    standing: standingOf(core, now),
    tally: { ...core.tally },
  }
}

function isChanging(core: Core, { index, outgoing }: Configuration): boolean {
  return outgoing !== null || index > core.commit
}

const ROLE_NAMES = {
  founding: 'FOUNDING',
  follower: 'FOLLOWER',
  candidate: 'CANDIDATE',
  leader: 'LEADER',
} as const

export function roleName(core: Core): RoleName {
  return ROLE_NAMES[core.role.kind]
}

function memberStatus(core: Core, { id, uuid, host, port }: Voter, now: Milliseconds): VoterStatus {
  const member = {
    id,
    uuid,
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  }
  if (core.role.kind !== 'leader')
    return { ...member, match: null, next: null, known: false, contactAgeMs: null }
  const progress = core.role.progress.get(id)
  if (progress === undefined) {
    return {
      ...member,
      match: core.durability.durable,
      next: core.log.lastIndex + 1,
      known: true,
      contactAgeMs: 0,
    }
  }
  const { match, next, heard, state, contactAt } = progress
  const known = heard && (match > 0 || state !== 'probe')
  return { ...member, match, next, known, contactAgeMs: now - contactAt }
}
