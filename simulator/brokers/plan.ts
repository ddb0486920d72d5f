import type { ControllerOptions } from '../../src/controller/controller.ts'
import { FEATURES } from '../../src/metadata/features.ts'
import type { Chance } from '../chance.ts'
import type { FaultKind } from '../nemesis/faults.ts'
import type { Plan } from '../plan.ts'
import { FIRST_BROKER } from './addresses.ts'
import { BROKER_FAULT_KINDS, type BrokerFaultKind } from './fault-kinds.ts'

/** What a run with storage nodes draws on top of a plan for metadata nodes. */
export type BrokerPlan = {
  readonly brokers: readonly { readonly id: number; readonly rack: string }[]
  readonly controller: Omit<ControllerOptions, 'nodeId' | 'url'>
  readonly heartbeatMs: number
  /** A follower that has not been at the end of the log for so long leaves the ISR. */
  readonly lagMs: number
  readonly fetchMs: number
  /** A log is flushed so often; null: only when the broker stops. */
  readonly flushMs: number | null
  /** At most so many records in one answer to a fetch. */
  readonly fetchRecordsMax: number
  readonly faults: readonly BrokerFaultKind[]
  readonly faultEveryMs: number
  readonly outageMs: number
  readonly lossPercent: number
  readonly stuckMs: number
  readonly producers: number
  readonly thinkMs: number
  readonly adminEveryMs: number
  /** Unclean elections and forced removals happen: records may be lost with them. */
  readonly allowsLoss: boolean
  readonly minIsr: number
  /**
   * No broker is struck so that it may lose records before all replicas are in sync again: then, with two in every ISR that
   * commits, nothing may be lost at all.
   */
  readonly careful: boolean
}

/** Those that take a metadata node away for good are left to the runs that are about metadata nodes. */
const METADATA_FAULTS: readonly FaultKind[] = [
  'kill',
  'powerFailure',
  'gracefulStop',
  'transfer',
  'pause',
  'clockDrift',
  'clockJump',
  'slowDisk',
  'cutOneWay',
  'cutSymmetric',
  'isolate',
  'slowLinks',
  'leaderHunt',
  'longOutage',
  'powerFailureOfAll',
]

const NEWEST = FEATURES['metadata.version'].max

export function drawBrokerPlan(chance: Chance, count: number): BrokerPlan {
  const sessionTimeoutMs = chance.pick([1_000, 2_000, 3_000])
  const racks = chance.pick([1, 2, 3])
  const drawn = chance.shuffled(BROKER_FAULT_KINDS).slice(0, chance.between(3, 7))
  const allowsLoss = chance.happens(0.25)
  const careful = !allowsLoss && chance.happens(0.5)
  return {
    brokers: Array.from({ length: count }, (_, i) => ({ id: FIRST_BROKER + i, rack: `r${i % racks}` })),
    controller: {
      sessionTimeoutMs,
      leaderBalanceDelayMs: chance.pick([0, 1_000, 5_000]),
      firstLevels: { 'metadata.version': chance.pick([1, 2, 3, NEWEST, NEWEST, NEWEST]) },
      moves: { recoveryDelayMs: chance.pick([0, 4_000, 10_000]) },
      movesMax: chance.pick([1, 3, 10]),
    },
    heartbeatMs: sessionTimeoutMs / chance.pick([4, 6]),
    lagMs: chance.pick([400, 1_000]),
    fetchMs: chance.pick([20, 60]),
    flushMs: chance.pick([null, 200, 2_000]),
    fetchRecordsMax: chance.pick([1, 5, 100]),
    faults: drawn,
    faultEveryMs: chance.pick([300, 800, 2_000]),
    outageMs: sessionTimeoutMs * chance.pick([0.3, 1, 2]),
    lossPercent: chance.pick([0, 0, 1, 5]),
    stuckMs: chance.pick([500, 2_000]),
    producers: chance.between(2, 5),
    thinkMs: chance.pick([20, 60]),
    adminEveryMs: chance.pick([400, 1_500, 5_000]),
    allowsLoss,
    minIsr: careful ? 2 : chance.pick([1, 2, 2, 2]),
    careful,
  }
}

/** The metadata nodes of such a run: calmer, for what they suffer is only half of the matter. */
export function calmer(plan: Plan, chance: Chance, nodes: number | null): Plan {
  const size = nodes ?? chance.pick([1, 3, 3, 3, 5])
  const clocks = Array.from({ length: size }, (_, i) => plan.clocks[i % plan.clocks.length]!)
  const faults = chance.shuffled(METADATA_FAULTS).slice(0, chance.between(1, 4))
  return {
    ...plan,
    voters: size,
    clocks,
    faults: chance.happens(0.3) ? [] : faults,
    faultEveryMs: plan.raft.electionTimeoutMs * chance.pick([10, 20, 40]),
    outageMs: plan.raft.electionTimeoutMs * chance.pick([2, 5]),
    foundInPeace: true,
    chaosMs: chance.pick([15_000, 25_000]),
    network: { ...plan.network, queuedBytesMax: 16_000_000 },
    speed: { leastMs: 0.05, meanMs: Math.min(8, plan.speed.meanMs) },
    raft: { ...plan.raft, uncommittedBytesMax: 65_536 },
    minorityStaysDown: false,
  }
}
