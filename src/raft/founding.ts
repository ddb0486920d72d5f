import { assert } from '../base/assert.ts'
import type { Core } from './core.ts'
import { campaign } from './election.ts'
import { FOUND_CLUSTER } from './entry.ts'
import type { Envelope, FoundingAnswer, FoundingProbe } from './message.ts'
import { encodeFounding, uuidOf } from './voters.ts'

/**
 * Founding a cluster, so that wiped disks can never found a second one over a survivor.
 *
 * 1. An empty node asks every voter of its configuration whether it is empty too, again and again.
 * 2. Each one answers: empty or not, and with the UUIDs of its data directory and of the one that asked (in the
 *    envelope). An answer to a disk that is gone counts for nothing: whoever was empty then may hold a cluster by now.
 * 3. When all are empty, the one with the lowest id writes entry 1: a new cluster id and every voter with its UUID.
 *    Nobody else writes that entry, so index 1 is the same wherever it exists; the founder then runs for election.
 * 4. An empty node takes part only when a message is addressed to its very UUID: then a founder has heard from this
 *    disk. A node that is not empty answers so, and whom its log records; a wiped node learns that it is not meant.
 */
export function probe(core: Core): void {
  const role = core.role
  assert(role.kind === 'founding', 'only empty nodes ask')
  role.probeAt = core.now + core.options.heartbeatIntervalMs
  for (const peer of awaited(core))
    core.send(peer, { type: 'foundingProbe', voters: core.options.configuredVoters })
  foundIfAllAreEmpty(core)
}

/** Configured voters that have not said that they are empty. */
export function awaited(core: Core): number[] {
  const role = core.role
  if (role.kind !== 'founding') return []
  return core.options.configuredVoters.filter(id => id !== core.options.id && !role.answers.has(id))
}

export function receiveProbe(core: Core, envelope: Envelope, probe: FoundingProbe): void {
  const { from, fromUuid } = envelope
  forgetReplaced(core, from, fromUuid)
  const empty = core.clusterId === null
  if (empty && !sameVoters(core, probe.voters)) reportDisagreement(core, from, probe.voters)
  const voters = core.options.configuredVoters
  const recordedUuid = uuidOf(core.configuration, from)
  core.answerInTerm(envelope, { type: 'foundingAnswer', empty, voters, recordedUuid })
}

/** A disk that answered and was replaced before the cluster is founded must not be recorded: its successor is asked. */
function forgetReplaced({ role }: Core, from: number, fromUuid: string): void {
  if (role.kind === 'founding' && role.answers.get(from) !== fromUuid) role.answers.delete(from)
}

export function receiveAnswer(core: Core, envelope: Envelope, answer: FoundingAnswer): void {
  const { from, fromUuid, toUuid } = envelope
  const role = core.role
  if (role.kind !== 'founding' || !core.options.configuredVoters.includes(from)) return
  if (toUuid !== core.options.uuid) return
  if (answer.recordedUuid !== null && answer.recordedUuid !== core.options.uuid) {
    refuseWiped(core, envelope, answer.recordedUuid)
    return
  }
  role.answers.delete(from)
  if (!answer.empty) return
  if (!sameVoters(core, answer.voters)) {
    reportDisagreement(core, from, answer.voters)
    return
  }
  role.answers.set(from, fromUuid)
  foundIfAllAreEmpty(core)
}

function foundIfAllAreEmpty(core: Core): void {
  const { id, uuid, configuredVoters, newClusterId } = core.options
  const role = core.role
  if (role.kind !== 'founding' || awaited(core).length > 0 || id !== Math.min(...configuredVoters)) return
  const voters = configuredVoters
    .toSorted((a, b) => a - b)
    .map(voter => ({
      id: voter,
      uuid: voter === id ? uuid : role.answers.get(voter)!,
    }))
  core.adoptCluster(newClusterId)
  core.becomeFollower(1, null)
  core.append({ index: 1, term: 1, type: FOUND_CLUSTER, data: encodeFounding(newClusterId, voters) })
  // Nobody hears of the cluster before its first entry is on disk: a founder that forgot it would strand them.
  core.whenDurable(() => campaign(core))
}

/** This disk is not the one that the cluster recorded under this node's id. */
export function refuseWiped(core: Core, { from, clusterId, via }: Envelope, recordedUuid: string): void {
  const { id, uuid } = core.options
  const text =
    `cluster ${clusterId} records data directory ${recordedUuid} for node ${id}, but this one is ${uuid}: ` +
    'it was wiped, replaced, or belongs elsewhere, and what the cluster counts on is not in it'
  core.out.refusals.push({ from, reason: 'wipedReceiver', text, ...(via === undefined ? {} : { via }) })
}

function sameVoters(core: Core, voters: readonly number[]): boolean {
  const own = core.options.configuredVoters
  return own.length === voters.length && own.every(id => voters.includes(id))
}

function reportDisagreement(core: Core, from: number, voters: readonly number[]): void {
  const text = `it lists the metadata nodes ${voters.join(', ')}, this node ${core.options.configuredVoters.join(', ')}`
  core.out.refusals.push({ from, reason: 'votersDisagree', text })
}
