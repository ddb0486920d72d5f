import { BROKER_COUNTERS } from './brokers/counters.ts'

/**
 * What rare things a run has seen. A run in which nothing happened proves nothing, so a batch fails when one of those
 * marked `must` never occurred.
 */
const COUNTERS = {
  elections: 'must',
  electionsSplit: 'must',
  preVotesRefused: 'must',
  votesRefused: 'must',
  stepDowns: 'must',
  truncations: 'must',
  leaderLostInFlight: 'must',
  appendsRejected: 'must',
  readsFromDisk: 'must',
  segmentsRolled: 'must',
  crashes: 'must',
  powerFailures: 'must',
  powerFailuresMidWrite: 'must',
  powerFailuresOfAll: 'must',
  tornWritesCut: 'must',
  recoveries: 'must',
  crashLoops: 'must',
  longOutages: 'must',
  gracefulStops: 'must',
  transfersOrdered: 'must',
  pauses: 'must',
  clockDrifts: 'must',
  clockJumps: 'must',
  diskErrorHalts: 'must',
  syncErrors: 'must',
  writeErrors: 'must',
  noSpace: 'must',
  slowDisks: 'must',
  readsCorrupted: 'must',
  rottenDisks: 'must',
  damageRefused: 'must',
  wipedDisks: 'must',
  wipedRefused: 'must',
  cutsOneWay: 'must',
  cutsSymmetric: 'must',
  isolations: 'must',
  bridges: 'must',
  forks: 'must',
  lateReads: 'must',
  leadersUsurped: 'must',
  oldReleases: 'must',
  cloggedLinks: 'must',
  slowLinks: 'must',
  connectionsBroken: 'must',
  connectsRefused: 'must',
  framesLost: 'must',
  framesRefused: 'must',
  framesDuplicated: 'must',
  framesDelayed: 'must',
  framesReplayed: 'must',
  proposalsAcknowledged: 'must',
  proposalsRejected: 'must',
  proposalsRefused: 'must',
  proposalsOverwritten: 'must',
  proposalsUnknown: 'must',
  localReads: 'must',
  linearizableReads: 'must',
  processesFoundGone: 'must',
  slowDisksNoticed: 'must',
  snapshotsTaken: 'must',
  snapshotsInstalled: 'must',
  snapshotsFailed: 'may',
  snapshotsDamaged: 'may',
  learnersAdded: 'must',
  votersAdded: 'must',
  votersRemoved: 'must',
  votersReplaced: 'must',
  leadersRemoved: 'must',
  cameBackWiped: 'must',
  cameBackOnOldDrive: 'must',
  removedStillRunning: 'must',
  changesRefused: 'must',
  changesCut: 'must',
  endedInJointPhase: 'must',
  newcomersTurnedAway: 'may',
  keysChecked: 'must',
  keysUndecided: 'may',
  livenessWithMinorityDown: 'must',
  isolatedKeptQuiet: 'must',
  deafLeaders: 'must',
} as const satisfies Record<string, 'must' | 'may'>

export type Counter = keyof typeof COUNTERS | keyof typeof BROKER_COUNTERS
export type Counts = Partial<Record<Counter, number>>

export class Coverage {
  readonly counts: Counts = {}

  add(counter: Counter, by = 1): void {
    this.counts[counter] = (this.counts[counter] ?? 0) + by
  }
}

export function addCounts(total: Counts, more: Counts): void {
  for (const [counter, count] of Object.entries(more) as [Counter, number][])
    total[counter] = (total[counter] ?? 0) + count
}

/** Those that matter in runs with storage nodes, or in those without. */
export function countersOf(withBrokers: boolean): Readonly<Partial<Record<Counter, 'must' | 'may'>>> {
  return withBrokers ? BROKER_COUNTERS : COUNTERS
}

/** Those that must occur and did not. */
export function missing(counts: Counts, withBrokers = false): Counter[] {
  const counters = Object.entries(countersOf(withBrokers)) as [Counter, 'must' | 'may'][]
  return counters.flatMap(([name, need]) => (need === 'must' && (counts[name] ?? 0) === 0 ? [name] : []))
}
