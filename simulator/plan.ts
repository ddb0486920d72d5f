import type { SnapshotOptions } from '../src/consensus/snapshots.ts'
import type { RaftOptions } from '../src/raft/options.ts'
import type { Chance } from './chance.ts'
import { FAULT_KINDS, type FaultKind } from './nemesis/faults.ts'
import type { DriveSpeed } from './world/drive.ts'
import type { Latency } from './world/links.ts'
import type { Lateness } from './world/virtual-clock.ts'
import { type FrameFaults, type NetworkOptions, NO_FRAME_FAULTS } from './world/virtual-network.ts'

/**
 * What one seed comes to: the cluster, its options, and which troubles it meets. Each run has its own mixture with many
 * faults left out, so that those which are in come more to bear (swarm testing).
 */
export type Plan = {
  /** Those that found the cluster; the other machines may join it later. */
  readonly voters: number
  readonly clocks: readonly { skewMs: number; rate: number; granularityMs: number }[]
  readonly latency: Latency
  readonly network: NetworkOptions
  readonly frameFaults: FrameFaults
  readonly speed: DriveSpeed
  readonly lateness: Lateness
  readonly segmentBytes: number
  readonly raft: Omit<
    RaftOptions & SnapshotOptions,
    'id' | 'uuid' | 'configuredVoters' | 'newClusterId' | 'random'
  >
  /** The troubles of this run, each as often as it is named. */
  readonly faults: readonly FaultKind[]
  readonly faultEveryMs: number
  readonly outageMs: number
  readonly foundInPeace: boolean
  readonly chaosMs: number
  readonly clients: number
  /** How often a client writes many things at once. */
  readonly burstShare: number
  /** In the end a follower is heard no more for a while, and little is written. */
  readonly endsDeaf: boolean
  readonly topics: number
  readonly thinkMs: number
  readonly proposalTimeoutMs: number
  /** In the liveness phase a minority stays broken. */
  readonly minorityStaysDown: boolean
  /** Nodes speak now the oldest protocol and now the newest, as in an upgrade that takes long, or is taken back. */
  readonly mixedReleases: boolean
}

const LAGGARDS: { faults: FaultKind[] } = {
  faults: ['longOutage', 'isolate', 'leaderHunt', 'powerFailure', 'pause', 'fork', 'fork', 'lateRead'],
}
/** Appends come late and once more, behind snapshots that were sent because of them. */
const LATE_FRAMES: FrameFaults = { lose: 0.02, refuse: 0.1, duplicate: 0.1, delay: 0.3, replay: 0.05 }

/** About as many calls come in a run at most. */
const CALLS_MAX = 2_000

export function drawPlan(chance: Chance, nodes: number | null): Plan {
  const voters = nodes ?? chance.pick([1, 2, 3, 3, 3, 4, 5, 5, 5, 7])
  const electionTimeoutMs = chance.pick([100, 150, 300])
  const drawn = drawTroubles(chance, electionTimeoutMs)
  const raft = drawRaftOptions(chance, electionTimeoutMs)
  // Some runs are about who comes back from far behind, with a log that parted from the others'.
  const isAboutLaggards = chance.happens(0.2)
  const endangered = isAboutLaggards ? { ...drawn, ...LAGGARDS } : drawn
  // In others nodes join and leave, whatever else goes on.
  const membersChange = chance.happens(0.35)
  const troubles = withChanges(endangered, membersChange)
  const size = voters + (membersChange ? chance.between(1, 3) : 0)
  return {
    voters,
    clocks: Array.from({ length: size }, () => drawClock(chance)),
    latency: chance.pick([
      { leastMs: 0.05, meanMs: 0.1 },
      { leastMs: 0.2, meanMs: 0.5 },
      { leastMs: 1, meanMs: 3 },
      { leastMs: 0.1, meanMs: electionTimeoutMs / 30 },
    ]),
    network: {
      queuedBytesMax: chance.pick([2_000, 20_000, 16_000_000]),
      stuckMs: chance.pick([300, 1_000, 5_000]),
      needsWayBack: chance.happens(0.5),
    },
    frameFaults: isAboutLaggards && chance.happens(0.5) ? LATE_FRAMES : drawFrameFaults(chance),
    speed: chance.pick([
      { leastMs: 0.05, meanMs: 0.1 },
      { leastMs: 0.1, meanMs: 1 },
      { leastMs: 0.1, meanMs: 8 },
    ]),
    lateness: { timerMs: chance.pick([0, 1, 5]), idleMs: chance.pick([0, 0, 0.2, 2]) },
    segmentBytes: chance.pick([8_192, 16_384, 65_536]),
    raft: isAboutLaggards ? { ...raft, snapshotBytesMin: 200 } : raft,
    ...troubles,
    ...drawWorkload(chance, electionTimeoutMs, troubles.chaosMs),
    burstShare: isAboutLaggards ? 0.1 : 0.01,
    endsDeaf: chance.happens(0.5),
    minorityStaysDown: voters >= 3 && chance.happens(0.4),
    mixedReleases: false,
  }
}

/** Some runs are an upgrade. With members of two releases in it, a cluster refuses to change them. */
export function withReleases(plan: Plan, chance: Chance): Plan {
  const mixedReleases = chance.happens(0.2) && !plan.faults.includes('changeMembers')
  return { ...plan, mixedReleases }
}

function drawClock(chance: Chance) {
  return {
    skewMs: chance.between(0, 100_000),
    rate: chance.happens(0.7) ? 1 : 0.9 + 0.2 * chance.fraction(),
    granularityMs: chance.pick([0, 0, 0, 1, 10]),
  }
}

function drawRaftOptions(chance: Chance, electionTimeoutMs: number): Plan['raft'] {
  return {
    electionTimeoutMs,
    electionJitterMs: chance.pick([electionTimeoutMs / 2, electionTimeoutMs]),
    heartbeatIntervalMs: electionTimeoutMs / chance.pick([4, 5, 10]),
    commitNoticeDelayMs: chance.pick([0, 2, 20]),
    appendBytesMax: chance.pick([1, 300, 4_096, 65_536]),
    inflightCountMax: chance.pick([1, 2, 8, 64]),
    inflightBytesMax: chance.pick([1_000, 65_536]),
    uncommittedBytesMax: chance.pick([1_000, 4_000, 65_536]),
    tailBytesMax: chance.pick([0, 500, 5_000, 1_048_576]),
    snapshotPartBytes: chance.pick([100, 1_000, 65_536]),
    snapshotBytesMin: chance.pick([200, 2_000, 20_000, Number.POSITIVE_INFINITY]),
    readsMax: chance.pick([1, 10, 1_000]),
  }
}

function drawFrameFaults(chance: Chance): FrameFaults {
  if (chance.happens(0.4)) return NO_FRAME_FAULTS
  const some = (most: number): number => (chance.happens(0.6) ? 0 : chance.fraction() * most)
  return { lose: some(0.2), refuse: some(0.1), duplicate: some(0.2), delay: some(0.2), replay: some(0.1) }
}

/**
 * Three to eight kinds of trouble; the others do not come at all. Hunted leaders come more often than that: hardly anything
 * else brings about half-replicated terms, and those are where most bugs of consensus have been.
 */
function drawTroubles(chance: Chance, electionTimeoutMs: number) {
  const kinds = FAULT_KINDS.filter(kind => kind !== 'changeMembers')
  const drawn = chance.shuffled(kinds).slice(0, chance.between(3, 8))
  const faults: FaultKind[] = chance.happens(0.3) ? [...drawn, 'leaderHunt'] : drawn
  return {
    faults: chance.happens(0.05) ? [] : faults,
    faultEveryMs: electionTimeoutMs * chance.pick([1, 3, 8]),
    outageMs: electionTimeoutMs * chance.pick([0.5, 2, 5]),
    foundInPeace: chance.happens(0.7),
    chaosMs: electionTimeoutMs * chance.pick([60, 100, 150]),
  }
}

/** A change takes many steps; faults that come between them are what matters. */
function withChanges<T extends { faults: FaultKind[] }>(troubles: T, membersChange: boolean): T {
  const { faults } = troubles
  return membersChange ? { ...troubles, faults: [...faults, 'changeMembers', 'changeMembers'] } : troubles
}

function drawWorkload(chance: Chance, electionTimeoutMs: number, chaosMs: number) {
  const clients = chance.between(2, 5)
  return {
    clients,
    topics: chance.between(1, 4),
    thinkMs: Math.max(electionTimeoutMs * chance.pick([0.05, 0.2, 0.5]), (clients * chaosMs) / CALLS_MAX),
    proposalTimeoutMs: electionTimeoutMs * chance.pick([2, 5, 10]),
  }
}
