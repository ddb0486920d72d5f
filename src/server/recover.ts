import { join } from 'node:path'
import { FatalError } from '../base/errors.ts'
import { encodeEntry, encodeHardState } from '../consensus/entry-codec.ts'
import { restore } from '../consensus/restore.ts'
import { Replica } from '../controller/replica.ts'
import type { Disk } from '../io/disk.ts'
import { nodeClock } from '../io/node-clock.ts'
import { SnapshotStore } from '../log/snapshot-store.ts'
import { CHANGE_MEMBERS } from '../raft/entry.ts'
import type { Restored } from '../raft/options.ts'
import { electorsOf, encodeConfiguration, type Voter } from '../raft/voters.ts'
import { type Place, type StoppedNode, withStoppedNode } from './stopped-node.ts'

/** What a recovery from this data directory comes to. */
export type Recovery = {
  readonly nodeId: number
  readonly clusterId: string
  readonly voters: readonly number[]
  readonly recoveryEpoch: number
  readonly lastEntry: { readonly index: number; readonly term: number }
  /** Entries up to here were known to be committed; what follows may be, or may not. */
  readonly committed: number
  readonly done: boolean
}

/**
 * Makes a cluster of one voter out of the data directory of a voter whose majority is lost for good. `dryRun` changes
 * nothing, and tells how far this log goes: the one that goes furthest loses least.
 *
 * What the lost voters acknowledged and this one never got is lost. Everything in this log counts as committed from now
 * on. The recovery epoch grows, and so the old voters are shut out: they may hold what contradicts this cluster.
 */
export function recover(disk: Disk, place: Place, dryRun: boolean): Promise<Recovery> {
  return withStoppedNode(disk, place, async node => {
    const store = new SnapshotStore(disk, join(place.folder, 'snapshots'))
    const { restored } = await restore(node.log, store, new Replica(nodeClock), 1024 * 1024)
    store.close()
    voterOf(node, restored)
    if (!dryRun) await appendRecovery(node, restored)
    return describe(node, restored, !dryRun)
  })
}

function describe({ identity }: StoppedNode, restored: Restored, done: boolean): Recovery {
  const { hardState, snapshots, last } = restored
  const configuration = configurationOf(restored)
  return {
    nodeId: identity.nodeId,
    clusterId: configuration.clusterId,
    voters: electorsOf(configuration).map(({ id }) => id),
    recoveryEpoch: configuration.recoveryEpoch + Number(done),
    lastEntry: { index: last, term: lastTerm(restored) },
    committed: Math.max(hardState.commit, snapshots.at(-1)?.id.index ?? 0),
    done,
  }
}

function configurationOf({ configurations }: Restored) {
  const configuration = configurations.at(-1)
  if (configuration === undefined)
    throw new FatalError('this node belongs to no cluster yet: there is nothing to recover')
  return configuration
}

/** This node as its own log has it. Throws FatalError if it does not vote there: nothing can be recovered from it. */
function voterOf({ identity }: Pick<StoppedNode, 'identity'>, restored: Restored): Voter {
  const { nodeId: id, directoryUuid: uuid } = identity
  const voters = electorsOf(configurationOf(restored))
  const known = voters.find(voter => voter.id === id && voter.uuid === uuid)
  if (known !== undefined) return known
  throw new FatalError(
    `node ${id} is not a voter in its own log (voters: ${voters.map(voter => voter.id).join(', ')}): recover from the data directory of one that is`,
  )
}

function lastTerm({ runs, base }: Restored): number {
  return runs.at(-1)?.term ?? base.term
}

/**
 * The lost voters may have been in later terms than this log knows of, and storage nodes ignore a controller of an earlier
 * term than one they have followed. More terms than a cluster comes through while a voter is away.
 */
const TERMS_MISSED_MAX = 1_000_000

/** One write: the entry that names this node alone, the term that it is of, and the vote for itself in that term. */
async function appendRecovery({ identity, log }: StoppedNode, restored: Restored): Promise<void> {
  const { hardState, last } = restored
  const before = configurationOf(restored)
  const known = voterOf({ identity }, restored)
  const term = Math.max(hardState.term, lastTerm(restored)) + TERMS_MISSED_MAX
  const recoveryEpoch = before.recoveryEpoch + 1
  const index = last + 1
  const data = encodeConfiguration({
    ...before,
    index,
    recoveryEpoch,
    voters: [known],
    outgoing: null,
    learners: [],
  })
  await log.append({
    resetTo: null,
    truncateFrom: null,
    firstIndex: index,
    records: [encodeEntry({ index, term, type: CHANGE_MEMBERS, data })],
    state: encodeHardState({ ...hardState, term, votedFor: known.id }),
  })
}

/** For the operator, before and after. */
export function recoveryText(folder: string, recovery: Recovery): string {
  const { nodeId, clusterId, voters, recoveryEpoch, lastEntry, committed, done } = recovery
  const facts = [
    `metadata node ${nodeId} of cluster ${clusterId}, whose voters are ${voters.join(', ')}`,
    `its log ends with entry ${lastEntry.index} of term ${lastEntry.term}; entries up to ${committed} were known to be committed`,
  ]
  if (done) {
    return [
      ...facts,
      `done: node ${nodeId} is now the only voter, in recovery epoch ${recoveryEpoch}`,
      'start it, then empty the data directories of the other nodes (keep copies) and add them with dmq quorum add',
    ].join('\n')
  }
  return [
    ...facts,
    'nothing has been changed. Before you go on:',
    `- the other voters must be gone for good: if a majority of ${voters.join(', ')} can be started, start it instead`,
    '- run this on every voter that is left, and recover from the one whose last entry has the highest term, then index',
    `- what the others acknowledged and this log lacks (anything after entry ${lastEntry.index}) is lost`,
    '- the other voters are shut out; they come back with emptied data directories only',
    `then: dmq recover ${folder} --yes`,
  ].join('\n')
}
